// Odd and hostile safetensors files against the verdicts of the reference reader:
// test/import/safetensors_cases.py made the table and explains it.
#include "compiler/import/Safetensors.h"
#include "runtime/base/MappedFile.h"
#include "runtime/base/Sha256.h"
#include "test/unit/import/ModelFiles.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdio>

using namespace axiom;
using namespace axiom::test;

namespace {

/// The header is kept as Latin-1 in UTF-8: one code point below 256 for each byte.
std::string latin1(const std::string &utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); ++i) {
    auto c = static_cast<uint8_t>(utf8[i]);
    if (c >= 0x80)
      c = static_cast<uint8_t>(c << 6 | (utf8[++i] & 0x3f));
    bytes += static_cast<char>(c);
  }
  return bytes;
}

std::string build(const nlohmann::json &entry) {
  std::string bytes;
  if (entry["length"].is_number_unsigned())
    bytes = le(entry["length"].get<uint64_t>(), 8);
  bytes += latin1(entry["header"]);
  for (int i = 0; i < entry["data"].get<int>(); ++i)
    bytes += static_cast<char>(7 * i + 1);
  return bytes;
}

std::span<const uint8_t> view(const std::string &bytes) {
  return {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()};
}

} // namespace

TEST(SafetensorsCorrupt, VerdictsEqualTheReferenceOrAreStricter) {
  auto text = readSmallFile(AXIOM_CORRUPT_FOLDER "/safetensors_cases.json", 1 << 20);
  ASSERT_TRUE(text.ok()) << text.status().message();
  auto cases = nlohmann::json::parse(*text);
  ASSERT_GE(cases.size(), 60u);
  int accepted = 0, rejected = 0, stricter = 0;
  for (const auto &entry : cases) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    std::string bytes = build(entry);
    ASSERT_EQ(sha256Hex(Sha256::of(view(bytes))), entry["sha256"].get<std::string>());
    // An exact copy on the heap, so that a sanitizer sees a read past its end.
    std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    auto file = SafetensorsFile::parse(copy);
    bool referenceAccepts = entry["reference"] == "accepts";
    bool isStricter = entry["stricter"] != "";
    EXPECT_EQ(file.ok(), referenceAccepts && !isStricter)
        << (file.ok() ? "accepted" : file.status().message());
    EXPECT_TRUE(referenceAccepts || !isStricter) << "a reason without a difference";
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), Code::BadInput);
      EXPECT_GT(file.status().message().size(), 10u);
    }
    (file.ok() ? accepted : rejected) += 1;
    stricter += isStricter;
  }
  std::printf("%d accepted, %d rejected, of these %d that the reference accepts\n", accepted,
              rejected, stricter);
}

TEST(SafetensorsCorrupt, EveryTruncationIsRejected) {
  Tensors tensors;
  tensors["a"] = floats({3, 5}, 1);
  tensors["b"] = floats({2}, 2);
  std::string bytes = safetensorsBytes(tensors);
  ASSERT_TRUE(SafetensorsFile::parse(view(bytes)).ok());
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(SafetensorsFile::parse(cut).ok()) << size;
  }
}

TEST(SafetensorsCorrupt, EveryHeaderByteFlippedIsRejectedOrStaysInBounds) {
  Tensors tensors;
  tensors["a"] = floats({3, 5}, 1);
  tensors["b"] = floats({2}, 2);
  std::string bytes = safetensorsBytes(tensors);
  size_t data = 17 * 4, headerEnd = bytes.size() - data;
  for (size_t at = 0; at < headerEnd; ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<uint8_t> copy(bytes.begin(), bytes.end());
      copy[at] = static_cast<uint8_t>(copy[at] ^ 1 << bit);
      auto file = SafetensorsFile::parse(copy);
      if (!file.ok())
        continue;
      size_t total = 0;
      for (const auto &[name, tensor] : file->tensors) {
        ASSERT_GE(tensor.bytes.data(), copy.data());
        ASSERT_LE(tensor.bytes.data() + tensor.bytes.size(), copy.data() + copy.size());
        total += tensor.bytes.size();
      }
      EXPECT_EQ(total, data);
    }
}
