// GGUF files of tiny models, written by the test, against the values that were put into them.
#include "compiler/import/GgufModel.h"
#include "compiler/import/TokenizerCompiler.h"
#include "runtime/base/Sha256.h"
#include "test/unit/import/ModelFiles.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace axiom;
using namespace axiom::test;

namespace {

std::unique_ptr<ModelSource> openBytes(const std::string &bytes, const TempFolder &folder) {
  folder.write("m.gguf", bytes);
  auto model = openModel(folder.path("m.gguf"));
  EXPECT_TRUE(model.ok()) << model.status().message();
  return model.ok() ? std::move(model).value() : nullptr;
}

/// Every tensor of `model` holds the values of `expected`, read row by row.
void expectTensors(const ModelSource &model, const Tensors &expected) {
  EXPECT_EQ(model.tensors().size(), expected.size());
  for (const auto &[name, tensor] : expected) {
    const SourceTensor *got = model.find(name);
    ASSERT_NE(got, nullptr) << name;
    ASSERT_EQ(got->rows, tensor.shape.size() == 2 ? tensor.shape[0] : 1) << name;
    ASSERT_EQ(got->cols, tensor.shape.back()) << name;
    std::vector<float> row(got->cols);
    for (uint64_t r = 0; r < got->rows; ++r) {
      readRowF32(*got, r, row.data());
      ASSERT_EQ(std::memcmp(row.data(), tensor.bytes.data() + r * got->cols * 4, got->cols * 4), 0)
          << name << " row " << r;
    }
  }
}

} // namespace

TEST(OpenGguf, EveryFamilyTiedAndUntied) {
  for (const char *family : {"llama", "mistral", "qwen2", "qwen3"})
    for (bool tied : {false, true}) {
      SCOPED_TRACE(std::string(family) + (tied ? " tied" : " untied"));
      TempFolder folder;
      auto model = openBytes(tinyGguf(family, tied).bytes(), folder);
      ASSERT_TRUE(model);
      const ModelConfig &c = model->config();
      EXPECT_EQ(model->format(), "gguf");
      EXPECT_EQ(c.family, family);
      EXPECT_EQ(c.name, std::string("tiny ") + family);
      EXPECT_EQ(c.hiddenSize, 96u);
      EXPECT_EQ(c.intermediateSize, 80u);
      EXPECT_EQ(c.numLayers, 2u);
      EXPECT_EQ(c.numHeads, 3u);
      EXPECT_EQ(c.numKvHeads, 1u);
      EXPECT_EQ(c.headDim, 40u);
      EXPECT_EQ(c.vocabSize, 131u);
      EXPECT_EQ(c.maxContext, 256u);
      EXPECT_EQ(c.normEps, 1e-5f);
      EXPECT_EQ(c.rope.theta, 50000.0);
      EXPECT_EQ(c.rope.scaling, RopeConfig::Scaling::None);
      EXPECT_EQ(c.tiedEmbedding, tied);
      EXPECT_EQ(c.qkNorm, c.family == "qwen3");
      EXPECT_EQ(c.layerWindow, std::vector<uint32_t>(2, c.family == "mistral" ? 64 : 0));
      EXPECT_EQ(c.eosIds, std::vector<int32_t>{2});
      EXPECT_EQ(c.bosId, 1);
      expectTensors(*model, tinyTensors(family, tied));
    }
}

TEST(OpenGguf, TextAndDigest) {
  TempFolder folder;
  std::string bytes = tinyGguf("llama", true).bytes();
  auto model = openBytes(bytes, folder);
  ASSERT_TRUE(model);
  const TextSource &text = model->text();
  EXPECT_EQ(text.chatTemplate, "{{ messages }}");
  EXPECT_EQ(text.bosToken, "t1");
  EXPECT_EQ(text.eosToken, "t2");
  ASSERT_TRUE(text.gguf);
  EXPECT_EQ(text.gguf->model, "gpt2");
  EXPECT_EQ(text.gguf->pre, "smollm");
  EXPECT_EQ(text.gguf->tokens.size(), 131u);
  EXPECT_EQ(text.gguf->tokens[130], "t130");
  EXPECT_EQ(text.gguf->merges, (std::vector<std::string>{"t 0", "t 1"}));
  EXPECT_EQ(text.gguf->bosId, 1);
  EXPECT_EQ(text.gguf->eosId, 2);
  EXPECT_EQ(text.gguf->unkId, -1);
  EXPECT_EQ(text.gguf->addBos, false);
  EXPECT_FALSE(text.gguf->addEos.has_value());
  auto digests = model->digests();
  ASSERT_TRUE(digests.ok());
  ASSERT_EQ(digests->size(), 1u);
  EXPECT_EQ(digests->at(0).name, "m.gguf");
  EXPECT_EQ(digests->at(0).bytes, bytes.size());
  Sha256 hash = Sha256::portable();
  hash.update(bytes.data(), bytes.size());
  EXPECT_EQ(digests->at(0).sha256Hex, sha256Hex(hash.finish()));
}

