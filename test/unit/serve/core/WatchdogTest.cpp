// The watchdog against a given clock and engine.
#include "runtime/serve/core/Watchdog.h"

#include <gtest/gtest.h>

using namespace axiom::serve;

namespace {

struct Fixture {
  uint64_t now = 1000;
  Progress progress;
  int ended = 0, alive = 0;
  std::unique_ptr<Watchdog> dog;

  explicit Fixture(bool ends = true) {
    WatchdogSettings settings;
    settings.stepTimeoutMs = 100;
    settings.endAfterMs = 500;
    settings.aliveMs = 50;
    settings.clock = [this] { return now; };
    settings.alive = [this] { ++alive; };
    if (ends)
      settings.end = [this] { ++ended; };
    dog = std::make_unique<Watchdog>(settings, [this] { return progress; }, nullptr);
  }
  void pass(uint64_t ms) {
    for (uint64_t i = 0; i < ms; i += 10) {
      now += 10;
      if (progress.stepAgeMs != 0)
        progress.stepAgeMs += 10;
      dog->check();
    }
  }
};

} // namespace

TEST(Watchdog, IdleIsNoStall) {
  Fixture f;
  f.pass(10'000);
  EXPECT_EQ(f.dog->stalls(), 0u);
  EXPECT_EQ(f.dog->stalledMs(), 0u);
  EXPECT_EQ(f.ended, 0);
  EXPECT_NEAR(f.alive, 200, 2);
}

TEST(Watchdog, StepsThatEndAreNoStall) {
  Fixture f;
  f.progress.busy = true;
  for (int i = 0; i < 100; ++i) {
    f.progress.stepAgeMs = 1;
    f.pass(90);
    ++f.progress.steps;
    f.progress.stepAgeMs = 0;
    f.dog->check();
  }
  EXPECT_EQ(f.dog->stalls(), 0u);
}

TEST(Watchdog, AStepThatHangs) {
  Fixture f;
  f.progress = {1, 7, true, "model"};
  f.pass(90);
  EXPECT_EQ(f.dog->stalledMs(), 0u);
  int alive = f.alive;
  f.pass(100);
  EXPECT_EQ(f.dog->stalls(), 1u);
  EXPECT_NEAR(static_cast<double>(f.dog->stalledMs()), 190, 10);
  f.pass(200);
  EXPECT_LE(f.alive, alive + 1); // a service manager is told no more
  EXPECT_EQ(f.dog->stalls(), 1u);
  EXPECT_EQ(f.ended, 0);
  f.pass(200);
  EXPECT_GT(f.ended, 0);
}

TEST(Watchdog, AStallThatEnds) {
  Fixture f(false);
  f.progress = {1, 7, true, "model"};
  f.pass(5000);
  EXPECT_EQ(f.dog->stalls(), 1u);
  f.progress = {0, 8, false, ""};
  f.pass(100);
  EXPECT_EQ(f.dog->stalledMs(), 0u);
  f.progress = {1, 8, true, "model"};
  f.pass(200);
  EXPECT_EQ(f.dog->stalls(), 2u);
}

TEST(Watchdog, WorkThatNoStepTakesUp) {
  Fixture f;
  f.pass(5000);
  f.progress.busy = true;
  f.pass(90);
  EXPECT_EQ(f.dog->stalls(), 0u); // the time before does not count
  f.pass(100);
  EXPECT_EQ(f.dog->stalls(), 1u);
  EXPECT_GT(f.dog->stalledMs(), 0u);
}
