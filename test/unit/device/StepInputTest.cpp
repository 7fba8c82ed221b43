// Wrong steps and options are refused before anything runs.
#include "runtime/base/Threads.h"
#include "runtime/device/cpu/Executor.h"
#include "test/unit/artifact/TestArtifact.h"
#include "test/unit/device/StepData.h"

#include <functional>
#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

std::atomic<int> calls{0};
void countCall(const AxmLaunch *) { ++calls; }

LoadedProgram countingProgram(const std::vector<uint8_t> &weights) {
  LoadedProgram program = makeTestProgram();
  program.weights = weights.data();
  for (LoadedKernel &kernel : program.kernels)
    kernel.body = countCall;
  return program;
}

TEST(StepInput, WrongInputsAreNamedAndNothingRuns) {
  std::vector<uint8_t> weights(1 << 20);
  LoadedProgram program = countingProgram(weights);
  ExecutorOptions options;
  options.maxTokens = 70;
  options.numBlocks = 4;
  auto executor = Executor::create(program, options);
  ASSERT_TRUE(executor.ok()) << executor.status().message();

  using Change = std::function<void(StepData &)>;
  const std::pair<const char *, Change> changes[] = {
      {"0 tokens", [](StepData &d) { d.input.tokens = {}; }},
      {"71 tokens",
       [](StepData &d) {
         d.tokens.resize(71);
         d.bind();
       }},
      {"positions",
       [](StepData &d) {
         d.positions.pop_back();
         d.bind();
       }},
      {"table offsets",
       [](StepData &d) {
         d.tableOffsets.push_back(0);
         d.bind();
       }},
      {"rows",
       [](StepData &d) {
         d.rows.assign(71, 0);
         d.bind();
       }},
      {"token -1", [](StepData &d) { d.tokens[3] = -1; }},
      {"token 70", [](StepData &d) { d.tokens[3] = 70; }},
      {"position -5", [](StepData &d) { d.positions[0] = -5; }},
      {"position 256", [](StepData &d) { d.positions[0] = 256; }},
      {"position 128", [](StepData &d) { d.positions[69] = 128; }},
      {"needs entry", [](StepData &d) { d.tableOffsets[0] = 2; }},
      {"needs entry", [](StepData &d) { d.tableOffsets[0] = 0xffffffff; }},
      {"block 4 of 4", [](StepData &d) { d.blockTables[1] = 4; }},
      {"row 70", [](StepData &d) { d.rows[0] = 70; }},
      {"aligned", [](StepData &d) { d.input.logits = nullptr; }},
      {"phases 3 to 3", [](StepData &d) { d.input.firstPhase = d.input.endPhase = 3; }},
      {"phases 99 to", [](StepData &d) { d.input.firstPhase = 99; }},
      {"aligned", [](StepData &d) { d.input.tiles += 1; }},
  };
  for (const auto &[expected, change] : changes) {
    StepData data(program, 70, 2);
    change(data);
    calls = 0;
    Status status = (*executor)->step(data.input);
    EXPECT_EQ(status.code(), Code::InvalidArgument) << expected;
    EXPECT_NE(status.message().find(expected), std::string::npos) << status.message();
    EXPECT_EQ(calls, 0) << expected;
  }
  StepData good(program, 70, 2);
  EXPECT_TRUE((*executor)->step(good.input).ok());
  EXPECT_GT(calls, 0);
}

TEST(ExecutorOptions, MemoryIsPlannedAndRefused) {
  std::vector<uint8_t> weights(1 << 20);
  LoadedProgram program = countingProgram(weights);
  ExecutorOptions options;
  options.threads = 2;
  options.oversubscribe = true;
  options.maxTokens = 32;
  options.numBlocks = 10;
  auto memory = Executor::plan(program, options);
  ASSERT_TRUE(memory.ok());
  // x, angles (40 a token), q, out (64 more), spans, each rounded up to 64.
  EXPECT_EQ(memory->workspace, 32u * 256 + 32 * 40 + 32 * 128 + (64 + 32 * 256) + 192);
  EXPECT_EQ(memory->kv, 10 * program.kv.blockBytes);
  EXPECT_EQ(memory->scratch, 2u * 3264); // the head: 64 + 100 * 32

  options.memoryLimit = memory->total() - 1;
  auto refused = Executor::create(program, options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::Resource);
  EXPECT_NE(refused.status().message().find("9 KV blocks"), std::string::npos)
      << refused.status().message();
  options.memoryLimit = memory->total();
  EXPECT_TRUE(Executor::create(program, options).ok());

  options.memoryLimit = 0;
  for (uint32_t tokens : {0u, 65537u}) {
    options.maxTokens = tokens;
    EXPECT_EQ(Executor::create(program, options).status().code(), Code::InvalidArgument);
  }
  options.maxTokens = 65536;
  program.plan.slots[0].perToken = uint64_t(1) << 40;
  program.plan.slots.resize(4096, program.plan.slots[0]);
  EXPECT_EQ(Executor::plan(program, options).status().code(), Code::Resource);
}

TEST(ExecutorOptions, ThreadsAreCappedAtUsableCores) {
  std::vector<uint8_t> weights(1 << 20);
  LoadedProgram program = countingProgram(weights);
  ExecutorOptions options;
  EXPECT_EQ((*Executor::create(program, options))->threads(), usableCores());
  options.threads = 10000;
  EXPECT_EQ((*Executor::create(program, options))->threads(), usableCores());
  options.threads = 1;
  EXPECT_EQ((*Executor::create(program, options))->threads(), 1u);
}

TEST(ExecutorOptions, ABrokenArtifactFailsItsSteps) {
  TestArtifact a = makeTestArtifact();
  auto artifact = Artifact::open(writeTemporary(a.bytes(), "broken.axm"));
  if (!artifact.ok())
    GTEST_SKIP() << artifact.status().message();
  ExecutorOptions options;
  options.numBlocks = 2;
  auto executor = Executor::create(*artifact, options);
  ASSERT_TRUE(executor.ok()) << executor.status().message();
  StepData data((*artifact)->program(), 9, 1);
  EXPECT_TRUE((*executor)->step(data.input).ok());
  (*artifact)->markBroken();
  EXPECT_EQ((*executor)->step(data.input).code(), Code::BadInput);
}

} // namespace
