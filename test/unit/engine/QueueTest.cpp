// Who is next, and who may wait: SchedulerQueue, Admission, StepCost.
#include "runtime/engine/Admission.h"
#include "runtime/engine/Scheduler.h"
#include "runtime/engine/SchedulerQueue.h"
#include "runtime/engine/StepCost.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::engine;

namespace {

std::vector<SequenceId> order(const SchedulerQueue &queue, uint64_t cost) {
  std::vector<SequenceId> ids;
  for (SchedulerQueue::Order order(queue); !order.empty(); order.take(cost))
    ids.push_back(order.front());
  return ids;
}

void wait(SchedulerQueue &queue, uint64_t key, SequenceId id, int64_t rank = 0) {
  queue.enter(key);
  queue.add(key, {rank, id}, id);
}

SequenceSpec spec(uint32_t length, uint64_t key, int32_t priority = 0, uint64_t arrival = 0) {
  SequenceSpec spec;
  spec.length = length;
  spec.limit = length + 10;
  spec.key = key;
  spec.priority = priority;
  spec.arrival = arrival;
  return spec;
}

/// One step of a scheduler in which every sequence ends with its prompt.
std::vector<SequenceId> serve(Scheduler &scheduler) {
  StepPlan plan = scheduler.plan();
  scheduler.prepare(plan);
  scheduler.commit(plan);
  for (auto &slice : plan.slices)
    if (slice.samples)
      scheduler.finish(slice.id);
  return plan.admitted;
}

} // namespace

TEST(SchedulerQueue, KeysTakeTurnsByWhatTheyGot) {
  SchedulerQueue queue;
  for (SequenceId id : {1, 2, 3, 4})
    wait(queue, 7, id);
  for (SequenceId id : {11, 12})
    wait(queue, 8, id);
  EXPECT_EQ(order(queue, 10), (std::vector<SequenceId>{1, 11, 2, 12, 3, 4}));
  queue.charge(7, 15);
  EXPECT_EQ(order(queue, 10), (std::vector<SequenceId>{11, 12, 1, 2, 3, 4}));
}

TEST(SchedulerQueue, APauseSavesNothingUp) {
  SchedulerQueue queue;
  wait(queue, 1, 1);
  queue.charge(1, 1000);
  wait(queue, 2, 2);
  EXPECT_EQ(queue.served(2), 1000u) << "a new key starts with the least served one";
  queue.charge(2, 500);
  queue.remove(2, {0, 2});
  queue.leave(2);
  EXPECT_EQ(queue.served(2), 1500u) << "and is remembered while it is ahead";
  wait(queue, 2, 3);
  EXPECT_EQ(order(queue, 1), (std::vector<SequenceId>{1, 3}));
  queue.remove(2, {0, 3});
  queue.leave(2);
  queue.charge(1, 600);
  queue.remove(1, {0, 1});
  queue.leave(1);
  EXPECT_EQ(queue.numKeys(), 0u) << "keys without requests are forgotten";
  wait(queue, 3, 4);
  EXPECT_EQ(queue.served(3), 1600u);
}

TEST(SchedulerQueue, RankIsTheOrderWithinAKey) {
  SchedulerQueue queue;
  wait(queue, 1, 1, 500);
  wait(queue, 1, 2, 100);
  wait(queue, 1, 3, 100);
  EXPECT_EQ(order(queue, 0), (std::vector<SequenceId>{2, 3, 1}));
}

TEST(Scheduler, AFloodOfOneKeyDelaysAnotherByATurn) {
  Scheduler scheduler({64, 1, 1}, 8);
  for (SequenceId id = 1; id <= 20; ++id)
    ASSERT_TRUE(scheduler.add(id, spec(64, 1)).ok());
  EXPECT_EQ(serve(scheduler), (std::vector<SequenceId>{1}));
  ASSERT_TRUE(scheduler.add(100, spec(64, 2)).ok());
  ASSERT_TRUE(scheduler.add(101, spec(64, 2)).ok());
  std::vector<SequenceId> first;
  for (int i = 0; i < 5; ++i)
    first.push_back(serve(scheduler).at(0));
  EXPECT_EQ(first, (std::vector<SequenceId>{2, 100, 3, 101, 4}));
}

TEST(Scheduler, APriorityIsAHeadStartAndNoMore) {
  SchedulerLimits limits{64, 1, 1};
  limits.priorityMs = 1000;
  Scheduler scheduler(limits, 8);
  ASSERT_TRUE(scheduler.add(1, spec(64, 0, 2, 5000)).ok()); // counts as 7000
  ASSERT_TRUE(scheduler.add(2, spec(64, 0, 0, 6000)).ok());
  ASSERT_TRUE(scheduler.add(3, spec(64, 0, 0, 7500)).ok());
  ASSERT_TRUE(scheduler.add(4, spec(64, 0, -3, 8000)).ok()); // as 5000
  std::vector<SequenceId> order;
  while (!scheduler.idle())
    order.push_back(serve(scheduler).at(0));
  EXPECT_EQ(order, (std::vector<SequenceId>{4, 2, 1, 3}));
}

TEST(Scheduler, PromptsGetNoMoreOfAStepThanItsTimeAllows) {
  Scheduler scheduler({256, 8, 8}, 64);
  ASSERT_TRUE(scheduler.add(1, spec(5, 0)).ok());
  StepPlan plan = scheduler.plan();
  scheduler.prepare(plan);
  scheduler.commit(plan);
  scheduler.append(1);
  ASSERT_TRUE(scheduler.add(2, spec(1000, 0)).ok());
  EXPECT_EQ(scheduler.plan().numTokens, 256u);
  scheduler.setMixedTokens(100);
  EXPECT_EQ(scheduler.plan().numTokens, 100u);
  scheduler.setMixedTokens(1);
  EXPECT_EQ(scheduler.plan().numTokens, 1u + kLeastPrefill);
  scheduler.finish(1);
  EXPECT_EQ(scheduler.plan().numTokens, 256u) << "nobody decodes";
}

