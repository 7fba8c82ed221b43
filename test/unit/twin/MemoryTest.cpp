// Accesses to memory on the twin: what is allowed, what is a fault, what is counted.
#include "codegen/cuda/device/Device.h"
#include "codegen/cuda/twin/Launch.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace axiom::device;
using axiom::twin::Counts, axiom::twin::GlobalMemory, axiom::twin::launch,
    axiom::twin::LaunchOptions, axiom::twin::LaunchResult, axiom::twin::Order;

namespace {

constexpr Order kOrders[] = {Order::Forward, Order::Reverse, Order::Random};

class TwinMemory : public ::testing::Test {
protected:
  GlobalMemory memory;
  LaunchOptions options;
  // 256 of each are known as global memory.
  alignas(64) u32 source[272];
  alignas(64) u32 target[272] = {};

  TwinMemory() {
    std::iota(std::begin(source), std::end(source), 1u);
    memory.add(source, 1024, false);
    memory.add(target, 1024, true);
    options.sharedBytes = 4096;
    options.count = true;
  }

  LaunchResult run(const std::function<void()> &kernel) { return launch(options, memory, kernel); }
  /// Runs it in every order; each must end in a fault that has `part`.
  void expectFault(const std::string &part, const std::function<void()> &kernel) {
    for (Order order : kOrders) {
      options.order = order;
      std::string fault = run(kernel).fault;
      EXPECT_NE(fault.find(part), std::string::npos) << part << " not in: " << fault;
    }
  }
  Counts expectNoFault(const std::function<void()> &kernel) {
    LaunchResult result;
    for (Order order : kOrders) {
      options.order = order;
      result = run(kernel);
      EXPECT_EQ(result.fault, "");
    }
    return result.counts;
  }
};

TEST_F(TwinMemory, EveryThreadOfEveryBlockRunsOnce) {
  options.blocks = 3;
  options.threads = 48;
  expectNoFault([&] {
    u32 i = blockIndex() * blockThreads() + threadIndex();
    EXPECT_EQ(gridBlocks(), 3u);
    EXPECT_EQ(laneIndex() + 32 * warpIndex(), threadIndex());
    store(&target[i], load<u32>(&target[i]) + loadConstant<u32>(&source[i]));
  });
  for (u32 i = 0; i < 144; ++i)
    EXPECT_EQ(target[i], 3 * (i + 1)) << i; // once for each order
  EXPECT_EQ(target[144], 0u);
}

TEST_F(TwinMemory, GlobalAccessesStayInside) {
  expectFault("reads 4 bytes of global memory: it is at byte 1024 of a range of 1024 bytes",
              [&] { load<u32>(source + 256); });
  expectFault("no global memory lies there", [&] {
    u32 own = 0;
    load<u32>(&own);
  });
  expectFault("it is 4 past one", [&] { load<Words4>(source + 1); });
  expectFault("is read only", [&] { store(source, 1u); });
  expectFault("reads 16 bytes of global memory: it is at byte 1024",
              [&] { loadOnce<Words4>(source + 256); });
}

TEST_F(TwinMemory, ConstantsAreNotWritten) {
  expectFault("this launch has read it as constant", [&] {
    loadConstant<u32>(&target[laneIndex()]);
    warpSync(kAllLanes);
    store(&target[laneIndex()], 1u);
  });
  expectFault("this launch has written there", [&] {
    store(&target[laneIndex()], 1u);
    warpSync(kAllLanes);
    loadConstant<u32>(&target[laneIndex()]);
  });
}

TEST_F(TwinMemory, SharedAccessesStayInside) {
  expectFault("it is at byte 4096 of the block's 4096 bytes", [&] { storeShared(4096, 1u); });
  expectFault("its offset 2 is no multiple of its size", [&] { storeShared(2, 1u); });
  expectFault("byte 12 was never written", [&] { loadShared<u32>(12); });
}

TEST_F(TwinMemory, AFaultNamesTheLine) {
  const int line = __LINE__ + 1;
  std::string fault = run([&] { storeShared(4096, 1u); }).fault;
  EXPECT_EQ(fault.find("line " + std::to_string(line) + ": thread 0 of block 0"), 0u) << fault;
}

TEST_F(TwinMemory, ThreadsMeetBeforeTheyShare) {
  options.threads = 64;
  auto neighbour = [&](auto between) {
    return [this, between] {
      storeShared(4 * threadIndex(), 0u);
      blockSync();
      storeShared(4 * threadIndex(), threadIndex());
      between();
      u32 other = threadIndex() ^ 1u;
      store(&target[threadIndex()], loadShared<u32>(4 * other));
    };
  };
  expectFault("no barrier orders it behind what", neighbour([] {}));
  expectNoFault(neighbour([] { warpSync(kAllLanes); }));
  expectNoFault(neighbour([] { blockSync(); }));
  for (u32 i = 0; i < 64; ++i)
    EXPECT_EQ(target[i], i ^ 1u);
  // A shuffle brings lanes together but orders no memory.
  expectFault("no barrier orders it behind", neighbour([] { shuffle(kAllLanes, 0u, 0); }));
}

TEST_F(TwinMemory, OtherWarpsNeedABarrierOfTheBlock) {
  options.threads = 64;
  expectFault("no barrier orders it behind what", [&] {
    storeShared(4 * threadIndex(), 0u);
    blockSync();
    storeShared(4 * threadIndex(), threadIndex());
    warpSync(kAllLanes);
    loadShared<u32>(4 * (threadIndex() ^ 32u));
  });
}

TEST_F(TwinMemory, WhatOthersReadIsNotOverwrittenEarly) {
  options.threads = 64;
  auto kernel = [](bool barrier) {
    return [barrier] {
      if (threadIndex() == 0)
        storeShared(0, 7u);
      blockSync();
      EXPECT_EQ(loadShared<u32>(0), 7u);
      if (barrier)
        blockSync();
      if (threadIndex() == 0)
        storeShared(0, 8u);
    };
  };
  expectFault("no barrier orders it behind what", kernel(false));
  expectNoFault(kernel(true));
}

TEST_F(TwinMemory, BytesOfAWordAreToldApart) {
  options.threads = 64;
  expectNoFault([&] {
    storeShared(threadIndex(), static_cast<u8>(threadIndex()));
    EXPECT_EQ(loadShared<u8>(threadIndex()), threadIndex());
    blockSync();
    EXPECT_EQ(loadShared<u32>(threadIndex() & ~3u),
              0x03020100u + 0x01010101u * (threadIndex() & ~3u));
    blockSync();
    if (threadIndex() < 16) // a whole word again
      storeShared(4 * threadIndex(), threadIndex());
    blockSync();
    EXPECT_EQ(loadShared<u16>(2 * threadIndex() % 32),
              threadIndex() % 16 % 2 ? 0 : threadIndex() % 16 / 2);
  });
  expectFault("byte 3 was never written", [&] {
    if (threadIndex() < 3)
      storeShared(threadIndex(), u8(0));
    blockSync();
    loadShared<u32>(0);
  });
  expectFault("no barrier orders it behind what", [&] {
    storeShared(threadIndex(), u8(0));
    blockSync();
    storeShared(threadIndex(), static_cast<u8>(threadIndex()));
    loadShared<u16>(threadIndex() & ~1u);
  });
  expectFault("no barrier orders it behind what", [&] {
    if (threadIndex() < 32)
      storeShared(4 * threadIndex(), threadIndex());
    blockSync();
    if (threadIndex() >= 32)
      loadShared<u8>(4 * (threadIndex() - 32) + 2);
    else
      storeShared(4 * threadIndex(), threadIndex());
  });
}

TEST_F(TwinMemory, ABlockFindsNothingOfTheOneBeforeIt) {
  options.blocks = 5;
  options.resident = 1;
  expectFault("thread 0 of block 1 reads 4 bytes of shared memory: byte 0 was never written", [&] {
    if (blockIndex() == 0)
      storeShared(4 * threadIndex(), 1u);
    else if (threadIndex() == 0)
      loadShared<u32>(0);
  });
  expectNoFault([&] {
    storeShared(4 * threadIndex(), 1u);
    copyAsync(1024 + 16 * threadIndex(), source);
    copyCommit();
    copyWait<0>();
    blockSync();
  });
}

TEST_F(TwinMemory, CopiesArriveWhenTheyAreWaitedFor) {
  auto kernel = [&](int commit, int wait, bool sync) {
    return [this, commit, wait, sync] {
      copyAsync(16 * threadIndex(), source + 4 * threadIndex());
      if (commit)
        copyCommit();
      copyAsyncOrZero(2048 + 16 * threadIndex(), source, false);
      copyCommit();
      wait == 0 ? copyWait<0>() : wait == 1 ? copyWait<1>() : void();
      if (sync)
        blockSync();
      u32 other = threadIndex() ^ 16u;
      store(&target[threadIndex()], loadShared<u32>(16 * other) + load<u32>(source));
      copyWait<0>();
      blockSync();
      EXPECT_EQ(loadShared<u32>(2048 + 16 * other), 0u);
    };
  };
  options.threads = 32;
  for (bool atIssue : {false, true}) {
    options.copyAtIssue = atIssue;
    expectNoFault(kernel(1, 1, true)); // the second group may still be under way
    expectNoFault(kernel(0, 0, true));
    expectFault("has not been waited for", kernel(1, -1, true));
    expectFault("has not been waited for", kernel(0, 1, true));
    expectFault("an asynchronous copy to byte", kernel(1, 2, true));
    std::fill(std::begin(target), std::end(target), 0u);
    Counts counts = expectNoFault(kernel(1, 0, true));
    for (u32 i = 0; i < 32; ++i)
      EXPECT_EQ(target[i], 4 * (i ^ 16u) + 2);
    EXPECT_EQ(counts.copies, 64u);
  }
  // Waiting makes a copy the thread's own; for others it takes a barrier.
  for (Order order : kOrders) {
    options.order = order;
    EXPECT_NE(run(kernel(1, 0, false)).fault, "");
  }
}

TEST_F(TwinMemory, CopiesAreFaultsWhereTheyEndOrLieWrongly) {
  expectFault("copies that it never waited for", [&] { copyAsync(16 * threadIndex(), source); });
  expectFault("copies that it never waited for", [&] {
    copyAsync(16 * threadIndex(), source);
    copyCommit();
    copyCommit();
    copyWait<2>();
  });
  expectNoFault([&] { // what is still pending has no copies
    copyAsync(16 * threadIndex(), source);
    copyCommit();
    copyCommit();
    copyWait<1>();
  });
  expectFault("its offset 8 is no multiple of its size", [&] { copyAsync(8, source); });
  expectFault("it is 8 past one", [&] { copyAsync(0, source + 2); });
  expectFault("it is at byte 1024 of a range", [&] { copyAsync(0, source + 256); });
  expectFault("has not been waited for", [&] {
    if (threadIndex() != 0)
      return;
    copyAsync(0, source);
    copyAsync(0, source);
  });
}

TEST_F(TwinMemory, SectorsOfAWarpAreCountedOnce) {
  Counts dense = expectNoFault([&] { load<u32>(&source[laneIndex()]); });
  EXPECT_EQ(dense.sectors, 4u);
  EXPECT_EQ(dense.globalReads, 128u);
  Counts apart = expectNoFault([&] { load<u32>(&source[8 * laneIndex()]); });
  EXPECT_EQ(apart.sectors, 32u);
  Counts twice = expectNoFault([&] {
    for (u32 i = 0; i < 2; ++i)
      load<Words4>(&source[(128 * i + 4 * laneIndex()) % 256]);
  });
  EXPECT_EQ(twice.sectors, 32u);
  Counts one = expectNoFault([&] {
    if (laneIndex() == 3)
      store(&target[5], 1u);
  });
  EXPECT_EQ(one.sectors, 1u);
  EXPECT_EQ(one.globalWrites, 4u);
}

TEST_F(TwinMemory, BankConflictsAreRoundsBeyondTheFirst) {
  auto strided = [&](u32 words) {
    return expectNoFault([words] { storeShared(4 * words * laneIndex(), 1u); }).bankConflicts;
  };
  EXPECT_EQ(strided(1), 0u);
  EXPECT_EQ(strided(2), 1u);
  EXPECT_EQ(strided(3), 0u);
  EXPECT_EQ(strided(32), 31u);
  // 16 bytes each: a quarter of the warp at a time.
  EXPECT_EQ(expectNoFault([] { storeShared(16 * laneIndex(), Words4{}); }).bankConflicts, 0u);
  EXPECT_EQ(expectNoFault([] { storeShared(32 * laneIndex(), Words4{}); }).bankConflicts, 4u);
  // The same word for all is one round.
  EXPECT_EQ(expectNoFault([] {
              if (threadIndex() == 0)
                storeShared(0, 1u);
              warpSync(kAllLanes);
              loadShared<u32>(0);
            }).bankConflicts,
            0u);
}

} // namespace
