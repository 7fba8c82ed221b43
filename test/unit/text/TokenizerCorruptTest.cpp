// Damaged blobs: refused with a reason, or harmless to use.
#include "runtime/text/Detokenizer.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Unicode.h"
#include "test/unit/text/TokenizerTestData.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

using namespace axiom;
using namespace axiom::test;

namespace {

/// Opens a copy of exactly its size (so that a sanitizer sees every step outside) and uses it.
/// True if it opened.
bool tryBlob(const std::vector<uint8_t> &bytes) {
  std::vector<uint8_t> blob(bytes.begin(), bytes.end());
  auto tokenizer = Tokenizer::open(blob);
  if (!tokenizer.ok()) {
    EXPECT_EQ(tokenizer.status().code(), Code::BadInput);
    EXPECT_FALSE(tokenizer.status().message().empty());
    return false;
  }
  for (std::string_view text :
       {"Hello 123 <|end|> word  caf\u00e9 e\u0301\u0323 \u4F60\n\n'll", "\xFF  <both> x"}) {
    std::vector<int32_t> ids = tokenizer->encode(text);
    for (int32_t id : ids) {
      EXPECT_GE(id, 0);
      EXPECT_LT(id, tokenizer->vocabSize());
    }
    EXPECT_TRUE(unicode::isValid(tokenizer->decode(ids, false)));
  }
  std::vector<int32_t> all(static_cast<size_t>(std::min(tokenizer->vocabSize(), 2000)));
  std::iota(all.begin(), all.end(), 0);
  EXPECT_TRUE(unicode::isValid(tokenizer->decode(all, true)));
  StreamDetokenizer stream(*tokenizer);
  std::string text;
  for (int32_t id : all)
    text += stream.add(id);
  EXPECT_TRUE(unicode::isValid(text + stream.flush()));
  return true;
}

} // namespace

TEST(TokenizerCorrupt, Truncated) {
  for (const char *kind : {"llama3", "llama2"}) {
    std::vector<uint8_t> blob = readBlob(kind);
    ASSERT_TRUE(tryBlob(blob));
    for (size_t size = 0; size < blob.size(); size += size < 512 ? 1 : 37)
      EXPECT_FALSE(tryBlob({blob.begin(), blob.begin() + static_cast<ptrdiff_t>(size)})) << size;
    blob.push_back(0);
    EXPECT_FALSE(tryBlob(blob));
  }
}

TEST(TokenizerCorrupt, BytesFlipped) {
  for (const char *kind : {"qwen2", "metaspace-always"}) {
    const std::vector<uint8_t> blob = readBlob(kind);
    size_t opened = 0, refused = 0;
    for (size_t i = 0; i < blob.size(); i += i < 400 ? 1 : 3)
      for (uint8_t mask : {0x01, 0x80, 0xFF}) {
        if (i >= 400 && mask == 0x01)
          continue;
        std::vector<uint8_t> damaged = blob;
        damaged[i] ^= mask;
        (tryBlob(damaged) ? opened : refused)++;
      }
    // Texts and merges may change silently here (digests are the artifact's); sizes may not.
    EXPECT_GT(refused, 1000u);
    EXPECT_GT(opened, 1000u);
  }
}

TEST(TokenizerCorrupt, RandomWords) {
  std::mt19937 rng(7);
  const uint32_t values[] = {0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 65536};
  for (const char *kind : {"llama3", "gemma"}) {
    const std::vector<uint8_t> blob = readBlob(kind);
    for (int n = 0; n < 3000; ++n) {
      std::vector<uint8_t> damaged = blob;
      for (uint32_t k = 0, count = 1 + rng() % 3; k < count; ++k) {
        size_t limit = rng() % 2 ? 400 : damaged.size() - 4;
        size_t at = rng() % limit & ~size_t{3};
        uint32_t value = rng() % 3 ? values[rng() % std::size(values)] : rng() % 1000;
        for (size_t b = 0; b < 4; ++b)
          damaged[at + b] = static_cast<uint8_t>(value >> 8 * b);
      }
      tryBlob(damaged);
    }
  }
}
