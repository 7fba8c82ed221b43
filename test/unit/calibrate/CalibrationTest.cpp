// What calibration finds on a tiny model is what the inputs of its linears are: of the first
// layers' attention, where they can be had without it.
#include "compiler/calibrate/Calibration.h"
#include "compiler/calibrate/Moments.h"
#include "compiler/driver/Compile.h"
#include "compiler/driver/Frontend.h"
#include "compiler/driver/TextSegments.h"
#include "runtime/device/cpu/Executor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

namespace axiom {
namespace {

using calibrate::Calibration;
using calibrate::CalibrationText;
using calibrate::Moments;
using calibrate::Workers;

const std::string kModel = AXIOM_GOLDEN_TINY "/llama-rope3";
const std::string kText = AXIOM_CALIBRATION_TEXT;

/// A tiny model compiled with f32 weights, and the plan of it.
class CalibrationTest : public testing::Test {
protected:
  void SetUp() override {
    options_.input = kModel;
    options_.quant = "f32";
    options_.golden = false;
    options_.progress = ProgressMode::None;
    options_.output =
        testing::TempDir() + "/axiom-calibration-" + std::to_string(getpid()) + ".axm";
    Status compiled = compile(options_);
    ASSERT_TRUE(compiled.ok()) << compiled.message();
    auto artifact = Artifact::open(options_.output);
    ASSERT_TRUE(artifact.ok()) << artifact.status().message();
    artifact_ = std::move(artifact).value();
    auto source = openModel(kModel);
    ASSERT_TRUE(source.ok());
    source_ = std::move(source).value();
    auto front = runFrontend(*source_, options_, [](const char *) {});
    ASSERT_TRUE(front.ok() && front->plan);
    plan_ = std::move(*front->plan);
    auto segments = compileText(source_->text());
    ASSERT_TRUE(segments.ok());
    tokenizer_ = segments->tokenizer;
  }
  void TearDown() override { std::filesystem::remove(options_.output); }

  Result<CalibrationText> read(const std::string &path, uint32_t tokens) {
    const ModelConfig &config = source_->config();
    return calibrate::readCalibrationText(path, tokenizer_, config.vocabSize, config.maxContext,
                                          tokens);
  }

  std::unique_ptr<Calibration> calibrated(const CalibrationText &text, uint32_t threads) {
    auto result =
        Calibration::run({plan_, *source_, artifact_, text, testing::TempDir(), threads, nullptr});
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? std::move(result).value() : nullptr;
  }

  /// Rows of the hidden state before `layer`, normalized for its attention.
  std::vector<float> attentionInputs(const CalibrationText &text, uint32_t layer) {
    uint32_t hidden = source_->config().hiddenSize, stride = artifact_->config().hiddenStride();
    ExecutorOptions options;
    options.maxTokens = 512;
    options.numBlocks = 8;
    auto executor = Executor::create(artifact_, options);
    EXPECT_TRUE(executor.ok());
    std::vector<float> gains(hidden), rows;
    const SourceTensor *norm =
        source_->find("model.layers." + std::to_string(layer) + ".input_layernorm.weight");
    const SourceTensor *table = source_->find("model.embed_tokens.weight");
    readRowF32(*norm, 0, gains.data());
    for (const auto &chunk : text.chunks) {
      std::vector<float> states(chunk.size() * hidden);
      for (size_t t = 0; t < chunk.size(); ++t)
        readRowF32(*table, static_cast<uint64_t>(chunk[t]), states.data() + t * hidden);
      (*executor)->setLayerHook([&](uint32_t done, const float *x, uint32_t count) {
        for (uint32_t t = 0; done + 1 == layer && t < count; ++t)
          std::copy_n(x + size_t(t) * stride, hidden, states.data() + size_t(t) * hidden);
      });
      std::vector<int32_t> positions(chunk.size());
      std::iota(positions.begin(), positions.end(), 0);
      std::vector<uint32_t> offsets(chunk.size()), blocks(8);
      std::iota(blocks.begin(), blocks.end(), 0u);
      EXPECT_TRUE((*executor)->step({chunk, positions, offsets, blocks, {}}).ok());
      for (size_t t = 0; t < chunk.size(); ++t) {
        double sum = 0;
        for (uint32_t i = 0; i < hidden; ++i)
          sum += std::pow(double(states[t * hidden + i]), 2);
        double r = 1 / std::sqrt(sum / hidden + double(source_->config().normEps));
        for (uint32_t i = 0; i < hidden; ++i)
          rows.push_back(static_cast<float>(states[t * hidden + i] * r * gains[i]));
      }
    }
    return rows;
  }

