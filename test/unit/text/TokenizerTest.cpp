// Behaviour of the tokenizer's interface beyond the reference comparison.
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Detokenizer.h"
#include "test/unit/text/TokenizerTestData.h"

#include <gtest/gtest.h>

#include <chrono>

using namespace axiom;
using namespace axiom::test;

namespace {

/// A tokenizer with the bytes it points into.
struct Loaded {
  std::vector<uint8_t> blob;
  Result<Tokenizer> result;
  explicit Loaded(const std::string &kind) : blob(readBlob(kind)), result(Tokenizer::open(blob)) {}
  const Tokenizer &operator*() const { return result.value(); }
  const Tokenizer *operator->() const { return &result.value(); }
};

} // namespace

TEST(Tokenizer, SpecialIdsAndTokens) {
  Loaded t("llama2");
  ASSERT_TRUE(t.result.ok());
  EXPECT_EQ(t->bosId(), 1); // from the post-processor: there was no tokenizer_config.json
  EXPECT_EQ(t->unkId(), 0);
  EXPECT_EQ(std::vector<int32_t>(t->prefixIds().begin(), t->prefixIds().end()),
            std::vector<int32_t>{1});
  EXPECT_TRUE(t->isSpecial(1));
  EXPECT_FALSE(t->isSpecial(-1));
  EXPECT_FALSE(t->isSpecial(t->vocabSize()));
  int32_t newline = t->findToken("<0x0A>");
  ASSERT_GE(newline, 0);
  EXPECT_EQ(t->tokenBytes(newline), "\n");
  EXPECT_EQ(t->tokenText(newline), "<0x0A>");
  EXPECT_EQ(t->findToken("no such token"), -1);
  EXPECT_FALSE(t->hasToken(t->vocabSize()));
  EXPECT_EQ(t->tokenBytes(t->vocabSize()), "");
}

TEST(Tokenizer, EveryTokenIsFoundByItsText) {
  for (const char *kind : kGoldenKinds) {
    Loaded t(kind);
    ASSERT_TRUE(t.result.ok());
    for (int32_t id = 0; id < t->vocabSize(); ++id)
      EXPECT_EQ(t->findToken(t->tokenText(id)), id) << kind << " " << t->tokenText(id);
  }
}

TEST(Tokenizer, ByteLevelTokensAreBytes) {
  Loaded t("gpt2");
  ASSERT_TRUE(t.result.ok());
  int32_t space = t->findToken("\u0120");
  ASSERT_GE(space, 0);
  EXPECT_EQ(t->tokenBytes(space), " ");
  EXPECT_EQ(t->tokenText(space), "\u0120");
}

TEST(Tokenizer, SpecialTokensInTextOnRequest) {
  Loaded t("llama3");
  ASSERT_TRUE(t.result.ok());
  int32_t end = t->findToken("<|end|>");
  std::vector<int32_t> parsed = t->encode("a<|end|>", {false, true});
  ASSERT_EQ(parsed.size(), 2u);
  EXPECT_EQ(parsed[1], end);
  std::vector<int32_t> plain = t->encode("a<|end|>", {false, false});
  EXPECT_EQ(std::count(plain.begin(), plain.end(), end), 0);
  EXPECT_EQ(t->decode(plain, true), "a<|end|>");
  EXPECT_EQ(t->decode(parsed, true), "a");
}

TEST(Tokenizer, InvalidUtf8IsReplacementCharacters) {
  Loaded t("qwen2");
  ASSERT_TRUE(t.result.ok());
  EXPECT_EQ(t->encode("a\xFF\xE2\x82z"), t->encode("a\uFFFD\uFFFDz"));
  EXPECT_EQ(t->encode("\xED\xA0\x80"), t->encode("\uFFFD\uFFFD\uFFFD")); // a surrogate
}

TEST(Tokenizer, EmptyText) {
  for (const char *kind : kGoldenKinds) {
    Loaded t(kind);
    ASSERT_TRUE(t.result.ok());
    EXPECT_TRUE(t->encode("", {false, true}).empty());
    EXPECT_EQ(t->encode("").size(), t->prefixIds().size() + t->suffixIds().size());
    EXPECT_EQ(t->decode({}, true), "");
  }
}