TEST(Admission, BoundsTheQueueByRequestsTokensAndTime) {
  Admission admission({.maxRequests = 100, .maxQueuedRequests = 4, .maxQueuedTokens = 1000});
  EXPECT_TRUE(admission.refuses(0, 10, 100)) << "too many requests in all";
  EXPECT_FALSE(admission.refuses(0, 5000, 0)) << "nothing stands before it";
  admission.enter(0, 5000, 0);
  auto refusal = admission.refuses(0, 10, 1);
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->reason.find("5000"), std::string::npos);
  EXPECT_EQ(refusal->retryAfterMs, 1000u) << "no rate is known yet";
  admission.start(0, 5000, 500); // 10 tokens a millisecond
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(admission.refuses(0, 250, 1));
    admission.enter(0, 250, 500);
  }
  refusal = admission.refuses(0, 1, 5);
  ASSERT_TRUE(refusal) << "four wait";
  EXPECT_NE(refusal->reason.find("at most 4"), std::string::npos);
  admission.leave(0, 250, 500);
  refusal = admission.refuses(0, 5000, 4);
  ASSERT_TRUE(refusal) << "too many tokens";
  EXPECT_EQ(refusal->retryAfterMs, 75u) << "when the 750 that wait have gone";
  EXPECT_EQ(admission.drainMs(1000), 100u);
}

TEST(Admission, RefusesWhatWouldWaitTooLong) {
  Admission admission({.maxQueueMs = 200});
  admission.enter(0, 1000, 0);
  admission.start(0, 1000, 1000); // a token a millisecond
  admission.enter(0, 150, 1000);
  EXPECT_FALSE(admission.refuses(0, 1000, 2));
  admission.enter(0, 150, 1000);
  auto refusal = admission.refuses(0, 1, 3);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->retryAfterMs, 100u);
}

TEST(Admission, AnotherKeysFloodShutsNobodyOut) {
  Admission admission({.maxQueuedRequests = 10});
  for (int i = 0; i < 10; ++i)
    admission.enter(1, 10, 0);
  EXPECT_TRUE(admission.refuses(1, 10, 10));
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(admission.refuses(2, 10, 10)) << i;
    admission.enter(2, 10, 0);
  }
  EXPECT_TRUE(admission.refuses(2, 10, 15)) << "its share is half";
  for (int i = 0; i < 3; ++i)
    admission.enter(3, 10, 0);
  EXPECT_TRUE(admission.refuses(3, 10, 18)) << "a third of ten";
  for (int i = 0; i < 2; ++i)
    admission.enter(4, 10, 0);
  EXPECT_TRUE(admission.refuses(5, 10, 20)) << "twice the bound is the end";
}

TEST(Admission, AShareSmallerThanARequestStillTakesOne) {
  Admission admission({.maxQueuedTokens = 300});
  admission.enter(1, 200, 0);
  EXPECT_TRUE(admission.refuses(1, 200, 1));
  EXPECT_FALSE(admission.refuses(2, 200, 1)) << "half of the bound is less";
  admission.enter(2, 200, 0);
  EXPECT_TRUE(admission.refuses(2, 10, 2)) << "it has more than its share";
  EXPECT_FALSE(admission.refuses(3, 1000, 2));
  admission.enter(3, 1000, 0);
  EXPECT_TRUE(admission.refuses(4, 10, 3)) << "twice the bound is the end";
}

TEST(Admission, TheRateIsOfTheTimeInWhichOthersWaited) {
  Admission admission({});
  EXPECT_FALSE(admission.drainMs(100));
  admission.enter(0, 100, 0);
  admission.start(0, 100, 10);
  admission.enter(0, 100, 100000); // long idle
  admission.start(0, 100, 100010);
  EXPECT_EQ(admission.drainMs(100), 10u);
  for (uint64_t now = 200000; now < 400000; now += 1000) { // slower now
    admission.enter(0, 100, now);
    admission.start(0, 100, now + 1000);
  }
  EXPECT_NEAR(static_cast<double>(*admission.drainMs(100)), 1000, 20);
}

TEST(StepCost, FindsTheLineAndForgetsOldOnes) {
  StepCost cost;
  EXPECT_EQ(cost.tokensWithin(1000), UINT32_MAX);
  for (uint32_t i = 0; i < 50; ++i)
    cost.add(1 + i % 20, 2000 + 100 * (1 + i % 20));
  EXPECT_NEAR(cost.perToken(), 100, 1);
  EXPECT_NEAR(cost.microseconds(0), 2000, 20);
  EXPECT_NEAR(cost.tokensWithin(5000), 30, 1);
  EXPECT_EQ(cost.tokensWithin(100), 1u);
  for (uint32_t i = 0; i < 500; ++i)
    cost.add(1 + i % 20, 4000 + 200 * (1 + i % 20));
  EXPECT_NEAR(cost.perToken(), 200, 2);
}

TEST(StepCost, StepsOfOneSizeGiveAShare) {
  StepCost cost;
  for (int i = 0; i < 10; ++i)
    cost.add(8, 4000);
  EXPECT_NEAR(cost.perToken(), 500, 1);
  EXPECT_NEAR(cost.microseconds(8), 4000, 1);
}
