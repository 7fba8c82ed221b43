// Files that the PyPI packages safetensors and gguf wrote: test/import/tiny_files.py, which also
// printed the digests.
#include "compiler/import/ModelSource.h"
#include "compiler/import/TokenizerCompiler.h"
#include "runtime/base/Sha256.h"

#include <gtest/gtest.h>

using namespace axiom;

namespace {

/// SHA-256 of all weights as f32, tensors by name.
std::string weightsDigest(const ModelSource &model) {
  Sha256 hash;
  std::vector<float> row;
  for (const auto &[name, tensor] : model.tensors()) {
    row.resize(tensor.cols);
    for (uint64_t r = 0; r < tensor.rows; ++r) {
      readRowF32(tensor, r, row.data());
      hash.update(row.data(), row.size() * sizeof(float));
    }
  }
  return sha256Hex(hash.finish());
}

void expectConfig(const ModelConfig &c) {
  EXPECT_EQ(c.family, "llama");
  EXPECT_EQ(c.hiddenSize, 32u);
  EXPECT_EQ(c.intermediateSize, 64u);
  EXPECT_EQ(c.numLayers, 2u);
  EXPECT_EQ(c.numHeads, 2u);
  EXPECT_EQ(c.numKvHeads, 1u);
  EXPECT_EQ(c.headDim, 16u);
  EXPECT_EQ(c.vocabSize, 40u);
  EXPECT_EQ(c.maxContext, 128u);
  EXPECT_EQ(c.normEps, 1e-5f);
  EXPECT_EQ(c.rope.theta, 20000.0);
  EXPECT_TRUE(c.tiedEmbedding);
  EXPECT_EQ(c.bosId, 1);
  EXPECT_EQ(c.eosIds, std::vector<int32_t>{2});
}

} // namespace

TEST(TinyFiles, SafetensorsOfThePythonPackage) {
  auto model = openModel(AXIOM_TEST_FOLDER "/golden/import/tiny-llama");
  ASSERT_TRUE(model.ok()) << model.status().message();
  expectConfig((*model)->config());
  EXPECT_EQ(weightsDigest(**model),
            "22806658ce5165796c5211762ec1669880644c1c0b887bee5ad6b9022de18b97");
}

TEST(TinyFiles, GgufOfThePythonPackage) {
  auto model = openModel(AXIOM_TEST_FOLDER "/golden/import/tiny-llama/tiny.gguf");
  ASSERT_TRUE(model.ok()) << model.status().message();
  expectConfig((*model)->config());
  EXPECT_EQ(weightsDigest(**model),
            "709ecb8f2d32a2b323cb2515d7e257242c47c73c2cff75aca2003d0d3efbec18");
  const GgufTokenizer &tokenizer = *(*model)->text().gguf;
  EXPECT_EQ(tokenizer.model, "llama");
  EXPECT_EQ(tokenizer.scores.back(), -39.0f);
  EXPECT_EQ(tokenizer.tokenTypes, std::vector<int32_t>(40, 1));
  EXPECT_EQ(tokenizer.addBos, true);
}
