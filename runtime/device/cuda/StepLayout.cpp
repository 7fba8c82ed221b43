#include "runtime/device/cuda/StepLayout.h"

#include "runtime/base/Checked.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace axiom::cuda {

namespace {

constexpr uint64_t kAlign = 64;

template <typename T> void put(uint8_t *to, std::span<const T> values) {
  if (!values.empty())
    std::memcpy(to, values.data(), values.size_bytes());
}

} // namespace

uint32_t bucketOf(uint32_t count, uint32_t most) {
  return count == 0 ? 0 : std::min(std::bit_ceil(count), most);
}

StepLayout::StepLayout(uint32_t tokenBucket, uint32_t rowBucket)
    : tokenBucket(tokenBucket), rowBucket(rowBucket) {
  uint64_t end = 0;
  auto take = [&](uint64_t words) {
    uint64_t at = end;
    end = alignUp(end + 4 * words, kAlign);
    return at;
  };
  tokenCount = take(2);
  rowCount = tokenCount + 4;
  tokens = take(tokenBucket);
  positions = take(tokenBucket);
  tableOffsets = take(tokenBucket);
  rows = take(rowBucket);
  blockTables = end;
}

uint64_t StepLayout::offsetOf(AxmSpace space) const {
  switch (space) {
  case AXM_SPACE_TOKENS:
    return tokens;
  case AXM_SPACE_POSITIONS:
    return positions;
  case AXM_SPACE_TABLE_OFFSETS:
    return tableOffsets;
  case AXM_SPACE_ROWS:
    return rows;
  default:
    return blockTables;
  }
}

uint64_t StepLayout::pack(const StepInput &in, uint8_t *to) const {
  const uint32_t counts[] = {static_cast<uint32_t>(in.tokens.size()),
                             static_cast<uint32_t>(in.rows.size())};
  put(to + tokenCount, std::span<const uint32_t>(counts));
  put(to + tokens, in.tokens);
  put(to + positions, in.positions);
  put(to + tableOffsets, in.tableOffsets);
  put(to + rows, in.rows);
  put(to + blockTables, in.blockTables);
  return bytes(in.blockTables.size());
}

} // namespace axiom::cuda
