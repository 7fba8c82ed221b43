// Encoding, decoding and streaming against the committed answers of PyPI `tokenizers`.
#include "runtime/text/Detokenizer.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Unicode.h"
#include "test/unit/text/TokenizerTestData.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

class TokenizerGolden : public testing::TestWithParam<const char *> {};

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerGolden, testing::ValuesIn(kGoldenKinds),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             c = c == '-' ? '_' : c;
                           return name;
                         });

TEST_P(TokenizerGolden, EqualsReference) {
  std::vector<uint8_t> blob = readBlob(GetParam());
  auto tokenizer = Tokenizer::open(blob);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  auto cases = readGolden(GetParam());
  ASSERT_GE(cases.size(), 100u);
  for (const GoldenCase &c : cases) {
    EncodeOptions options{(c.flags & 1) != 0, (c.flags & 2) != 0};
    EXPECT_EQ(tokenizer->encode(c.text, options), c.ids) << c.text;
    EXPECT_EQ(tokenizer->decode(c.ids, false), c.shown) << c.text;
    EXPECT_EQ(tokenizer->decode(c.ids, true), c.hidden) << c.text;
  }
}

TEST_P(TokenizerGolden, StreamEqualsDecode) {
  std::vector<uint8_t> blob = readBlob(GetParam());
  auto tokenizer = Tokenizer::open(blob);
  ASSERT_TRUE(tokenizer.ok());
  for (const GoldenCase &c : readGolden(GetParam())) {
    for (bool skip : {false, true}) {
      StreamDetokenizer::Options options;
      options.skipSpecial = skip;
      StreamDetokenizer stream(*tokenizer, options);
      std::string text;
      for (int32_t id : c.ids) {
        std::string piece = stream.add(id);
        EXPECT_TRUE(unicode::isValid(piece));
        text += piece;
      }
      text += stream.flush();
      EXPECT_EQ(text, skip ? c.hidden : c.shown);
    }
  }
}
