#include "runtime/device/cpu/ActiveThreads.h"

#include <gtest/gtest.h>

using axiom::ActiveThreads;

namespace {

constexpr uint64_t kWindow = ActiveThreads::kWindow;

/// Windows of one step each; every thread beyond `free` that works is delayed all the time, and
/// with it half of the time another one.
struct Machine {
  uint32_t free;
  uint64_t delay(uint32_t active) const {
    return active > free ? (active - free) * kWindow * 3 / 4 : 0;
  }
};

TEST(ActiveThreads, AllWorkWhileNothingIsDelayed) {
  for (uint32_t threads : {1u, 2u, 64u}) {
    ActiveThreads active(threads);
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(active.count(), threads);
      ASSERT_TRUE(active.addStep(kWindow));
      active.closeWindow(kWindow / 50); // what other work on a quiet machine takes
    }
  }
}

TEST(ActiveThreads, ShortStepsMakeOneWindow) {
  ActiveThreads active(2);
  EXPECT_FALSE(active.addStep(kWindow / 2));
  EXPECT_TRUE(active.addStep(kWindow / 2));
  active.closeWindow(kWindow / 2);
  EXPECT_EQ(active.count(), 1u);
  EXPECT_FALSE(active.addStep(kWindow - 1)) << "a new window";
}

TEST(ActiveThreads, AsManyAsThereAreFreeCores) {
  for (auto [threads, free] : {std::pair{2u, 1u}, {4u, 3u}, {8u, 3u}, {64u, 63u}}) {
    ActiveThreads active(threads);
    Machine machine{free};
    uint32_t right = 0, full = 0;
    constexpr uint32_t kRounds = 2000;
    for (uint32_t i = 0; i < kRounds; ++i) {
      right += active.count() == free;
      full += active.count() == threads;
      active.addStep(kWindow);
      active.closeWindow(machine.delay(active.count()));
    }
    EXPECT_GT(right, kRounds * 95 / 100) << threads << " " << free;
    EXPECT_GT(full, kRounds * kWindow / ActiveThreads::kLastRest) << "they are tried again";
  }
}

TEST(ActiveThreads, AllComeBackWhenCoresAreFree) {
  ActiveThreads active(4);
  Machine machine{2};
  auto windows = [&](uint64_t ns) {
    for (uint64_t time = 0; time < ns; time += kWindow) {
      active.addStep(kWindow);
      active.closeWindow(machine.delay(active.count()));
    }
  };
  windows(20 * ActiveThreads::kLastRest);
  machine.free = 4;
  windows(2 * ActiveThreads::kLastRest);
  EXPECT_EQ(active.count(), 4u);
  // A window in which all worked well forgets the times in vain.
  machine.free = 3;
  windows(kWindow);
  EXPECT_EQ(active.count(), 3u);
  machine.free = 4;
  windows(ActiveThreads::kFirstRest + kWindow);
  EXPECT_EQ(active.count(), 4u);
}

TEST(ActiveThreads, OneAlwaysWorks) {
  ActiveThreads active(3);
  for (int i = 0; i < 100; ++i) {
    active.addStep(kWindow);
    active.closeWindow(100 * kWindow);
    EXPECT_GE(active.count(), 1u);
  }
  ActiveThreads single(1);
  single.addStep(kWindow);
  single.closeWindow(kWindow);
  EXPECT_EQ(single.count(), 1u);
}

} // namespace
