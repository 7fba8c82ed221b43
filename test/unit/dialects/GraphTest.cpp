// The rules of the graph builder that are part of the numerics.
#include "TinyModel.h"

#include "compiler/import/graph/GraphBuilder.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <cmath>

namespace axiom {
namespace {

using Cuts = std::vector<uint32_t>;

TEST(SegmentCuts, CountFollowsK) {
  EXPECT_EQ(segmentCuts(576, false, 0), Cuts{});
  EXPECT_EQ(segmentCuts(1024, false, 0), Cuts{});
  EXPECT_EQ(segmentCuts(1025, false, 0), Cuts{512}); // padded to 1056: 528 is between 512 and 544
  EXPECT_EQ(segmentCuts(4096, false, 0), (Cuts{1024, 2048, 3072}));
  EXPECT_EQ(segmentCuts(3000, false, 0), (Cuts{992, 2016})); // 3008 / 3 = 1002.7, 2005.3
}

TEST(SegmentCuts, OAndDownHaveTwo) {
  EXPECT_EQ(segmentCuts(1536, true, 0), Cuts{768});
  EXPECT_EQ(segmentCuts(480, true, 0), Cuts{});
  EXPECT_EQ(segmentCuts(512, true, 0), Cuts{256});
  EXPECT_EQ(segmentCuts(32, true, 0), Cuts{});
}

TEST(SegmentCuts, OFollowsKvHeads) {
  // 576 / 2 = 288 lies between 192 and 384, KV shares of 3 heads of 64: the tie goes to the lower.
  EXPECT_EQ(segmentCuts(576, true, 192), Cuts{192});
  // Shares of 80 features: 160, 320 are multiples of 32 and inside.
  EXPECT_EQ(segmentCuts(640, true, 80), Cuts{320});
  // One KV head: no interior boundary, so the plain rule.
  EXPECT_EQ(segmentCuts(576, true, 576), Cuts{288});
  // Four segments, two boundaries: duplicates go.
  EXPECT_EQ(segmentCuts(4096, true, 1344), (Cuts{1344, 2688}));
}

TEST(InverseFrequencies, PlainAndLinear) {
  RopeConfig rope;
  rope.theta = 10000.0;
  auto plain = inverseFrequencies(rope, 64);
  ASSERT_EQ(plain.size(), 32u);
  EXPECT_EQ(plain[0], 1.0f);
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(plain[i], static_cast<float>(std::pow(10000.0, -2.0 * i / 64.0))) << i;
  rope.scaling = RopeConfig::Scaling::Linear;
  rope.factor = 4.0;
  auto linear = inverseFrequencies(rope, 64);
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(linear[i], plain[i] / 4.0f) << i;
  rope.scaling = RopeConfig::Scaling::None;
  rope.freqFactors.assign(32, 2.0f);
  EXPECT_EQ(inverseFrequencies(rope, 64)[5], plain[5] / 2.0f);
}

TEST(InverseFrequencies, Llama3) {
  RopeConfig rope;
  rope.theta = 500000.0;
  rope.scaling = RopeConfig::Scaling::Llama3;
  rope.factor = 32.0;
  rope.lowFreqFactor = 1.0;
  rope.highFreqFactor = 4.0;
  rope.originalContext = 8192;
  auto scaled = inverseFrequencies(rope, 64);
  rope.scaling = RopeConfig::Scaling::None;
  auto plain = inverseFrequencies(rope, 64);
  EXPECT_EQ(scaled[0], plain[0]);           // wavelength below 8192 / 4: kept
  EXPECT_EQ(scaled[31], plain[31] / 32.0f); // above 8192: divided
  int between = 0;
  for (int i = 0; i < 32; ++i) {
    EXPECT_LE(scaled[i], plain[i]);
    EXPECT_GE(scaled[i], plain[i] / 32.0f);
    between += scaled[i] < plain[i] && scaled[i] > plain[i] / 32.0f;
  }
  // Wavelengths 2 pi theta^(2i/64) in [2048, 8192]: i = 15, 16, 17.
  EXPECT_EQ(between, 3);
}

TEST(GraphBuilder, NamesWhatIsMissing) {
  mlir::MLIRContext context;
  ModelConfig config = test::tinyConfig("llama");
  test::TinyModel source(config, SourceType::F32);
  struct Without : test::TinyModel {
    using TinyModel::TinyModel;
    void drop(const std::string &name) { tensors_.erase(name); }
    void setHidden(uint32_t hidden) { config_.hiddenSize = hidden; }
    void setHeads(uint32_t heads, uint32_t kv) {
      config_.numHeads = heads, config_.numKvHeads = kv;
    }
  };
  Without missing(config, SourceType::F32);
  missing.drop("model.layers.1.mlp.up_proj.weight");
  auto result = buildGraph(context, missing, {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), Code::BadInput);
  EXPECT_NE(result.status().message().find("model.layers.1.mlp.up_proj.weight"), std::string::npos)
      << result.status().message();

  Without wrong(config, SourceType::F32);
  wrong.setHidden(64);
  result = buildGraph(context, wrong, {});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.status().message().find("do not agree"), std::string::npos)
      << result.status().message();

  Without heads(config, SourceType::F32);
  heads.setHeads(3, 2);
  result = buildGraph(context, heads, {});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.status().message().find("3 heads of 2 KV heads"), std::string::npos)
      << result.status().message();
}

TEST(GraphBuilder, DefaultKvType) {
  test::TinyModel f32(test::tinyConfig("llama"), SourceType::F32);
  test::TinyModel bf16(test::tinyConfig("llama"), SourceType::BF16);
  EXPECT_EQ(defaultKvType(f32, ""), AXM_KV_F32);
  EXPECT_EQ(defaultKvType(f32, "q4"), AXM_KV_F16);
  EXPECT_EQ(defaultKvType(bf16, ""), AXM_KV_F16);
  EXPECT_EQ(defaultKvType(bf16, "f32"), AXM_KV_F32);
}

} // namespace
} // namespace axiom
