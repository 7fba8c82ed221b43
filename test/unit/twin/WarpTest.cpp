// Warps, blocks and grids on the twin: results by hand, and what is a fault.
#include "codegen/cuda/device/Device.h"
#include "codegen/cuda/twin/Launch.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

using namespace axiom::device;
using axiom::twin::Counts, axiom::twin::GlobalMemory, axiom::twin::launch,
    axiom::twin::LaunchOptions, axiom::twin::LaunchResult, axiom::twin::Order;

namespace {

constexpr Order kOrders[] = {Order::Forward, Order::Reverse, Order::Random};

class TwinWarp : public ::testing::Test {
protected:
  GlobalMemory memory;
  LaunchOptions options;
  alignas(64) u32 words[64] = {};

  TwinWarp() {
    memory.add(words, sizeof(words), true);
    options.sharedBytes = 8192;
    options.count = true;
  }

  void expectFault(const std::string &part, const std::function<void()> &kernel) {
    for (Order order : kOrders) {
      options.order = order;
      std::string fault = launch(options, memory, kernel).fault;
      EXPECT_NE(fault.find(part), std::string::npos) << part << " not in: " << fault;
    }
  }
  Counts expectNoFault(const std::function<void()> &kernel) {
    LaunchResult result;
    for (Order order : kOrders)
      for (uint64_t seed : {1, 2, 3}) {
        options.order = order;
        options.seed = seed;
        result = launch(options, memory, kernel);
        EXPECT_EQ(result.fault, "");
      }
    return result.counts;
  }
};

TEST_F(TwinWarp, LanesExchangeValues) {
  expectNoFault([&] {
    u32 lane = laneIndex();
    EXPECT_EQ(shuffle(kAllLanes, 100 + lane, (lane + 5) % 32), 100 + (lane + 5) % 32);
    EXPECT_EQ(shuffleXor(kAllLanes, -1.5f * static_cast<float>(lane), 8),
              -1.5f * static_cast<float>(lane ^ 8u));
    EXPECT_EQ(ballot(kAllLanes, lane % 3 == 0), 0x49249249u);
    EXPECT_EQ(warpMax(kAllLanes, lane == 7 ? 0x80000000u : lane), 0x80000000u);
    EXPECT_EQ(warpAdd(kAllLanes, static_cast<i32>(lane) - 20), 496 - 640);
  });
}

TEST_F(TwinWarp, HalvesOfAWarpMeetOnTheirOwn) {
  expectNoFault([&] {
    u32 lane = laneIndex();
    if (lane < 16)
      EXPECT_EQ(warpAdd(0x0000ffffu, 1), 16);
    else
      EXPECT_EQ(warpMax(0xffff0000u, lane), 31u);
    EXPECT_EQ(ballot(kAllLanes, true), kAllLanes);
  });
}

TEST_F(TwinWarp, MasksAndLinesMustAgree) {
  expectFault("wait at line", [&] {
    if (laneIndex() < 16)
      warpSync(kAllLanes);
    else
      warpSync(kAllLanes);
  });
  expectFault("waits, and no thread of the running blocks can go on", [&] {
    const u32 circle[] = {0x3, 0x6, 0x5};
    warpSync(laneIndex() < 3 ? circle[laneIndex()] : 0xfffffff8u);
    blockSync();
  });
  expectFault("its own lane is not in the mask 0x0000fffe", [&] {
    if (laneIndex() == 0)
      warpSync(0xfffeu);
  });
  expectFault("asks for lane 20, which is not in the mask", [&] {
    if (laneIndex() < 16)
      shuffle(0xffffu, 1u, 20);
  });
}

TEST_F(TwinWarp, NobodyWaitsForAThreadThatEnded) {
  expectFault("", [&] {
    if (laneIndex() != 9)
      warpSync(kAllLanes);
  });
  options.order = Order::Forward;
  EXPECT_NE(launch(options, memory,
                   [] {
                     if (laneIndex() != 9)
                       warpSync(kAllLanes);
                   })
                .fault.find("other lanes of its warp wait for it"),
            std::string::npos);
  options.order = Order::Reverse;
  EXPECT_NE(launch(options, memory,
                   [] {
                     if (laneIndex() != 31)
                       warpSync(kAllLanes);
                   })
                .fault.find("lane 31 of the mask has ended"),
            std::string::npos);
  options.threads = 64;
  for (u32 late : {0u, 63u})
    for (Order order : kOrders) {
      options.order = order;
      EXPECT_NE(launch(options, memory,
                       [late] {
                         if (threadIndex() != late)
                           blockSync();
                       })
                    .fault,
                "");
    }
  // A last warp of 16 lanes does not have the others.
  options.threads = 48;
  expectFault("lane 16 of the mask has ended or does not exist", [&] {
    if (warpIndex() == 1)
      warpSync(kAllLanes);
  });
}

TEST_F(TwinWarp, BarriersAreMetAtOneLine) {
  options.threads = 64;
  expectFault("others wait at the one of line", [&] {
    if (warpIndex() == 0)
      blockSync();
    else
      blockSync();
  });
}

TEST_F(TwinWarp, AStandstillIsAFault) {
  options.threads = 64;
  // Warp 0 waits at the barrier, warp 1 for its own lanes in two halves that never meet.
  expectFault("no thread of the running blocks can go on", [&] {
    if (warpIndex() == 0)
      blockSync();
    else
      waitFor(&words[0], 1);
  });
}

//===-- Matrices ------------------------------------------------------------===//

/// Element (row, k) of A and (k, column) of B, anything with both signs and the extremes.
i32 elementA(u32 row, u32 k) { return static_cast<i32>((row * 37 + k * 11) % 256) - 128; }
i32 elementB(u32 k, u32 column) { return static_cast<i32>((k * 29 + column * 53 + 5) % 256) - 128; }

u32 pack(i32 a, i32 b, i32 c, i32 d) {
  return (static_cast<u32>(a) & 255u) | (static_cast<u32>(b) & 255u) << 8 |
         (static_cast<u32>(c) & 255u) << 16 | (static_cast<u32>(d) & 255u) << 24;
}
u32 wordA(u32 row, u32 k) {
  return pack(elementA(row, k), elementA(row, k + 1), elementA(row, k + 2), elementA(row, k + 3));
}
u32 wordB(u32 k, u32 column) {
  return pack(elementB(k, column), elementB(k + 1, column), elementB(k + 2, column),
              elementB(k + 3, column));
}

/// What element (row, column) of A * B must be.
i32 product(u32 row, u32 column, bool unsignedA, bool unsignedB) {
  i32 sum = 0;
  for (u32 k = 0; k < 32; ++k)
    sum += (unsignedA ? elementA(row, k) & 255 : elementA(row, k)) *
           (unsignedB ? elementB(k, column) & 255 : elementB(k, column));
  return sum;
}

TEST_F(TwinWarp, FragmentsMultiply) {
  Counts counts = expectNoFault([&] {
    u32 g = laneIndex() / 4, t = laneIndex() % 4;
    Words4 a = {wordA(g, 4 * t), wordA(g + 8, 4 * t), wordA(g, 4 * t + 16),
                wordA(g + 8, 4 * t + 16)};
    Words2 b = {wordB(4 * t, g), wordB(4 * t + 16, g)};
    for (int kind = 0; kind < 3; ++kind) {
      i32 c[4] = {1000, 2000, 3000, 0x4b400000};
      if (kind == 0)
        mmaS8S8(c, a, b);
      else if (kind == 1)
        mmaU8S8(c, a, b);
      else
        mmaS8U8(c, a, b);
      bool ua = kind == 1, ub = kind == 2;
      EXPECT_EQ(c[0], 1000 + product(g, 2 * t, ua, ub));
      EXPECT_EQ(c[1], 2000 + product(g, 2 * t + 1, ua, ub));
      EXPECT_EQ(c[2], 3000 + product(g + 8, 2 * t, ua, ub));
      EXPECT_EQ(c[3], 0x4b400000 + product(g + 8, 2 * t + 1, ua, ub));
    }
  });
  EXPECT_EQ(counts.mmas, 3u);
}

TEST_F(TwinWarp, TheMagicStartGivesTheProductAsAFloat) {
  expectNoFault([&] {
    u32 g = laneIndex() / 4, t = laneIndex() % 4;
    Words4 a = {wordA(g, 4 * t), wordA(g + 8, 4 * t), wordA(g, 4 * t + 16),
                wordA(g + 8, 4 * t + 16)};
    Words2 b = {wordB(4 * t, g), wordB(4 * t + 16, g)};
    i32 c[4] = {0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000};
    mmaS8S8(c, a, b);
    EXPECT_EQ(sub(asFloat(static_cast<u32>(c[0])), asFloat(0x4b400000u)),
              static_cast<float>(product(g, 2 * t, false, false)));
  });
}

TEST_F(TwinWarp, MatricesAreLoadedFromRows) {
  // 4 matrices of 8 rows of 16 bytes at a distance of 80: no two rows of one share a bank.
  Counts counts = expectNoFault([&] {
    u32 lane = laneIndex();
    for (u32 i = 0; i < 4; ++i)
      storeShared(80 * lane + 4 * i, 100 * lane + i);
    warpSync(kAllLanes);
    Words4 m = loadMatrix4(80 * lane);
    u32 g = lane / 4, t = lane % 4;
    EXPECT_EQ(m.x, 100 * g + t);
    EXPECT_EQ(m.y, 100 * (g + 8) + t);
    EXPECT_EQ(m.z, 100 * (g + 16) + t);
    EXPECT_EQ(m.w, 100 * (g + 24) + t);
    Words2 two = loadMatrix2(80 * (lane % 16) + 80);
    EXPECT_EQ(two.x, 100 * (g + 1) + t);
    EXPECT_EQ(two.y, 100 * (g + 9) + t);
  });
  EXPECT_EQ(counts.sharedReads, 32u * 16 + 16u * 16);
  // Rows at a distance of 128 bytes all begin in the same bank.
  Counts stacked = expectNoFault([&] {
    storeShared(16 * laneIndex(), Words4{});
    for (u32 i = 1; i < 8; ++i)
      storeShared(512 * i + 16 * laneIndex(), Words4{});
    warpSync(kAllLanes);
    loadMatrix4(128 * laneIndex());
  });
  EXPECT_EQ(stacked.bankConflicts, 4u * 7);
  expectFault("loads the row of a matrix that lane", [&] { loadMatrix4(16 * laneIndex() + 8); });
  expectFault("no barrier orders it behind", [&] {
    storeShared(16 * (laneIndex() ^ 1u), Words4{});
    loadMatrix4(16 * laneIndex());
  });
}

//===-- Several blocks ------------------------------------------------------===//

TEST_F(TwinWarp, BlocksWaitForEachOther) {
  options.blocks = 4;
  options.resident = 4;
  auto kernel = [&] {
    u32 me = blockIndex();
    if (threadIndex() == 0) {
      store(&words[16 + me], 10 * me);
      takeTicket(&words[0], 1);
      waitFor(&words[0], 4);
      store(&words[32 + me], load<u32>(&words[16 + (me + 1) % 4]));
    }
  };
  for (Order order : kOrders) {
    options.order = order;
    std::fill(std::begin(words), std::end(words), 0u);
    EXPECT_EQ(launch(options, memory, kernel).fault, "");
    for (u32 i = 0; i < 4; ++i)
      EXPECT_EQ(words[32 + i], 10 * ((i + 1) % 4));
  }
  // With fewer at a time they never meet, as on a GPU that has no room for all of them.
  options.resident = 3;
  std::fill(std::begin(words), std::end(words), 0u);
  EXPECT_NE(launch(options, memory, kernel).fault.find("no thread of the running blocks can go on"),
            std::string::npos);
}

TEST_F(TwinWarp, TheLastOneToComeIsOne) {
  options.blocks = 8;
  options.threads = 32;
  for (Order order : kOrders) {
    options.order = order;
    std::fill(std::begin(words), std::end(words), 0u);
    LaunchResult result = launch(options, memory, [&] {
      if (threadIndex() == 0 && takeTicket(&words[0], 1) == 7)
        store(&words[1], load<u32>(&words[1]) + 1);
    });
    EXPECT_EQ(result.fault, "");
    EXPECT_EQ(words[1], 1u);
  }
}

TEST_F(TwinWarp, OtherBlocksSeeWhatATicketPublishes) {
  options.blocks = 2;
  options.threads = 64;
  // Thread 40 of block 0 writes, thread 0 takes the ticket; in block 1 thread 0 waits and 50 reads.
  auto kernel = [&](bool barrierBefore, bool ticket, bool barrierAfter) {
    return [this, barrierBefore, ticket, barrierAfter] {
      if (blockIndex() == 0) {
        if (threadIndex() == 40)
          store(&words[1], 5u);
        if (barrierBefore)
          blockSync();
        if (ticket && threadIndex() == 0)
          takeTicket(&words[0], 1);
        return;
      }
      if (ticket && threadIndex() == 0)
        waitFor(&words[0], 1);
      if (barrierAfter)
        blockSync();
      if (threadIndex() == 50)
        store(&words[32], load<u32>(&words[1]));
    };
  };
  int faults[4] = {};
  for (Order order : kOrders)
    for (uint64_t seed = 0; seed < 20; ++seed)
      for (int missing = 0; missing < 4; ++missing) {
        options.order = order;
        options.seed = seed;
        std::fill(std::begin(words), std::end(words), 0u);
        std::string fault =
            launch(options, memory, kernel(missing != 0, missing != 1, missing != 2)).fault;
        if (missing == 3) {
          EXPECT_EQ(fault, "");
          EXPECT_EQ(words[32], 5u);
        } else if (!fault.empty()) {
          EXPECT_NE(fault.find("nothing orders it behind what thread 40 of block 0 wrote there"),
                    std::string::npos)
              << fault;
          ++faults[missing];
        } else {
          // Nothing had been written yet when it was read.
          EXPECT_EQ(words[32], 0u);
        }
      }
  for (int missing = 0; missing < 3; ++missing)
    EXPECT_GT(faults[missing], 0) << missing;
}

TEST_F(TwinWarp, WarpsOrderWhatTheyWroteToGlobalMemory) {
  auto kernel = [&](bool barrier) {
    return [this, barrier] {
      store(&words[laneIndex()], laneIndex());
      if (barrier)
        warpSync(kAllLanes);
      store(&words[32 + laneIndex()], load<u32>(&words[laneIndex() ^ 1u]));
    };
  };
  expectFault("nothing orders it behind what thread", kernel(false));
  expectNoFault(kernel(true));
}

TEST_F(TwinWarp, ArithmeticRoundsOnce) {
  expectNoFault([&] {
    float tiny = 0x1p-24f;
    EXPECT_EQ(add(1.0f, tiny), 1.0f);
    EXPECT_EQ(fma(1.0f + 0x1p-12f, 1.0f + 0x1p-12f, -1.0f), 0x1p-11f + 0x1p-24f);
    EXPECT_EQ(sub(mul(1.0f + 0x1p-12f, 1.0f + 0x1p-12f), 1.0f), 0x1p-11f);
    EXPECT_EQ(div(1.0f, 3.0f), 0x1.555556p-2f);
    EXPECT_EQ(axiom::device::sqrt(2.0f), 0x1.6a09e6p+0f);
    EXPECT_EQ(toFloat(0x1000001), 16777216.0f);
    EXPECT_EQ(halfToFloat(0x3c01), 1.0f + 0x1p-10f);
    EXPECT_EQ(floatToHalf(65520.0f), 0x7c00u);
    EXPECT_EQ(floatToHalf(1.0f + 0x1p-11f), 0x3c00u);
    EXPECT_EQ(pickBytes(0x33221100u, 0x77665544u, 0x7520u), 0x77552200u);
    EXPECT_EQ(dotS8S8(0x80ff7f01u, 0x807f80ffu, 10), 10 - 1 - 127 * 128 - 127 + 128 * 128);
    EXPECT_EQ(dotU8S8(0x80ff7f01u, 0x807f80ffu, 10), 10 - 1 - 127 * 128 + 255 * 127 - 128 * 128);
  });
}

} // namespace