TEST(OpenGguf, PermutedBiasesComeInLogicalOrder) {
  TempFolder folder;
  GgufWriter w = tinyGguf("llama", true);
  // Stored row 2 * i + half of a head is logical row half * 20 + i.
  Tensor logical = floats({120}, 7), stored = logical;
  for (int head = 0; head < 3; ++head)
    for (int half = 0; half < 2; ++half)
      for (int i = 0; i < 20; ++i)
        std::memcpy(stored.bytes.data() + 4 * (head * 40 + 2 * i + half),
                    logical.bytes.data() + 4 * (head * 40 + half * 20 + i), 4);
  Tensor plain = floats({96}, 8);
  w.tensors.push_back({"blk.1.attn_q.bias", stored, -1});
  w.tensors.push_back({"blk.1.attn_output.bias", plain, -1});
  auto model = openBytes(w.bytes(), folder);
  ASSERT_TRUE(model);
  Tensors expected = tinyTensors("llama", true);
  expected["model.layers.1.self_attn.q_proj.bias"] = logical;
  expected["model.layers.1.self_attn.o_proj.bias"] = plain;
  expectTensors(*model, expected);
}

TEST(OpenGguf, RopeFactorsLinearScalingAndUnknownTensors) {
  TempFolder folder;
  GgufWriter w = tinyGguf("llama", true);
  w.string("llama.rope.scaling.type", "linear");
  w.f32("llama.rope.scaling.factor", 4.0f);
  Tensor factors = floats({20}, 1000); // 1, 2, 3, ...
  w.tensors.push_back({"rope_freqs.weight", factors, -1});
  w.tensors.push_back({"blk.0.attn_sinks.weight", floats({3}, 1), -1});
  auto model = openBytes(w.bytes(), folder);
  ASSERT_TRUE(model);
  const RopeConfig &rope = model->config().rope;
  EXPECT_EQ(rope.scaling, RopeConfig::Scaling::Linear);
  EXPECT_EQ(rope.factor, 4.0);
  ASSERT_EQ(rope.freqFactors.size(), 20u);
  EXPECT_EQ(rope.freqFactors[19], 20.0f);
  expectTensors(*model, tinyTensors("llama", true));
  ASSERT_EQ(model->notes().size(), 1u);
  EXPECT_NE(model->notes()[0].find("blk.0.attn_sinks.weight"), std::string::npos);
}

TEST(OpenGguf, Version2AlignmentAndPerLayerArrays) {
  TempFolder folder;
  GgufWriter w = tinyGguf("qwen3", false);
  w.version = 2;
  w.alignment = 256;
  w.u32("general.alignment", 256);
  w.remove("qwen3.attention.head_count_kv");
  w.raw("qwen3.attention.head_count_kv", 9, le(5, 4) + le(2, 8) + le(1, 4) + le(1, 4));
  auto model = openBytes(w.bytes(), folder);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->config().numKvHeads, 1u);
  expectTensors(*model, tinyTensors("qwen3", false));
}

TEST(OpenGguf, EosIdsAreMerged) {
  TempFolder folder;
  GgufWriter w = tinyGguf("qwen2", true);
  w.u32("tokenizer.ggml.eot_token_id", 5);
  w.u32("tokenizer.ggml.eom_token_id", 2);
  w.u32("tokenizer.ggml.padding_token_id", 0xffffffffu);
  auto model = openBytes(w.bytes(), folder);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->config().eosIds, (std::vector<int32_t>{2, 5}));
  EXPECT_EQ(model->text().gguf->padId, -1);
}

TEST(OpenGguf, CanonicalNames) {
  EXPECT_EQ(canonicalGgufName("blk.12.ffn_gate.weight"), "model.layers.12.mlp.gate_proj.weight");
  EXPECT_EQ(canonicalGgufName("blk.0.attn_q.bias"), "model.layers.0.self_attn.q_proj.bias");
  EXPECT_EQ(canonicalGgufName("output.weight"), "lm_head.weight");
  for (const char *name : {"", "blk.", "blk.1", "blk.1.", "blk.01.ffn_up.weight",
                           "blk.x.ffn_up.weight", "blk.99999999999.ffn_up.weight", "blk.1.ffn_up",
                           "blk.1.ffn_up.scale", "model.embed_tokens.weight"})
    EXPECT_EQ(canonicalGgufName(name), "") << name;
}
