// The limit loops do what they say; how fast is not tested.
#include "tools/axiom-bench/Limits.h"
#include "tools/axiom-bench/LimitLoops.h"

#include <gtest/gtest.h>
#include <set>
#include <vector>

using namespace axiom;
using namespace axiom::bench;

namespace {

TEST(LimitLoops, EveryByteIsRead) {
  constexpr size_t kSize = 4096;
  alignas(64) static uint8_t data[kSize];
  ASSERT_GE(streamLoops().size(), 2u);
  for (const StreamLoop &loop : streamLoops()) {
    uint64_t zero = loop.read(data, kSize);
    for (size_t i = 0; i < kSize; ++i) {
      data[i] = 0x5a;
      EXPECT_NE(loop.read(data, kSize), zero) << loop.name << " byte " << i;
      data[i] = 0;
    }
    data[1024] = 1; // the next byte after the range
    EXPECT_EQ(loop.read(data, 1024), zero) << loop.name;
    data[1024] = 0;
  }
}

TEST(LimitLoops, ComputeLoopsRunWhereTheCpuHasThem) {
  std::set<std::string> keys;
  for (const ComputeLoop &loop : computeLoops()) {
    keys.insert(loop.key);
    EXPECT_EQ(loop.available, loop.run != nullptr) << loop.name;
    EXPECT_EQ(loop.macs % 8, 0u);
    if (loop.available) {
      loop.run(1);
      loop.run(1000);
    }
  }
  EXPECT_EQ(keys.size(), computeLoops().size());
#if defined(__x86_64__)
  EXPECT_TRUE(keys.count("maddubs"));
#endif
}

TEST(LimitProbe, MeasuresBothPageKindsWithAFewMegabytes) {
  auto probe = LimitProbe::create(2, 1);
  ASSERT_TRUE(probe.ok()) << probe.status().message();
  EXPECT_EQ((*probe)->bytes() % (2u << 20), 0u);
  LimitSample sample = (*probe)->measure();
  ASSERT_EQ(sample.stream.size(), 2u);
  for (const auto &rates : sample.stream) {
    ASSERT_EQ(rates.size(), streamLoops().size());
    for (double rate : rates)
      EXPECT_GT(rate, 0);
  }
  for (size_t i = 0; i < computeLoops().size(); ++i) {
    EXPECT_EQ(sample.oneCore[i] > 0, computeLoops()[i].available);
    EXPECT_EQ(sample.allCores[i] > 0, computeLoops()[i].available);
  }
  EXPECT_TRUE((*probe)->notes().empty());
}

TEST(LimitProbe, WhatDoesNotFitIsLeftOutWithTheReason) {
  auto probe = LimitProbe::create(1, uint64_t(1) << 50);
  ASSERT_TRUE(probe.ok()) << probe.status().message();
  ASSERT_EQ((*probe)->notes().size(), 2u);
  EXPECT_NE((*probe)->notes()[0].find("n/a"), std::string::npos);
  LimitSample sample = (*probe)->measure();
  EXPECT_TRUE(sample.stream[0].empty() && sample.stream[1].empty());
  LimitSummary summary = summarize({sample});
  EXPECT_EQ(summary.bestStream(), 0);
}

} // namespace
