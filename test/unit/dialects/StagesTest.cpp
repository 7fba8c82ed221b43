// Tiny models of every family and format give the same bits at every stage of the pipeline, for any
// split of the tokens into steps.
#include "TinyModel.h"

#include "compiler/import/graph/GraphBuilder.h"
#include "compiler/import/graph/SourceWeights.h"
#include "compiler/package/WeightPacker.h"
#include "dialects/axiom/interpreter/Interpreter.h"
#include "dialects/axiom/interpreter/PackedWeights.h"
#include "dialects/plan/ReadPlan.h"
#include "passes/Pipeline.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <map>

namespace axiom {
namespace {

using test::TinyModel;

struct Case {
  const char *name;
  const char *family;
  SourceType source;
  const char *quant;
  std::vector<std::pair<std::string, std::string>> overrides = {};
  std::optional<AxmKvType> kv = std::nullopt;
  bool windows = false, tied = true;
};

void PrintTo(const Case &c, std::ostream *out) { *out << c.name; }

TinyModel modelOf(const Case &c) {
  ModelConfig config = test::tinyConfig(c.family);
  config.tiedEmbedding = c.tied;
  config.qkNorm = config.family == "qwen3";
  if (c.windows)
    config.layerWindow = {0, 70, 0};
  if (config.family == "llama") {
    config.rope.scaling = RopeConfig::Scaling::Llama3;
    config.rope.factor = 8.0;
    config.rope.originalContext = 64;
  }
  return TinyModel(config, c.source, config.family == "qwen2");
}

struct Outcome {
  std::vector<uint32_t> logits, tiles, hidden;
  bool operator==(const Outcome &) const = default;
};

template <typename T> void appendBits(std::vector<uint32_t> &out, const std::vector<T> &values) {
  size_t at = out.size();
  out.resize(at + values.size() * sizeof(T) / 4);
  if (!values.empty())
    std::memcpy(out.data() + at, values.data(), values.size() * sizeof(T));
}

constexpr int kTokens = 75; // more than one KV block
int32_t tokenAt(int i) { return (i * 37 + i * i) % 1131; }

/// Runs the tokens of one sequence in steps of `chunk`, beside a second sequence in the same steps;
/// the outcome is the first sequence's.
Outcome runModule(mlir::ModuleOp module, WeightProvider &weights, int chunk) {
  auto interpreter = Interpreter::load(module, weights);
  EXPECT_TRUE(interpreter.ok()) << interpreter.status().message();
  Outcome outcome;
  if (!interpreter.ok())
    return outcome;
  std::map<uint32_t, std::vector<uint32_t>> hidden;
  for (int begin = 0; begin < kTokens; begin += chunk) {
    InterpreterStep step;
    auto count = static_cast<uint32_t>(std::min(chunk, kTokens - begin));
    if (begin < 3 * chunk) { // the other sequence comes first in the step and ends early
      step.tokens.push_back(7);
      step.positions.push_back(begin / chunk);
      step.sequences.push_back(9);
    }
    auto first = static_cast<uint32_t>(step.tokens.size());
    for (uint32_t i = 0; i < count; ++i) {
      step.tokens.push_back(tokenAt(begin + static_cast<int>(i)));
      step.positions.push_back(begin + static_cast<int>(i));
      step.sequences.push_back(4);
      step.rows.push_back(first + i);
    }
    auto hook = [&](uint32_t layer, std::span<const float> state, uint32_t width) {
      std::vector<float> mine(state.begin() + first * width, state.end());
      appendBits(hidden[layer], mine);
    };
    auto output = (*interpreter)->run(step, hook);
    EXPECT_TRUE(output.ok()) << output.status().message();
    if (!output.ok())
      return outcome;
    EXPECT_EQ(output->logits.size(), size_t(count) * 1131);
    EXPECT_EQ(output->tiles.size(), size_t(count) * 2);
    appendBits(outcome.logits, output->logits);
    appendBits(outcome.tiles, output->tiles);
  }
  EXPECT_EQ(hidden.size(), 3u);
  for (auto &[layer, bits] : hidden)
    outcome.hidden.insert(outcome.hidden.end(), bits.begin(), bits.end());
  return outcome;
}

class Stages : public testing::TestWithParam<Case> {
protected:
  Stages() {
    registerDialects(registry_);
    context_ =
        std::make_unique<mlir::MLIRContext>(registry_, mlir::MLIRContext::Threading::DISABLED);
  }
  mlir::DialectRegistry registry_;
  std::unique_ptr<mlir::MLIRContext> context_;
};

TEST_P(Stages, SameBits) {
  const Case &c = GetParam();
  TinyModel model = modelOf(c);
  GraphOptions graphOptions;
  graphOptions.kvType = c.kv;
  graphOptions.quant = c.quant;
  auto module = buildGraph(*context_, model, graphOptions);
  ASSERT_TRUE(module.ok()) << module.status().message();
  PipelineOptions options;
  options.quant = c.quant;
  options.overrides = c.overrides;
  std::map<Phase, mlir::OwningOpRef<mlir::ModuleOp>> stages;
  Status status = runPipeline(**module, options, Phase::Plan, [&](Phase phase, mlir::ModuleOp at) {
    stages[phase] = mlir::OwningOpRef<mlir::ModuleOp>(at.clone());
  });
  ASSERT_TRUE(status.ok()) << status.message();

  auto plan = plan::readPlan(**module);
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  size_t layers = 0;
  for (const plan::PlanRepeat &repeat : plan->repeats)
    if (repeat.firstLayer >= 0) {
      EXPECT_EQ(repeat.firstLayer, static_cast<int64_t>(layers));
      EXPECT_EQ(repeat.phases.size(), 5u);
      layers += repeat.count;
    }
  EXPECT_EQ(layers, 3u);
  EXPECT_EQ(plan->repeats.size(), c.windows ? 5u : 3u);
  EXPECT_EQ(plan->kernels.size(), c.windows ? 11u : 9u);

  std::vector<uint8_t> segment;
  std::vector<SegmentTensor> table;
  for (const plan::PlanWeight &w : plan->weights) {
    auto bytes = packWeight(w, model);
    ASSERT_TRUE(bytes.ok()) << bytes.status().message();
    table.push_back({w.name, w.vector, w.format, w.vector ? 1 : w.rows, w.cols, w.heads, w.rowAlign,
                     w.cuts, segment.size(), bytes->size()});
    segment.insert(segment.end(), bytes->begin(), bytes->end());
  }
  PackedWeights packed(segment, table);

  Outcome expected = runModule(*stages[Phase::Quantize], packed, kTokens);
  ASSERT_EQ(expected.logits.size(), size_t(kTokens) * 1131);
  size_t distinct = std::set<uint32_t>(expected.logits.begin(), expected.logits.end()).size();
  EXPECT_GT(distinct, 1000u) << "the model must compute something";
  for (Phase phase : {Phase::Quantize, Phase::Fuse, Phase::Outline})
    for (int chunk : {kTokens, 8, 1})
      EXPECT_EQ(runModule(*stages[phase], packed, chunk), expected)
          << phaseName(phase) << " in steps of " << chunk;
  // Float weights are kept exactly: the stages before quantization compute the same, too, and
  // straight from the source.
  bool kept = std::string(c.quant).empty() && c.overrides.empty();
  if (kept) {
    SourceWeights source(model);
    for (Phase phase : {Phase::Import, Phase::Normalize, Phase::Quantize, Phase::Outline})
      EXPECT_EQ(runModule(*stages[phase], source, kTokens), expected) << phaseName(phase);
  }
}

const Case kCases[] = {
    {"llama_f32", "llama", SourceType::F32, ""},
    {"llama_f16_untied", "llama", SourceType::F16, "", {}, std::nullopt, false, false},
    {"llama_bf16_window", "llama", SourceType::BF16, "", {}, AXM_KV_INT8, true},
    {"llama_q8", "llama", SourceType::BF16, "q8"},
    {"llama_q4f16", "llama", SourceType::F32, "q4f16"},
    {"llama_q4", "llama", SourceType::F16, "q4", {}, AXM_KV_F32, false, false},
    {"mistral_q4_window", "mistral", SourceType::BF16, "q4", {}, std::nullopt, true},
    {"mistral_mixed",
     "mistral",
     SourceType::F16,
     "q8",
     {{"k_proj", "f16"}, {"v_proj", "q4"}, {"up_proj", "bf16"}, {"down_proj", "f32"}},
     AXM_KV_INT8},
    {"qwen2_f16", "qwen2", SourceType::F16, ""},
    {"qwen2_q4f16", "qwen2", SourceType::BF16, "q4f16", {}, AXM_KV_INT8},
    {"qwen3_f32", "qwen3", SourceType::F32, ""},
    {"qwen3_q8_o_float", "qwen3", SourceType::BF16, "q8", {{"o_proj", "bf16"}}},
};

INSTANTIATE_TEST_SUITE_P(Tiny, Stages, testing::ValuesIn(kCases),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace axiom