  CompilerOptions options_;
  std::shared_ptr<const Artifact> artifact_;
  std::unique_ptr<ModelSource> source_;
  plan::ExecutionPlan plan_;
  std::vector<uint8_t> tokenizer_;
};

TEST_F(CalibrationTest, FindsTheInputsOfEachLayer) {
  auto text = read(kText, 1200);
  ASSERT_TRUE(text.ok()) << text.status().message();
  ASSERT_GT(text->chunks.size(), 2u); // so that states are put away and brought back
  ASSERT_EQ(text->tokens, 1200u);
  auto found = calibrated(*text, 2);
  ASSERT_TRUE(found);
  auto workers = Workers::create(1);
  for (uint32_t layer : {0u, source_->config().numLayers - 1}) {
    uint32_t hidden = source_->config().hiddenSize;
    std::vector<float> rows = attentionInputs(*text, layer);
    Moments moments(hidden);
    moments.add(rows.data(), text->tokens, hidden, *workers);
    Feedback wanted = std::move(moments).factor(0.01, *workers);
    for (const char *name : {"q", "k", "v"}) {
      auto feedback = found->feedback("model.layers." + std::to_string(layer) + ".self_attn." +
                                      name + "_proj.weight");
      ASSERT_TRUE(feedback.ok() && *feedback);
      ASSERT_EQ((*feedback)->size, wanted.size);
      for (uint32_t j = 0; j < hidden; ++j) {
        ASSERT_NEAR((*feedback)->cost[j] / wanted.cost[j], 1, 1e-2) << layer << name << j;
        for (uint32_t k = j + 1; k < hidden; ++k)
          ASSERT_NEAR((*feedback)->row(j)[k], wanted.row(j)[k], 1e-2) << layer << name << j;
      }
    }
  }
}

TEST_F(CalibrationTest, KnowsEveryMatrixButAnUntiedEmbedding) {
  auto text = read(kText, 300);
  ASSERT_TRUE(text.ok()) << text.status().message();
  auto one = calibrated(*text, 1), three = calibrated(*text, 3);
  ASSERT_TRUE(one && three);
  for (const plan::PlanWeight &weight : plan_.weights) {
    if (weight.vector)
      continue;
    auto feedback = one->feedback(weight.source), again = three->feedback(weight.source);
    ASSERT_TRUE(feedback.ok() && again.ok());
    bool embedding = weight.source == "model.embed_tokens.weight";
    ASSERT_EQ(!*feedback, embedding && !source_->config().tiedEmbedding) << weight.source;
    if (!*feedback)
      continue;
    EXPECT_EQ((*feedback)->size, plan::rowStride(weight.cols)) << weight.source;
    EXPECT_EQ((*feedback)->cost, (*again)->cost) << weight.source;
    EXPECT_EQ((*feedback)->upper, (*again)->upper) << weight.source;
  }
}

TEST_F(CalibrationTest, CountsABlockByWhatItAdds) {
  auto text = read(kText, 300);
  ASSERT_TRUE(text.ok());
  auto found = calibrated(*text, 2);
  ASSERT_TRUE(found);
  for (uint32_t layer = 0; layer < source_->config().numLayers; ++layer) {
    std::string prefix = "model.layers." + std::to_string(layer);
    double attention = found->share(prefix + ".self_attn.o_proj.weight");
    double mlp = found->share(prefix + ".mlp.down_proj.weight");
    EXPECT_GT(attention, 0);
    EXPECT_GT(mlp, 0);
    EXPECT_NE(attention, mlp);
    for (const char *name : {".self_attn.q_proj", ".self_attn.k_proj", ".self_attn.v_proj"})
      EXPECT_EQ(found->share(prefix + name + ".weight"), attention) << name;
    for (const char *name : {".mlp.gate_proj", ".mlp.up_proj"})
      EXPECT_EQ(found->share(prefix + name + ".weight"), mlp) << name;
  }
  EXPECT_EQ(found->share("lm_head.weight"), 1);
  double unknown = found->share("model.embed_tokens.weight");
  EXPECT_GT(unknown, 0);
  EXPECT_LT(unknown, 10);
}

TEST_F(CalibrationTest, RefusesTextsThatCanNotCalibrate) {
  std::string path = testing::TempDir() + "/axiom-text-" + std::to_string(getpid()) + ".txt";
  auto refusal = [&](const std::string &content) {
    std::ofstream(path, std::ios::binary) << content;
    Status status = read(path, 1000).status();
    EXPECT_EQ(status.code(), Code::InvalidArgument);
    return status.message();
  };
  EXPECT_NE(refusal("").find("has 0 tokens"), std::string::npos);
  EXPECT_NE(refusal("Too short.").find("at least 256"), std::string::npos);
  EXPECT_NE(refusal(std::string(5000, 'a') + "\xff").find("not UTF-8"), std::string::npos);
  std::filesystem::remove(path);
  EXPECT_EQ(read(path, 1000).status().code(), Code::NotFound);
  tokenizer_.clear();
  EXPECT_NE(read(kText, 1000).status().message().find("no tokenizer"), std::string::npos);
}

} // namespace
} // namespace axiom
