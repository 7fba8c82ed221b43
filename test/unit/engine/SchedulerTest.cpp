// The scheduler over random schedules: invariants after each step, and that everyone ends. A
// failure names its seed; one seed is one run.
#include "runtime/engine/Scheduler.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>

using namespace axiom;
using namespace axiom::engine;

namespace {

struct Shadow {
  uint32_t length, limit, computed = 0, target;
};

} // namespace

TEST(Scheduler, RefusesWhatCanNeverFit) {
  Scheduler scheduler({64, 4, 4}, 3);
  Status status = scheduler.add(1, {10, 193, kNoRows, true});
  EXPECT_EQ(status.code(), Code::Resource);
  EXPECT_NE(status.message().find("193"), std::string::npos);
  EXPECT_NE(status.message().find("192"), std::string::npos);
  EXPECT_TRUE(scheduler.add(1, {10, 192, kNoRows, true}).ok());
}

TEST(Scheduler, DecodesFirstThenPromptsInTurns) {
  Scheduler scheduler({256, 8, 8}, 64);
  ASSERT_TRUE(scheduler.add(1, {5, 100, kNoRows, true}).ok());
  StepPlan plan = scheduler.plan();
  ASSERT_EQ(plan.slices.size(), 1u);
  EXPECT_EQ(plan.slices[0].count, 5u);
  EXPECT_EQ(plan.slices[0].firstRow, 4u);
  EXPECT_TRUE(plan.slices[0].samples);
  scheduler.prepare(plan);
  scheduler.commit(plan);
  scheduler.append(1);
  ASSERT_TRUE(scheduler.add(2, {2000, 2000, kNoRows, true}).ok());
  ASSERT_TRUE(scheduler.add(3, {20, 30, kNoRows, true}).ok());
  plan = scheduler.plan();
  ASSERT_EQ(plan.slices.size(), 3u);
  EXPECT_EQ(plan.slices[0].id, 1u);
  EXPECT_EQ(plan.slices[0].count, 1u);
  std::map<SequenceId, uint32_t> counts;
  for (auto &slice : plan.slices)
    counts[slice.id] = slice.count;
  EXPECT_EQ(counts[3], 20u) << "a long prompt must not hold up a short one";
  EXPECT_EQ(counts[2], 256u - 21u);
  EXPECT_EQ(plan.numTokens, 256u);
}

TEST(Scheduler, YoungestIsPreempted) {
  Scheduler scheduler({256, 8, 8}, 4);
  for (SequenceId id : {1, 2}) {
    ASSERT_TRUE(scheduler.add(id, {127, 250, kNoRows, true}).ok());
  }
  StepPlan plan = scheduler.plan();
  EXPECT_EQ(plan.admitted, (std::vector<SequenceId>{1, 2}));
  scheduler.prepare(plan);
  scheduler.commit(plan);
  for (int i = 0; i < 2; ++i) {
    scheduler.append(1);
    scheduler.append(2);
    plan = scheduler.plan();
    scheduler.prepare(plan);
    if (i == 1) {
      EXPECT_EQ(plan.preempted, (std::vector<SequenceId>{2}));
    } else {
      EXPECT_TRUE(plan.preempted.empty());
    }
    scheduler.commit(plan);
  }
  EXPECT_EQ(scheduler.counts().preemptions, 1u);
  EXPECT_EQ(scheduler.counts().waiting, 1u);
  EXPECT_EQ(scheduler.checkInvariants(), "");
}

TEST(Scheduler, RollbackGivesBlocksBack) {
  Scheduler scheduler({256, 8, 8}, 8);
  ASSERT_TRUE(scheduler.add(1, {200, 300, kNoRows, true}).ok());
  StepPlan plan = scheduler.plan();
  scheduler.prepare(plan);
  EXPECT_EQ(scheduler.counts().blocksUsed, 4u);
  scheduler.rollback(plan);
  EXPECT_EQ(scheduler.counts().blocksUsed, 0u);
  EXPECT_EQ(scheduler.checkInvariants(), "");
  EXPECT_EQ(scheduler.plan().numTokens, 200u);
}

TEST(Scheduler, PlanChangesNothing) {
  Scheduler scheduler({64, 2, 2}, 2);
  ASSERT_TRUE(scheduler.add(1, {100, 120, 0, true}).ok());
  StepPlan a = scheduler.plan(), b = scheduler.plan();
  ASSERT_EQ(a.slices.size(), b.slices.size());
  EXPECT_EQ(a.slices[0].count, b.slices[0].count);
  EXPECT_EQ(a.slices[0].count, 2u) << "two rows a step: rowsFrom = 0 gives each token a row";
  EXPECT_EQ(scheduler.counts().running, 0u);
  EXPECT_EQ(scheduler.checkInvariants(), "");
}

