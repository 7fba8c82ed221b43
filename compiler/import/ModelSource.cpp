#include "compiler/import/ModelSource.h"

#include "compiler/import/BlockDecode.h"

#include <cassert>

namespace axiom {

const char *sourceTypeName(SourceType type) {
  switch (type) {
  case SourceType::F32:
    return "F32";
  case SourceType::F16:
    return "F16";
  case SourceType::BF16:
    return "BF16";
  case SourceType::Q4_0:
    return "Q4_0";
  case SourceType::Q4_1:
    return "Q4_1";
  case SourceType::Q5_0:
    return "Q5_0";
  case SourceType::Q5_1:
    return "Q5_1";
  case SourceType::Q8_0:
    return "Q8_0";
  case SourceType::Q4_K:
    return "Q4_K";
  case SourceType::Q5_K:
    return "Q5_K";
  case SourceType::Q6_K:
    return "Q6_K";
  }
  return "unknown";
}

BlockShape sourceBlock(SourceType type) {
  switch (type) {
  case SourceType::F32:
    return {1, 4};
  case SourceType::F16:
    return {1, 2};
  case SourceType::BF16:
    return {1, 2};
  case SourceType::Q4_0:
    return {32, 18};
  case SourceType::Q4_1:
    return {32, 20};
  case SourceType::Q5_0:
    return {32, 22};
  case SourceType::Q5_1:
    return {32, 24};
  case SourceType::Q8_0:
    return {32, 34};
  case SourceType::Q4_K:
    return {256, 144};
  case SourceType::Q5_K:
    return {256, 176};
  case SourceType::Q6_K:
    return {256, 210};
  }
  return {1, 1};
}

uint64_t SourceTensor::rowBytes() const {
  BlockShape shape = sourceBlock(type);
  return cols / shape.weights * shape.bytes;
}

std::span<const uint8_t> SourceTensor::sourceRow(uint64_t row) const {
  assert(row < rows);
  if (permutedHeads > 0) {
    // Stored rows of a head alternate between its two halves: logical row half * (dim/2) + i of a
    // head lies at 2 * i + half.
    uint64_t dim = rows / permutedHeads;
    uint64_t head = row / dim, inHead = row % dim;
    uint64_t half = inHead / (dim / 2), i = inHead % (dim / 2);
    row = head * dim + 2 * i + half;
  }
  return bytes.subspan(row * rowBytes(), rowBytes());
}

void readRowF32(const SourceTensor &tensor, uint64_t row, float *out) {
  auto stored = tensor.sourceRow(row);
  decodeBlocks(tensor.type, stored.data(), tensor.cols / sourceBlock(tensor.type).weights, out);
}

} // namespace axiom
