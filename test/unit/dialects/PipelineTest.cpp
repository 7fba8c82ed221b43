// Errors of the pipeline, the plan reader and the interpreter are values that say what is wrong.
#include "TinyModel.h"

#include "compiler/import/graph/GraphBuilder.h"
#include "compiler/import/graph/SourceWeights.h"
#include "dialects/axiom/interpreter/Interpreter.h"
#include "dialects/plan/ReadPlan.h"
#include "passes/Pipeline.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

namespace axiom {
namespace {

class PipelineErrors : public testing::Test {
protected:
  PipelineErrors() : model_(test::tinyConfig("llama"), SourceType::F32) {
    registerDialects(registry_);
    context_ =
        std::make_unique<mlir::MLIRContext>(registry_, mlir::MLIRContext::Threading::DISABLED);
    auto built = buildGraph(*context_, model_, {});
    EXPECT_TRUE(built.ok()) << built.status().message();
    module_ = std::move(built).value();
  }
  static bool has(const Status &status, const char *text) {
    return status.message().find(text) != std::string::npos;
  }
  mlir::DialectRegistry registry_;
  std::unique_ptr<mlir::MLIRContext> context_;
  test::TinyModel model_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

TEST_F(PipelineErrors, UnknownFormat) {
  PipelineOptions options;
  options.quant = "q3";
  Status status = runPipeline(*module_, options, Phase::Plan);
  ASSERT_FALSE(status.ok());
  EXPECT_TRUE(has(status, "phase quantize")) << status.message();
  EXPECT_TRUE(has(status, "unknown weight format 'q3'; known are")) << status.message();
}

TEST_F(PipelineErrors, BadPattern) {
  PipelineOptions options;
  options.overrides = {{"proj[", "q8"}};
  Status status = runPipeline(*module_, options, Phase::Plan);
  ASSERT_FALSE(status.ok());
  EXPECT_TRUE(has(status, "override 'proj[=q8' needs REGEX=FORMAT")) << status.message();
}

TEST_F(PipelineErrors, StopsAfterAPhase) {
  std::vector<Phase> seen;
  Status status = runPipeline(*module_, {}, Phase::Fuse,
                              [&](Phase phase, mlir::ModuleOp) { seen.push_back(phase); });
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(seen,
            (std::vector<Phase>{Phase::Import, Phase::Normalize, Phase::Quantize, Phase::Fuse}));
  auto plan = plan::readPlan(*module_);
  ASSERT_FALSE(plan.ok());
  EXPECT_TRUE(has(plan.status(), "run the plan phase first")) << plan.status().message();
}

TEST_F(PipelineErrors, PhaseNames) {
  for (const char *name : {"import", "normalize", "quantize", "fuse", "outline", "plan"}) {
    auto phase = phaseByName(name);
    ASSERT_TRUE(phase.has_value()) << name;
    EXPECT_STREQ(phaseName(*phase), name);
  }
  EXPECT_FALSE(phaseByName("link").has_value());
}

TEST_F(PipelineErrors, InterpreterChecksItsStep) {
  SourceWeights weights(model_);
  auto interpreter = Interpreter::load(*module_, weights);
  ASSERT_TRUE(interpreter.ok()) << interpreter.status().message();
  auto fails = [&](InterpreterStep step, const char *text) {
    auto output = (*interpreter)->run(step);
    ASSERT_FALSE(output.ok()) << text;
    EXPECT_TRUE(has(output.status(), text)) << output.status().message();
  };
  fails({}, "at least one");
  fails({{1, 2}, {0}, {0, 0}, {}}, "as many positions (1)");
  fails({{1131}, {0}, {0}, {0}}, "token 1131 is not below 1131");
  fails({{-1}, {0}, {0}, {0}}, "token -1");
  fails({{1}, {1}, {0}, {0}}, "position 1 of sequence 0 comes before position 0");
  fails({{1}, {1 << 20}, {0}, {0}}, "position 1048576 is not in");
  fails({{1}, {0}, {0}, {1}}, "row 1 is not below 1 tokens");
  // After all that it still runs, and forgets a sequence when asked to.
  auto first = (*interpreter)->run({{5}, {0}, {3}, {0}});
  ASSERT_TRUE(first.ok()) << first.status().message();
  ASSERT_TRUE((*interpreter)->run({{6}, {1}, {3}, {}}).ok());
  (*interpreter)->dropSequence(3);
  fails({{6}, {2}, {3}, {0}}, "comes before position 0");
  auto again = (*interpreter)->run({{5}, {0}, {3}, {0}});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(first->logits, again->logits);
}

TEST_F(PipelineErrors, InterpreterNamesAMissingWeight) {
  test::TinyModel other(
      [] {
        ModelConfig config = test::tinyConfig("llama");
        config.numLayers = 2;
        return config;
      }(),
      SourceType::F32);
  SourceWeights weights(other);
  auto interpreter = Interpreter::load(*module_, weights);
  ASSERT_FALSE(interpreter.ok());
  EXPECT_TRUE(has(interpreter.status(), "model.layers.2.")) << interpreter.status().message();
}

} // namespace
} // namespace axiom