TEST(Tokenizer, LongWordsTakeLinearithmicTime) {
  // A quadratic merge of a megabyte would take minutes.
  for (const char *kind : {"gpt2", "llama2"}) {
    Loaded t(kind);
    ASSERT_TRUE(t.result.ok());
    std::string text;
    for (size_t i = 0; i < 1000000; ++i)
      text += "abeilnorst"[i * 2654435761u >> 20 & 7];
    auto start = std::chrono::steady_clock::now();
    std::vector<int32_t> ids = t->encode(text, {false, true});
    auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_LT(seconds, 30.0); // about 0.3 s, and 20 times that with sanitizers
    EXPECT_EQ(t->decode(ids, true), text);
  }
}

TEST(Tokenizer, ShortAndLongWordsMergeAlike) {
  // Words of up to 48 symbols go another way than longer ones: a text of one letter that only ever
  // merges with itself must not notice where the border lies.
  Loaded t("gpt2");
  ASSERT_TRUE(t.result.ok());
  for (size_t n = 30; n < 70; ++n) {
    std::string text(n, '=');
    std::vector<int32_t> ids = t->encode(text, {false, true});
    EXPECT_EQ(t->decode(ids, false), text);
    std::vector<int32_t> longer = t->encode(text + std::string(64, '='), {false, true});
    ASSERT_GE(longer.size(), ids.size());
    EXPECT_EQ(longer[0], ids[0]);
  }
}

TEST(StreamDetokenizer, HoldsIncompleteCharacters) {
  Loaded t("gpt2");
  ASSERT_TRUE(t.result.ok());
  std::vector<int32_t> bytes; // U+1D11E, four bytes, one token each
  for (const char *token : {"\u00F0", "\u013F", "\u0126", "\u0140"})
    bytes.push_back(t->findToken(token));
  ASSERT_EQ(t->decode(bytes, true), "\U0001D11E");
  StreamDetokenizer stream(*t);
  EXPECT_EQ(stream.add(bytes[0]), "");
  EXPECT_EQ(stream.add(bytes[1]), "");
  EXPECT_EQ(stream.add(bytes[2]), "");
  EXPECT_EQ(stream.add(bytes[3]), "\U0001D11E");
  EXPECT_EQ(stream.flush(), "");
  EXPECT_EQ(stream.add(bytes[0]), "");
  EXPECT_EQ(stream.add(t->findToken("a")), "\uFFFDa");
  EXPECT_EQ(stream.add(bytes[0]), "");
  EXPECT_EQ(stream.add(bytes[1]), "");
  EXPECT_EQ(stream.flush(), "\uFFFD");
  EXPECT_EQ(stream.flush(), "");
}

TEST(StreamDetokenizer, DropsTheFirstSpaceOnce) {
  Loaded t("llama2");
  ASSERT_TRUE(t.result.ok());
  int32_t space = t->findToken("\u2581");
  ASSERT_GE(space, 0);
  StreamDetokenizer start(*t);
  EXPECT_EQ(start.add(t->bosId()), ""); // hidden, and not the first text
  EXPECT_EQ(start.add(space), "");
  EXPECT_EQ(start.add(space), " ");
  StreamDetokenizer::Options options;
  options.atTextStart = false;
  StreamDetokenizer inside(*t, options);
  EXPECT_EQ(inside.add(space), " ");
}

TEST(StreamDetokenizer, ByteTokensComeOutWhenComplete) {
  Loaded t("llama2");
  ASSERT_TRUE(t.result.ok());
  auto byte = [&](const char *name) { return t->findToken(name); };
  StreamDetokenizer stream(*t);
  EXPECT_EQ(stream.add(byte("<0xE4>")), "");
  EXPECT_EQ(stream.add(byte("<0xBD>")), "");
  EXPECT_EQ(stream.add(byte("<0xA0>")), "\u4F60");
  EXPECT_EQ(stream.add(byte("<0xE4>")), "");
  EXPECT_EQ(stream.add(byte("<0x41>")), "\uFFFDA");
  std::vector<int32_t> broken{byte("<0xE4>"), byte("<0xBD>"), byte("<0x41>")};
  EXPECT_EQ(t->decode(broken, true), "\uFFFD\uFFFD\uFFFD"); // the run as a whole, as the reference
}
