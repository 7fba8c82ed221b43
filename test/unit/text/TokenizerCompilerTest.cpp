// tokenizer.json and GGUF metadata to blobs.
#include "compiler/import/TokenizerCompiler.h"
#include "compiler/import/ModelSource.h"
#include "runtime/text/Tokenizer.h"
#include "test/unit/text/TokenizerTestData.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <random>

using namespace axiom;
using namespace axiom::test;
using nlohmann::json;

namespace {

json readJson(const std::string &kind) { return json::parse(readTestFile(kind + ".json")); }

Result<std::vector<uint8_t>> compile(const json &tokenizer, const json &config = nullptr) {
  return compileTokenizerJson(tokenizer.dump(), config.is_null() ? "" : config.dump());
}

void expectError(const json &tokenizer, Code code, const std::string &names) {
  auto blob = compile(tokenizer);
  ASSERT_FALSE(blob.ok()) << names;
  EXPECT_EQ(blob.status().code(), code) << blob.status().message();
  EXPECT_NE(blob.status().message().find(names), std::string::npos) << blob.status().message();
}

std::vector<int32_t> prefixOf(const json &tokenizer, const json &config) {
  auto blob = compile(tokenizer, config);
  EXPECT_TRUE(blob.ok()) << blob.status().message();
  if (!blob.ok())
    return {-1};
  auto t = Tokenizer::open(*blob);
  return {t->prefixIds().begin(), t->prefixIds().end()};
}

} // namespace

TEST(TokenizerCompiler, BytesEqualTheCommittedBlobs) {
  for (const char *kind : kGoldenKinds) {
    auto blob = compileTokenizerJson(readTestFile(std::string(kind) + ".json"), "");
    ASSERT_TRUE(blob.ok()) << kind << ": " << blob.status().message();
    EXPECT_EQ(*blob, readBlob(kind)) << kind;
  }
}

