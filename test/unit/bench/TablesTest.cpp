// Shares and rates from given numbers.
#include "tools/axiom-bench/Tables.h"
#include "tools/axiom-bench/LimitLoops.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::bench;

namespace {

/// Two threads, 4 steps of 10 ms each inside of the plan and 12 ms in all: a phase of two tasks,
/// then a linear phase of three repetitions.
RowResult someRow() {
  RowResult r;
  r.threads = 2;
  r.row = {0, 2, 1, 0};
  r.profile.threads = 2;
  r.profile.steps = r.steps = 4;
  r.profile.total = 40'000'000;
  r.profile.dispatch = 8'000'000;
  r.profile.phases = {{0, 0, {8'000'000, 16'000'000}, 8'000'000, 4'000'000},
                      {1, 0, {32'000'000}, 8'000'000, 8'000'000}};
  r.seconds = 0.048;
  r.tokens = 4;
  r.rates = {40, 80, 160}; // tokens a second; the median is 80
  TaskWork embed, angles, linear;
  embed.name = "embed";
  embed.weightBytes = 400;
  angles.name = "angles";
  angles.task = 1;
  linear.name = "linear";
  linear.repeat = 1;
  linear.repetitions = 3;
  linear.weightBytes = 4'000'000;
  linear.kvReadBytes = 800'000;
  linear.linearMacs = 24'000'000;
  linear.attentionMacs = 8'000'000;
  r.work.tasks = {embed, angles, linear};
  return r;
}

LimitSample someLimits(double huge, double file, double maddubs) {
  LimitSample sample;
  sample.stream = {{huge, huge / 2}, {file}};
  sample.oneCore.assign(computeLoops().size(), 1);
  sample.allCores.assign(computeLoops().size(), 2);
  for (size_t i = 0; i < computeLoops().size(); ++i)
    if (std::string(computeLoops()[i].key) == "maddubs")
      sample.allCores[i] = maddubs;
  return sample;
}

TEST(BenchTables, PhasesAndTheRestAddUpToTheStep) {
  RowResult r = someRow();
  ProfileTable table = profileTable(r.profile, r.work, r.seconds);
  EXPECT_DOUBLE_EQ(table.stepMs, 12);
  ASSERT_EQ(table.tasks.size(), 3u);
  EXPECT_EQ(table.tasks[0].name, "embed");
  EXPECT_EQ(table.tasks[2].name, "linear x3");
  EXPECT_DOUBLE_EQ(table.tasks[0].ms, 1);
  EXPECT_DOUBLE_EQ(table.tasks[0].waitMs, 0); // the barrier is after both tasks
  EXPECT_DOUBLE_EQ(table.tasks[1].ms, 2);
  EXPECT_DOUBLE_EQ(table.tasks[1].waitMs, 1);
  EXPECT_DOUBLE_EQ(table.tasks[1].skewMs, 1);
  EXPECT_DOUBLE_EQ(table.tasks[2].ms, 4);
  EXPECT_DOUBLE_EQ(table.tasks[2].share, 1.0 / 3);
  EXPECT_DOUBLE_EQ(table.barriers.ms, 2);
  EXPECT_DOUBLE_EQ(table.dispatch.ms, 1);
  EXPECT_DOUBLE_EQ(table.outside.ms, 2);
  double sum = table.barriers.share + table.dispatch.share + table.outside.share;
  for (const PhaseLine &line : table.tasks)
    sum += line.share;
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_EQ(table.tasks[2].work.weightBytes, 1'000'000u);
  EXPECT_DOUBLE_EQ(table.tasks[2].gigabytes(), 1.2e6 / 4e-3 / 1e9);
  EXPECT_DOUBLE_EQ(table.tasks[2].gigamacs(), 8e6 / 4e-3 / 1e9);
  EXPECT_DOUBLE_EQ(table.tasks[1].gigabytes(), 0);
}

TEST(BenchTables, SharesAreOfTheMediansAndOfTheRightPages) {
  RowResult r = someRow();
  // All runs together do the work; a run does a third of it in (4 / 3) / 80 s.
  double seconds = 4.0 / 3 / 80, bytes = 4'800'400.0 / 3, macs = 8e6;
  r.limits = {someLimits(4, 1, 2), someLimits(8, 2, 4), someLimits(100, 9, 300)};
  RowShares map = rowShares(r, true), copy = rowShares(r, false);
  EXPECT_DOUBLE_EQ(map.stream, 2);
  EXPECT_DOUBLE_EQ(copy.stream, 8);
  EXPECT_DOUBLE_EQ(map.bytesPerStep, 4'800'400.0 / 4);
  EXPECT_DOUBLE_EQ(map.weightBytesPerStep, 4'000'400.0 / 4);
  EXPECT_DOUBLE_EQ(map.gigabytes, bytes / seconds / 1e9);
  ASSERT_TRUE(map.ofStream && copy.ofStream);
  EXPECT_DOUBLE_EQ(map.ofStream->value, bytes / seconds / 1e9 / 2);
  EXPECT_DOUBLE_EQ(copy.ofStream->value, bytes / seconds / 1e9 / 8);
  EXPECT_DOUBLE_EQ(map.gigamacs, macs / seconds / 1e9);
  EXPECT_DOUBLE_EQ(map.kernelGigamacs, 6e6 / 4e-3 / 1e9); // linear ones alone, of the profile
  if (computeLoops().empty()) {
    EXPECT_FALSE(map.ofMaddubs);
  } else {
    EXPECT_DOUBLE_EQ(map.ofMaddubs->value, macs / seconds / 1e9 / 4);
    EXPECT_DOUBLE_EQ(map.kernelsOfMaddubs->value, 1.5 / 4);
  }
  EXPECT_DOUBLE_EQ(map.limits.bestStream(), 8);
}

TEST(BenchTables, WhatIsNotKnownIsNoShare) {
  RowResult r = someRow();
  r.profile = {};
  RowShares none = rowShares(r, true);
  EXPECT_FALSE(none.ofStream || none.ofMaddubs || none.kernelsOfMaddubs);
  LimitSample sample = someLimits(4, 0, 0);
  sample.stream[1].clear(); // no file could be made
  r.limits = {sample};
  RowShares part = rowShares(r, true);
  EXPECT_FALSE(part.ofStream);
  EXPECT_FALSE(part.ofMaddubs); // the CPU lacks it
  EXPECT_TRUE(rowShares(r, false).ofStream);
  EXPECT_EQ(shareText(std::nullopt), "n/a");
}

TEST(BenchTables, MoreThanTheLimitIsTheCachesHelp) {
  EXPECT_EQ(streamShareText(shareOf(1.25, 1)), "125.0 % (helped by cache)");
  EXPECT_EQ(streamShareText(shareOf(1, 1)), "100.0 %");
  EXPECT_EQ(streamShareText(std::nullopt), "n/a");
  EXPECT_EQ(shareText(shareOf(1.25, 1)), "125.0 %"); // of a compute loop
  EXPECT_FALSE(shareOf(1, 1)->helpedByCache());
  EXPECT_FALSE(shareOf(1, 0));
}

TEST(BenchTables, Median) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({5, 1, 3}), 3);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
}

} // namespace