class SchedulerRandom : public testing::TestWithParam<uint32_t> {};

TEST_P(SchedulerRandom, InvariantsAndProgress) {
  for (uint32_t round = 0; round < 40; ++round) {
    uint32_t seed = GetParam() * 1000 + round;
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    auto upTo = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    SchedulerLimits limits;
    limits.maxSequences = 1 + upTo(16);
    limits.maxRows = limits.maxSequences + upTo(20);
    limits.maxBatchedTokens = limits.maxRows + upTo(300);
    uint32_t blocks = 4 + upTo(24);
    Scheduler scheduler(limits, blocks);
    std::map<SequenceId, Shadow> alive;
    SequenceId next = 1;
    uint32_t toSubmit = 30, steps = 0;
    uint64_t preempted = 0;
    while (toSubmit > 0 || !alive.empty()) {
      ASSERT_LT(++steps, 60000u) << "no end in sight";
      while (toSubmit > 0 && (alive.empty() || upTo(4) == 0)) {
        uint32_t most = blocks * AXM_KV_BLOCK;
        uint32_t length = 1 + upTo(most), limit = length + upTo(std::min(most - length + 1, 150u));
        SequenceSpec spec{length, limit, upTo(3) == 0 ? upTo(length) : kNoRows, upTo(4) != 0};
        if (!spec.samples)
          spec.limit = length;
        ASSERT_TRUE(scheduler.add(next, spec).ok());
        alive[next] = {length, spec.limit, 0,
                       spec.samples ? length + upTo(spec.limit - length + 1) : length};
        ++next;
        --toSubmit;
      }
      if (upTo(50) == 0 && !alive.empty()) { // cancel someone, in whatever state
        auto victim = std::next(alive.begin(), upTo(static_cast<uint32_t>(alive.size())));
        scheduler.finish(victim->first);
        alive.erase(victim);
        ASSERT_EQ(scheduler.checkInvariants(), "");
        continue;
      }
      StepPlan plan = scheduler.plan();
      ASSERT_FALSE(plan.empty()) << "something is alive but nothing moves";
      ASSERT_LE(plan.numTokens, limits.maxBatchedTokens);
      ASSERT_LE(plan.numRows, limits.maxRows);
      SequenceId oldest = alive.begin()->first; // ids rise with arrival
      ASSERT_TRUE(std::any_of(plan.slices.begin(), plan.slices.end(),
                              [&](auto &s) { return s.id == oldest; }) ||
                  plan.numTokens == limits.maxBatchedTokens || plan.numRows == limits.maxRows)
          << "the oldest sequence stands still";
      for (SequenceId id : plan.preempted) {
        ASSERT_NE(id, oldest);
        alive.at(id).computed = 0;
        ++preempted;
      }
      auto fresh = scheduler.prepare(plan);
      std::sort(fresh.begin(), fresh.end());
      ASSERT_TRUE(std::unique(fresh.begin(), fresh.end()) == fresh.end());
      if (upTo(20) == 0) {
        scheduler.rollback(plan);
        ASSERT_EQ(scheduler.checkInvariants(), "");
        continue;
      }
      for (auto &slice : plan.slices) {
        Shadow &shadow = alive.at(slice.id);
        ASSERT_GT(slice.count, 0u);
        ASSERT_EQ(slice.start, shadow.computed);
        ASSERT_LE(slice.end(), shadow.length);
        ASSERT_EQ(scheduler.blocks(slice.id).size(), blocksFor(slice.end()));
        ASSERT_GE(slice.firstRow, slice.start);
        ASSERT_LE(slice.firstRow, slice.end());
      }
      scheduler.commit(plan);
      for (auto &slice : plan.slices) {
        Shadow &shadow = alive.at(slice.id);
        shadow.computed = slice.end();
        if (shadow.computed < shadow.length)
          continue;
        if (shadow.length >= shadow.target) {
          scheduler.finish(slice.id);
          alive.erase(slice.id);
        } else {
          ASSERT_TRUE(slice.samples);
          ++shadow.length;
          scheduler.append(slice.id);
        }
      }
      ASSERT_EQ(scheduler.checkInvariants(), "");
    }
    EXPECT_EQ(scheduler.counts().blocksUsed, 0u);
    EXPECT_EQ(scheduler.counts().preemptions, preempted);
    EXPECT_TRUE(scheduler.idle());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SchedulerRandom, testing::Range(0u, 12u));