TEST(TokenizerCompiler, BosAsTheConfigSays) {
  json llama2 = readJson("llama2"), gpt2 = readJson("gpt2");
  EXPECT_EQ(prefixOf(llama2, nullptr), std::vector<int32_t>{1});
  json config = {{"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}}}};
  EXPECT_EQ(prefixOf(llama2, config), std::vector<int32_t>{1});
  config["add_bos_token"] = false;
  EXPECT_EQ(prefixOf(llama2, config), std::vector<int32_t>{});
  json other = {{"bos_token", "<|endoftext|>"}, {"add_bos_token", true}};
  EXPECT_EQ(prefixOf(gpt2, other), std::vector<int32_t>{0});
  config["add_eos_token"] = true;
  auto blob = compile(llama2, config);
  ASSERT_TRUE(blob.ok());
  auto t = Tokenizer::open(*blob);
  EXPECT_EQ(t->bosId(), 1);
  EXPECT_EQ(t->eosId(), 2);
  EXPECT_EQ(t->encode("a").back(), 2);
  auto missing = compile(gpt2, json{{"add_bos_token", true}});
  EXPECT_FALSE(missing.ok());
}

TEST(TokenizerCompiler, UnsupportedPartsAreNamed) {
  json j = readJson("llama3");
  json changed = j;
  changed["model"]["type"] = "Unigram";
  expectError(changed, Code::Unsupported, "Unigram");
  changed = j;
  changed["normalizer"] = {{"type", "NFKC"}};
  expectError(changed, Code::Unsupported, "NFKC");
  changed = j;
  changed["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\p{L}+|.";
  expectError(changed, Code::Unsupported, "\\p{L}+|.");
  changed = j;
  changed["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  expectError(changed, Code::Unsupported, "BertPreTokenizer");
  changed = j;
  changed["decoder"] = {{"type", "WordPiece"}};
  expectError(changed, Code::Unsupported, "WordPiece");
  changed = j;
  changed["post_processor"] = {{"type", "BertProcessing"}};
  expectError(changed, Code::Unsupported, "BertProcessing");
  changed = j;
  changed["model"]["end_of_word_suffix"] = "</w>";
  expectError(changed, Code::Unsupported, "end_of_word_suffix");
  changed = j;
  changed["model"]["dropout"] = 0.1;
  expectError(changed, Code::Unsupported, "dropout");
}

TEST(TokenizerCompiler, MalformedInputIsRefused) {
  for (const char *text : {"", "[]", "{}", "{\"model\":{\"type\":\"BPE\"}}", "{\"model\":"})
    EXPECT_FALSE(compileTokenizerJson(text, "").ok()) << text;
  EXPECT_FALSE(compileTokenizerJson(std::string(100000, '['), "").ok());
  json j = readJson("gpt2"), changed = j;
  changed["model"]["merges"].push_back({"no", "such"});
  expectError(changed, Code::BadInput, "merge");
  changed = j;
  changed["model"]["vocab"]["x y"] = -5;
  expectError(changed, Code::BadInput, "x y");
  changed = j;
  changed["model"]["vocab"]["x y"] = 3;
  expectError(changed, Code::BadInput, "two tokens");
  changed = j;
  changed["model"]["vocab"]["x y"] = 4000000000u;
  expectError(changed, Code::BadInput, "x y");
  changed = j;
  changed["added_tokens"][0]["special"] = 7;
  expectError(changed, Code::BadInput, "special");
  EXPECT_FALSE(compile(j, json{{"bos_token", 5}}).ok());
  changed = readJson("llama2");
  changed["post_processor"]["special_tokens"]["<s>"]["ids"][0] = 100000;
  expectError(changed, Code::BadInput, "100000");
  changed = readJson("llama2");
  changed["normalizer"]["normalizers"][1]["content"] = std::string(60, 'x');
  expectError(changed, Code::Unsupported, "60 times");
}

namespace {

/// Replaces, removes or doubles one random value somewhere below `value`.
void mutate(json &value, std::mt19937 &rng) {
  const json values[] = {
      nullptr, true,  -1,       0,     1,     70000,      4294967296u,   1.5,
      "",      "a b", "\u2581", "BPE", "NFC", "Sequence", json::array(), json::object()};
  json *node = &value;
  while (node->is_structured() && !node->empty() && rng() % 6 != 0) {
    auto child = node->begin();
    std::advance(child, static_cast<ptrdiff_t>(rng() % std::min<size_t>(node->size(), 40)));
    if (rng() % 40 == 0) {
      node->erase(child);
      return;
    }
    if (node->is_array() && rng() % 40 == 0) {
      json copy = *child;
      node->push_back(copy);
      return;
    }
    node = &*child;
  }
  *node = values[rng() % std::size(values)];
}

} // namespace

TEST(TokenizerCompiler, RandomChangesAreRefusedOrHarmless) {
  std::mt19937 rng(11);
  size_t compiled = 0, refused = 0;
  for (const char *kind : {"llama2", "llama3", "metaspace-always"}) {
    const json good = readJson(kind);
    for (int n = 0; n < 300; ++n) {
      json changed = good, config = {{"bos_token", "<s>"}, {"add_bos_token", false}};
      for (uint32_t k = 0, count = 1 + rng() % 2; k < count; ++k)
        mutate(changed, rng);
      if (n % 4 == 0)
        mutate(config, rng);
      auto blob = compile(changed, config);
      if (blob.ok()) {
        auto t = Tokenizer::open(*blob);
        ASSERT_TRUE(t.ok());
        t->encode("I'll e\u0301 12  \n <|end|> word\u4F60");
        ++compiled;
        continue;
      }
      EXPECT_TRUE(blob.status().code() == Code::BadInput ||
                  blob.status().code() == Code::Unsupported)
          << blob.status().message();
      ++refused;
    }
  }
  EXPECT_GT(compiled, 50u);
  EXPECT_GT(refused, 200u);
}

namespace {

/// The members of the GGUF form that say what gpt2.json says, with another pre-tokenizer.
GgufTokenizer ggufOf(const json &j, const std::string &pre) {
  GgufTokenizer g;
  g.model = "gpt2";
  g.pre = pre;
  for (const auto &[text, id] : j["model"]["vocab"].items()) {
    g.tokens.resize(std::max<size_t>(g.tokens.size(), id.get<size_t>() + 1));
    g.tokens[id.get<size_t>()] = text;
  }
  g.tokenTypes.assign(g.tokens.size(), 1);
  g.tokenTypes[0] = 3;
  for (const json &merge : j["model"]["merges"])
    g.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  g.bosId = 0;
  return g;
}

} // namespace

TEST(TokenizerCompiler, GgufByteLevelEqualsJson) {
  for (auto [kind, pre] : {std::pair{"gpt2", "gpt-2"}, std::pair{"smollm", "smollm"},
                           std::pair{"qwen2", "qwen2"}, std::pair{"qwen35", "qwen35"}}) {
    json j = readJson(kind);
    json added = json::array(); // only what a GGUF can say
    for (const json &token : j["added_tokens"])
      if (token["id"] == 0)
        added.push_back(token);
    j["added_tokens"] = added;
    auto fromJson = compile(j), fromGguf = compileGgufTokenizer(ggufOf(j, pre));
    ASSERT_TRUE(fromJson.ok() && fromGguf.ok()) << kind << fromGguf.status().message();
    auto a = Tokenizer::open(*fromJson), b = Tokenizer::open(*fromGguf);
    for (const GoldenCase &c : readGolden(kind))
      EXPECT_EQ(a->encode(c.text), b->encode(c.text)) << c.text;
    EXPECT_EQ(b->bosId(), 0);
  }
}

TEST(TokenizerCompiler, GgufErrors) {
  json j = readJson("gpt2");
  auto message = [](const GgufTokenizer &g) { return compileGgufTokenizer(g).status().message(); };
  EXPECT_NE(message(ggufOf(j, "chameleon")).find("chameleon"), std::string::npos);
  EXPECT_NE(message(ggufOf(j, "")).find("missing"), std::string::npos);
  GgufTokenizer g = ggufOf(j, "gpt-2");
  g.model = "t5";
  EXPECT_NE(message(g).find("t5"), std::string::npos);
  g = ggufOf(j, "gpt-2");
  g.merges.push_back("one");
  EXPECT_NE(message(g).find("merge"), std::string::npos);
  g = ggufOf(j, "gpt-2");
  g.eosId = static_cast<int64_t>(g.tokens.size());
  EXPECT_NE(message(g).find("eos"), std::string::npos);
  g = ggufOf(j, "gpt-2");
  g.tokenTypes.pop_back();
  EXPECT_NE(message(g).find("types"), std::string::npos);
}

TEST(TokenizerCompiler, GgufSentencePieceMergesByScore) {
  GgufTokenizer g;
  g.model = "llama";
  g.pre = "default";
  g.tokens = {"<unk>", "<s>", "</s>", "\u2581", "a", "b", "c", "ab", "bc", "\u2581ab", "abc"};
  g.scores = {0, 0, 0, -10, -11, -12, -13, -2, -1, -3, -4};
  g.tokenTypes = {2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
  g.unkId = 0;
  g.bosId = 1;
  g.eosId = 2;
  auto blob = compileGgufTokenizer(g);
  ASSERT_TRUE(blob.ok()) << blob.status().message();
  auto t = Tokenizer::open(*blob);
  // "bc" (-1) before "ab" (-2); then "a"+"bc" = "abc" (-4), as no "\u2581a" exists.
  EXPECT_EQ(t->encode("abc"), (std::vector<int32_t>{1, 3, 10}));
  EXPECT_EQ(t->encode("ab"), (std::vector<int32_t>{1, 9}));
  EXPECT_EQ(t->encode("x</s>"), (std::vector<int32_t>{1, 3, 0, 2}));
  EXPECT_EQ(t->decode(std::vector<int32_t>{1, 9, 3, 4}, true), "ab a");
  g.addBos = false;
  g.addSpacePrefix = false;
  blob = compileGgufTokenizer(g);
  ASSERT_TRUE(blob.ok());
  t = Tokenizer::open(*blob);
  EXPECT_EQ(t->encode("ab"), std::vector<int32_t>{7});
}

TEST(TokenizerCompiler, SmolLM2EqualsReference) {
  const char *path = std::getenv("AXIOM_TEST_GGUF");
  if (!path)
    GTEST_SKIP() << "AXIOM_TEST_GGUF is not set: no SmolLM2-135M-Instruct.Q4_1.gguf to read";
  auto model = openModel(path);
  ASSERT_TRUE(model.ok()) << model.status().message();
  ASSERT_TRUE((*model)->text().gguf);
  auto blob = compileGgufTokenizer(*(*model)->text().gguf);
  ASSERT_TRUE(blob.ok()) << blob.status().message();
  auto t = Tokenizer::open(*blob);
  ASSERT_TRUE(t.ok());
  EXPECT_EQ(t->vocabSize(), 49152);
  EXPECT_EQ(t->eosId(), 2);
  EXPECT_TRUE(t->prefixIds().empty()); // add_bos_token is false
  EXPECT_EQ(t->encode(" \u00BD"), (std::vector<int32_t>{216, 16738}));
  auto cases = readGolden("SmolLM2-135M-Instruct.Q4_1");
  ASSERT_GE(cases.size(), 100u);
  for (const GoldenCase &c : cases) {
    EXPECT_EQ(t->encode(c.text, {(c.flags & 1) != 0, (c.flags & 2) != 0}), c.ids) << c.text;
    EXPECT_EQ(t->decode(c.ids, false), c.shown);
    EXPECT_EQ(t->decode(c.ids, true), c.hidden);
  }
}
