// The times that the executor collects: what adds up, what is counted where, and that it costs no
// allocation.
#include "runtime/device/cpu/Executor.h"
#include "test/unit/artifact/TestArtifact.h"
#include "test/unit/device/AllocationCounter.h"
#include "test/unit/device/StepData.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

void emptyKernel(const AxmLaunch *) {}

/// Takes long enough for the clock to see it.
void slowKernel(const AxmLaunch *launch) {
  volatile uint32_t sink = 0;
  for (uint32_t i = 0; i < 20000u * (launch->end - launch->begin); ++i)
    sink = sink + 1;
}

class ProfileTest : public ::testing::Test {
protected:
  void SetUp() override {
    program = makeTestProgram();
    weights.resize(program.weightsSize);
    program.weights = weights.data();
    for (size_t k = 0; k < program.kernels.size(); ++k)
      program.kernels[k].body = k / 3 == Attention ? slowKernel : emptyKernel;
  }

  std::unique_ptr<Executor> make(uint32_t threads) {
    ExecutorOptions options;
    options.threads = threads;
    options.oversubscribe = true;
    options.maxTokens = 64;
    options.numBlocks = 8;
    return Executor::create(program, options).value();
  }

  LoadedProgram program;
  std::vector<uint8_t> weights;
};

uint64_t sum(const StepProfile &p) { return p.dispatch + p.busy() + p.wait() + p.hooks; }

TEST_F(ProfileTest, EveryNanosecondIsCountedOnce) {
  for (uint32_t threads : {1u, 2u, 3u}) {
    auto executor = make(threads);
    EXPECT_EQ(executor->profile(), nullptr);
    executor->setProfiling(true);
    StepData data(program, 9, 1);
    for (int i = 0; i < 5; ++i)
      ASSERT_TRUE(executor->step(data.input).ok());
    const StepProfile &p = *executor->profile();
    EXPECT_EQ(p.steps, 5u);
    EXPECT_EQ(p.threads, threads);
    EXPECT_EQ(sum(p), p.total * threads);
    ASSERT_EQ(p.phases.size(), 5u); // embed and angles; qkv, attention, output of a layer; head
    EXPECT_EQ(p.phases[0].busy.size(), 2u);
    EXPECT_EQ(p.phases[2].repeat, 1u);
    EXPECT_EQ(p.phases[2].phase, 1u);
    for (const StepProfile::Phase &phase : p.phases)
      EXPECT_LE(phase.skew, phase.wait);
    EXPECT_GT(p.phases[2].busy[0], 0u); // attention
    StepProfile twice;
    twice += p;
    twice += p;
    EXPECT_EQ(twice.steps, 10u);
    EXPECT_EQ(twice.threads, threads);
    EXPECT_EQ(sum(twice), 2 * sum(p));
    EXPECT_EQ(twice.phases[2].busy[0], 2 * p.phases[2].busy[0]);
    if (threads == 1)
      for (const StepProfile::Phase &phase : p.phases)
        EXPECT_EQ(phase.skew, 0u);
  }
}

TEST_F(ProfileTest, HooksCountApartAndOffMeansOff) {
  auto executor = make(2);
  executor->setProfiling(true);
  int calls = 0;
  executor->setLayerHook([&](uint32_t, const float *, uint32_t) { ++calls; });
  StepData data(program, 3, 0); // no rows: the head is skipped
  ASSERT_TRUE(executor->step(data.input).ok());
  EXPECT_EQ(calls, 2);
  const StepProfile &p = *executor->profile();
  EXPECT_GT(p.hooks, 0u);
  EXPECT_EQ(sum(p), 2 * p.total);
  EXPECT_EQ(p.phases.back().busy[0], 0u);
  executor->setProfiling(true); // begins anew
  EXPECT_EQ(executor->profile()->steps, 0u);
  executor->setProfiling(false);
  ASSERT_TRUE(executor->step(data.input).ok());
  EXPECT_EQ(executor->profile(), nullptr);
}

TEST_F(ProfileTest, AProfiledStepAllocatesNothing) {
  if (!allocationCount())
    GTEST_SKIP() << "allocations are counted in builds without sanitizers";
  auto executor = make(3);
  executor->setProfiling(true);
  StepData data(program, 9, 3);
  ASSERT_TRUE(executor->step(data.input).ok());
  auto before = allocationCount();
  for (int i = 0; i < 10; ++i) {
    Status status = executor->step(data.input);
    ASSERT_TRUE(status.ok());
  }
  EXPECT_EQ(allocationCount(), before);
}

} // namespace
