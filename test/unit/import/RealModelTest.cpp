// The SmolLM2 file that tools/quickstart downloads, if it is there: AXIOM_TEST_GGUF names it.
#include "compiler/import/ModelSource.h"
#include "compiler/import/TokenizerCompiler.h"
#include "runtime/base/Sha256.h"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace axiom;

TEST(RealModel, SmolLM2FromGguf) {
  const char *path = std::getenv("AXIOM_TEST_GGUF");
  if (!path)
    GTEST_SKIP() << "AXIOM_TEST_GGUF is not set: no SmolLM2-135M-Instruct.Q4_1.gguf to read";
  auto model = openModel(path);
  ASSERT_TRUE(model.ok()) << model.status().message();
  const ModelConfig &c = (*model)->config();
  EXPECT_EQ(c.family, "llama");
  EXPECT_EQ(c.hiddenSize, 576u);
  EXPECT_EQ(c.intermediateSize, 1536u);
  EXPECT_EQ(c.numLayers, 30u);
  EXPECT_EQ(c.numHeads, 9u);
  EXPECT_EQ(c.numKvHeads, 3u);
  EXPECT_EQ(c.headDim, 64u);
  EXPECT_EQ(c.vocabSize, 49152u);
  EXPECT_TRUE(c.tiedEmbedding);
  EXPECT_EQ(c.rope.theta, 100000.0);
  EXPECT_EQ((*model)->tensors().size(), 272u);
  EXPECT_EQ((*model)->find("model.embed_tokens.weight")->type, SourceType::Q8_0);
  EXPECT_EQ((*model)->text().gguf->pre, "smollm");
  EXPECT_EQ((*model)->text().bosToken, "<|im_start|>");
  // Digest of all weights decoded to f32, tensors by name, q and k rows in Hugging Face order, as
  // the numpy dequantizers of the PyPI package gguf give them.
  Sha256 hash;
  std::vector<float> row;
  for (const auto &[name, tensor] : (*model)->tensors()) {
    row.resize(tensor.cols);
    for (uint64_t r = 0; r < tensor.rows; ++r) {
      readRowF32(tensor, r, row.data());
      hash.update(row.data(), row.size() * sizeof(float));
    }
  }
  EXPECT_EQ(sha256Hex(hash.finish()),
            "1e7c8a1c726e693f3ef812fec44c0efdf79020fe1e36d5cd8a07e0341da3e3aa");
}
