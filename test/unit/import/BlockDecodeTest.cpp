// Against the numpy dequantizers of the PyPI package gguf: test/import/block_goldens.py.
#include "compiler/import/BlockDecode.h"

#include "runtime/base/MappedFile.h"
#include "runtime/base/Sha256.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <sstream>

using namespace axiom;

namespace {

constexpr SourceType kAll[] = {SourceType::F32,  SourceType::F16,  SourceType::BF16,
                               SourceType::Q4_0, SourceType::Q4_1, SourceType::Q5_0,
                               SourceType::Q5_1, SourceType::Q8_0, SourceType::Q4_K,
                               SourceType::Q5_K, SourceType::Q6_K};

SourceType typeNamed(const std::string &name) {
  for (SourceType type : kAll)
    if (name == sourceTypeName(type))
      return type;
  ADD_FAILURE() << "no type " << name;
  return SourceType::F32;
}

/// The bytes that the script made: see there.
std::vector<uint8_t> generated(SourceType type, uint32_t id, const std::vector<size_t> &halves,
                               size_t count) {
  size_t size = sourceBlock(type).bytes;
  uint64_t state = 12345 + id;
  std::vector<uint8_t> bytes(count * size);
  for (uint8_t &byte : bytes) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    byte = static_cast<uint8_t>(state >> 56);
  }
  for (size_t b = 0; b < count; ++b) {
    for (size_t h : halves)
      if ((bytes[b * size + h + 1] & 0x7c) == 0x7c)
        bytes[b * size + h + 1] ^= 0x40;
    if (type == SourceType::F32 || type == SourceType::BF16)
      bytes[b * size + size - 1] &= 0xbf;
  }
  return bytes;
}

} // namespace

TEST(BlockDecode, EqualsTheReferenceBitForBit) {
  auto text = readSmallFile(AXIOM_TEST_FOLDER "/golden/import/block_goldens.json", 1 << 20);
  ASSERT_TRUE(text.ok()) << text.status().message();
  auto table = nlohmann::json::parse(*text);
  ASSERT_EQ(table.size(), std::size(kAll));
  for (const auto &entry : table) {
    SourceType type = typeNamed(entry["type"]);
    SCOPED_TRACE(sourceTypeName(type));
    BlockShape shape = sourceBlock(type);
    constexpr size_t kCount = 512;
    auto bytes = generated(type, entry["id"], entry["halves"], kCount);

    std::string block = entry["block"];
    ASSERT_EQ(block.size(), 2 * shape.bytes);
    for (size_t i = 0; i < shape.bytes; ++i)
      ASSERT_EQ(bytes[i], std::stoul(block.substr(2 * i, 2), nullptr, 16)) << i;

    std::vector<float> out(kCount * shape.weights);
    decodeBlocks(type, bytes.data(), kCount, out.data());
    std::istringstream decoded(entry["decoded"].get<std::string>());
    std::string word;
    for (size_t i = 0; i < shape.weights; ++i) {
      ASSERT_TRUE(decoded >> word);
      uint32_t bits;
      std::memcpy(&bits, &out[i], 4);
      EXPECT_EQ(bits, std::stoul(word, nullptr, 16)) << "weight " << i;
    }
    Sha256 hash;
    hash.update(out.data(), out.size() * sizeof(float));
    EXPECT_EQ(sha256Hex(hash.finish()), entry["sha256"].get<std::string>());
  }
}

TEST(BlockDecode, UnalignedBytes) {
  for (SourceType type : kAll) {
    BlockShape shape = sourceBlock(type);
    std::vector<uint8_t> bytes = generated(type, 1, {}, 8);
    std::vector<uint8_t> shifted(bytes.size() + 1);
    std::copy(bytes.begin(), bytes.end(), shifted.begin() + 1);
    std::vector<float> a(8 * shape.weights), b(8 * shape.weights);
    decodeBlocks(type, bytes.data(), 8, a.data());
    decodeBlocks(type, shifted.data() + 1, 8, b.data());
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * 4), 0) << sourceTypeName(type);
  }
}
