// A ModelSource over tensors made by a test, in any source type.
#ifndef AXIOM_TEST_UNIT_PACKAGE_FAKEMODEL_H
#define AXIOM_TEST_UNIT_PACKAGE_FAKEMODEL_H

#include "compiler/import/ModelSource.h"

#include <bit>
#include <cstring>
#include <deque>
#include <random>

namespace axiom::test {

class FakeModel : public ModelSource {
public:
  void add(const std::string &name, SourceType type, uint64_t rows, uint64_t cols,
           std::vector<uint8_t> bytes) {
    storage_.push_back(std::move(bytes));
    SourceTensor tensor;
    tensor.name = name;
    tensor.type = type;
    tensor.rows = rows;
    tensor.cols = cols;
    tensor.bytes = storage_.back();
    tensors_[name] = tensor;
  }
  void addF32(const std::string &name, uint64_t rows, uint64_t cols,
              const std::vector<float> &values) {
    std::vector<uint8_t> bytes(values.size() * 4);
    std::memcpy(bytes.data(), values.data(), bytes.size());
    add(name, SourceType::F32, rows, cols, std::move(bytes));
  }
  /// Random blocks of a type: scales and mins are ordinary halves, all other bytes anything.
  void addBlocks(const std::string &name, SourceType type, uint64_t rows, uint64_t cols,
                 uint32_t seed) {
    BlockShape shape = sourceBlock(type);
    std::vector<uint8_t> bytes(rows * cols / shape.weights * shape.bytes);
    std::mt19937 random(seed);
    for (uint8_t &byte : bytes)
      byte = static_cast<uint8_t>(random());
    // Exponent bits of the f16 fields, most at the start of a block: 2^-6 to 2^-3 in magnitude.
    bool one = type == SourceType::Q8_0 || type == SourceType::Q4_0 || type == SourceType::Q6_K;
    uint32_t halves = one ? 1 : 2, first = type == SourceType::Q6_K ? 208 : 0;
    for (size_t block = 0; block < bytes.size(); block += shape.bytes)
      for (uint32_t h = 0; h < halves; ++h) {
        uint8_t &high = bytes[block + first + 2 * h + 1];
        high = static_cast<uint8_t>((high & 0x83) | (9 + random() % 4) << 2);
      }
    add(name, type, rows, cols, std::move(bytes));
  }
  Result<std::vector<InputDigest>> digests() const override { return std::vector<InputDigest>(); }

private:
  std::deque<std::vector<uint8_t>> storage_;
};

inline std::vector<float> randomValues(size_t count, uint32_t seed, float spread = 0.05f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(random);
  return values;
}

} // namespace axiom::test

#endif
