#include "runtime/base/Threads.h"
#include "runtime/base/Cgroup.h"
#include "runtime/base/RunDelay.h"

#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <sched.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace axiom;

namespace {

/// Keeps the thread that makes it, and those that it starts, on one core.
struct OnOneCore {
  OnOneCore() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    EXPECT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    EXPECT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  }
  ~OnOneCore() { EXPECT_EQ(::sched_setaffinity(0, sizeof before, &before), 0); }
  cpu_set_t before;
};

TEST(Threads, UsableCoresFollowTheAffinityMask) {
  uint32_t all = usableCores();
  EXPECT_GE(all, 1u);
  {
    OnOneCore core;
    EXPECT_EQ(usableCores(), 1u);
  }
  EXPECT_EQ(usableCores(), all);
}

TEST(Threads, CgroupFolders) {
  using Folders = std::vector<std::string>;
  EXPECT_EQ(cgroupFoldersFrom("0::/a/b\n", "cpu"),
            (Folders{"/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"}));
  EXPECT_EQ(cgroupFoldersFrom("0::/\n", "memory"), Folders{"/sys/fs/cgroup"});
  EXPECT_EQ(cgroupFoldersFrom("5:cpu,cpuacct:/x\n4:memory:/y\n", "cpu"),
            (Folders{"/sys/fs/cgroup/cpu/x", "/sys/fs/cgroup/cpu"}));
  EXPECT_TRUE(cgroupFoldersFrom("nonsense\n::\n:", "cpu").size() <= 1);
  EXPECT_EQ(leadingNumber("max 100000"), std::nullopt);
  EXPECT_EQ(leadingNumber("-1"), std::nullopt);
  EXPECT_EQ(leadingNumber("150000 100000"), 150000u);
  EXPECT_EQ(leadingNumber("18446744073709551616"), std::nullopt);
  EXPECT_EQ(numberAfter("MemTotal: 5 kB\nMemAvailable:   123 kB\n", "MemAvailable:"), 123u);
  EXPECT_EQ(numberAfter("MemTotal: 5 kB\n", "MemTotal:"), 5u);
  EXPECT_EQ(numberAfter("XMemTotal: 5 kB\n", "MemTotal:"), std::nullopt);
}

struct BarrierJob {
  explicit BarrierJob(uint32_t threads) : barrier(threads), values(threads) {}
  Barrier barrier;
  std::vector<uint64_t> values; ///< plain: the barrier alone orders them
  std::atomic<int> wrong{0};
};

TEST(Threads, BarrierOrdersPlainMemory) {
  for (uint32_t threads : {1u, 2u, 3u, 5u}) {
    auto team = ThreadTeam::create(threads);
    ASSERT_TRUE(team.ok());
    BarrierJob job(threads);
    (*team)->run(
        [](void *context, uint32_t thread) {
          auto &job = *static_cast<BarrierJob *>(context);
          for (uint64_t round = 1; round <= 500; ++round) {
            job.values[thread] = round;
            job.barrier.arrive();
            for (uint64_t value : job.values)
              job.wrong += value != round;
            job.barrier.arrive();
          }
        },
        &job);
    EXPECT_EQ(job.wrong, 0) << threads;
  }
}

TEST(Threads, TeamRunsEveryThreadOnceAndSleepsBetween) {
  auto team = ThreadTeam::create(4);
  ASSERT_TRUE(team.ok());
  std::vector<int> calls(4);
  for (int round = 1; round <= 50; ++round) {
    (*team)->run([](void *context,
                    uint32_t thread) { ++(*static_cast<std::vector<int> *>(context))[thread]; },
                 &calls);
    EXPECT_EQ(calls, std::vector<int>(4, round));
    // Long enough for the workers to stop spinning.
    if (round % 10 == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST(Threads, TeamRunsAsManyAsAreWanted) {
  auto team = ThreadTeam::create(4);
  ASSERT_TRUE(team.ok());
  std::vector<int> calls(4), expected(4);
  for (int round = 0; round < 3000; ++round) {
    uint32_t active = 1 + static_cast<uint32_t>(round * 7 / 3) % 4;
    for (uint32_t t = 0; t < active; ++t)
      ++expected[t];
    auto count = [](void *context, uint32_t thread) {
      ++(*static_cast<std::vector<int> *>(context))[thread];
    };
    (*team)->run(count, &calls, active);
    ASSERT_EQ(calls, expected);
  }
  std::vector<pid_t> ids = (*team)->workerIds();
  ids.push_back(::getpid());
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(ids.size(), 4u);
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
}

TEST(Threads, RunDelayGrowsOnACoreThatIsTaken) {
  OnOneCore core;
  RunDelay delay({});
  auto before = delay.read();
  if (!before)
    GTEST_SKIP() << "the kernel counts no run delay";
  EXPECT_EQ(*before, 0u);
  std::atomic<bool> end{false};
  std::thread other([&] {
    while (!end)
      ;
  });
  std::optional<uint64_t> now;
  auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  do
    now = delay.read();
  while (now && *now < 1'000'000 && std::chrono::steady_clock::now() < limit);
  end = true;
  other.join();
  ASSERT_TRUE(now);
  EXPECT_GE(*now, 1'000'000u);
}

TEST(Threads, RunDelayOfAThreadThatIsNotThere) {
  EXPECT_EQ(RunDelay({INT32_MAX}).read(), std::nullopt);
}

} // namespace
