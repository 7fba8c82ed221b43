// UTF-8, classes and NFC against facts of the Unicode Standard (the tables themselves are compared
// with the reference by test/tokenizer/differential.py and tools/unicode/compare.py).
#include "runtime/text/Pretokenizer.h"
#include "runtime/text/Unicode.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::unicode;

TEST(TokenizerUnicode, Classes) {
  EXPECT_EQ(charClass('a'), CharClass::Letter);
  EXPECT_EQ(charClass(0x4E00), CharClass::Letter);
  EXPECT_EQ(charClass(0x9FFF), CharClass::Letter);
  EXPECT_EQ(charClass(0x3134A), CharClass::Letter);
  EXPECT_EQ(charClass(0x0301), CharClass::Mark);
  EXPECT_EQ(charClass(0xE01EF), CharClass::Mark);
  EXPECT_EQ(charClass('7'), CharClass::Number);
  EXPECT_EQ(charClass(0xBD), CharClass::Number);
  EXPECT_EQ(charClass(0x1D7FF), CharClass::Number);
  EXPECT_EQ(charClass('!'), CharClass::Punctuation);
  EXPECT_EQ(charClass('+'), CharClass::Symbol);
  EXPECT_EQ(charClass(0x1F600), CharClass::Symbol);
  EXPECT_EQ(charClass(' '), CharClass::Separator);
  EXPECT_EQ(charClass('\n'), CharClass::Other);
  EXPECT_EQ(charClass(0x378), CharClass::Other); // unassigned
  EXPECT_EQ(charClass(0x10FFFF), CharClass::Other);
  EXPECT_TRUE(isWhiteSpace(0x3000));
  EXPECT_FALSE(isWhiteSpace(0x200B));
  EXPECT_TRUE(isWord('_'));
  EXPECT_FALSE(isWord(0xBD));  // No
  EXPECT_TRUE(isWord(0x2160)); // Nl
  EXPECT_FALSE(isWord('-'));
}

TEST(TokenizerUnicode, Utf8RoundTripOfEveryCharacter) {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF)
      continue;
    std::string text;
    append(text, c);
    ASSERT_TRUE(isValid(text));
    ASSERT_EQ(sequenceLength(static_cast<uint8_t>(text[0])), text.size());
    size_t pos = 0;
    ASSERT_EQ(decode(text, pos), c);
    ASSERT_EQ(pos, text.size());
  }
}

TEST(TokenizerUnicode, InvalidUtf8) {
  // Table 3-8 of the Unicode Standard: one U+FFFD for each maximal subpart.
  EXPECT_EQ(toValid("a\xF1\x80\x80\xE1\x80\xC2"
                    "b\x80"
                    "c\x80\xBF"
                    "d"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(toValid("\xC0\xAF\xE0\x80\xBF"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(toValid("\xF4\x91\x92\x93"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(classify("\xF0\x9F").kind, Sequence::Incomplete);
  EXPECT_EQ(classify("\xF0\x9F\x98\x80").kind, Sequence::Valid);
}

TEST(TokenizerUnicode, Nfc) {
  EXPECT_EQ(toNfc("e\u0301"), "\u00E9");
  EXPECT_EQ(toNfc("\u212B"), "\u00C5");               // a singleton
  EXPECT_EQ(toNfc("\u1E9B\u0323"), "\u1E9B\u0323");   // UAX 15, figure 6
  EXPECT_EQ(toNfc("q\u0307\u0323"), "q\u0323\u0307"); // ordered
  EXPECT_EQ(toNfc("D\u0307\u0323"), "\u1E0C\u0307");
  EXPECT_EQ(toNfc("a\u0315\u0300"), "\u00E0\u0315");
  EXPECT_EQ(toNfc("\u0344"), "\u0308\u0301"); // excluded from composition
  EXPECT_EQ(toNfc("\u0958"), "\u0915\u093C");
  EXPECT_EQ(toNfc("\u1100\u1161\u11A8"), "\uAC01");
  EXPECT_EQ(toNfc("\uAC00\u11A8"), "\uAC01");
  EXPECT_EQ(toNfc("\uAC01\u11A8"), "\uAC01\u11A8");
  EXPECT_EQ(toNfc("\u0301\u0301"), "\u0301\u0301");
  EXPECT_EQ(toNfc("\u01D5\u0301"), "\u01D5\u0301");
  EXPECT_EQ(toNfc("u\u0308\u0304"), "\u01D6");
}

TEST(TokenizerUnicode, Gpt2Words) {
  auto words = [](std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
      size_t n = tokenizer::nextGpt2Word(text);
      out.emplace_back(text.substr(0, n));
      text.remove_prefix(n);
    }
    return out;
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(words("I'll go,  now 123abc  "),
            (Words{"I", "'ll", " go", ",", " ", " now", " 123", "abc", "  "}));
  EXPECT_EQ(words("x\n\ny"), (Words{"x", "\n", "\n", "y"}));
  EXPECT_EQ(words("'S'"), (Words{"'", "S", "'"}));
}

TEST(TokenizerUnicode, Llama3Words) {
  auto words = [](std::string_view text, unsigned digits, bool marks) {
    std::vector<std::string> out;
    while (!text.empty()) {
      size_t n = tokenizer::nextLlama3Word(text, digits, marks);
      out.emplace_back(text.substr(0, n));
      text.remove_prefix(n);
    }
    return out;
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(words("I'LL (go) 12345", 3, false),
            (Words{"I", "'LL", " (", "go", ")", " ", "123", "45"}));
  EXPECT_EQ(words("12", 1, false), (Words{"1", "2"}));
  EXPECT_EQ(words("a \n\n  b!\n\nc\t\td", 3, false),
            (Words{"a", " \n\n", " ", " b", "!\n\n", "c", "\t", "\td"}));
  EXPECT_EQ(words("\u0928\u092E\u0938\u094D", 1, true), (Words{"\u0928\u092E\u0938\u094D"}));
  EXPECT_EQ(words("\u0928\u092E\u0938\u094D", 1, false), (Words{"\u0928\u092E\u0938", "\u094D"}));
}
