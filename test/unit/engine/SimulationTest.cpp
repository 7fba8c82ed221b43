// Ten thousand seeds of the simulation, a million with AXIOM_TEST_LONG=1. AXIOM_SIM_SEED=N runs
// one.
#include "test/unit/engine/Simulation.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace axiom::engine;

namespace {

constexpr uint32_t kParts = 10;

uint32_t seedsOfAPart() {
  if (std::getenv("AXIOM_TEST_LONG"))
    return 100000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 50;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return 50;
#endif
#endif
  return 1000;
}

} // namespace

class SimulationSeeds : public testing::TestWithParam<uint32_t> {};

TEST_P(SimulationSeeds, NothingIsLostMixedUpOrStarved) {
  sim::Totals totals;
  uint32_t count = seedsOfAPart();
  for (uint32_t seed = GetParam() * count, end = seed + count; seed < end; ++seed) {
    sim::Simulation simulation(seed);
    ASSERT_EQ(simulation.run(), "") << "AXIOM_SIM_SEED=" << seed;
    totals.add(simulation.totals());
    if (seed % 50 == 0) {
      sim::Simulation again(seed);
      ASSERT_EQ(again.run(), "");
      ASSERT_EQ(again.digest(), simulation.digest()) << "seed " << seed << " is not one run";
    }
  }
  // A run has 14 requests and more that are refused.
  EXPECT_GT(totals.complete, 6 * count);
  EXPECT_GT(totals.refused, count / 4);
  EXPECT_GT(totals.cancelled, count / 4);
  EXPECT_GT(totals.timedOut, count / 4);
  EXPECT_GT(totals.failed, count / 20);
  EXPECT_GT(totals.preemptions, count / 100);
  EXPECT_GT(totals.prefixHits, 200 * count);
  EXPECT_GT(totals.mixedSteps, 20 * count);
  EXPECT_GT(totals.splitPrompts, count);
  EXPECT_GT(totals.flood, count);
  EXPECT_GT(totals.accepted, 5 * count);
  EXPECT_GT(totals.reports, count / 2);
  EXPECT_GT(totals.draftTokens, totals.accepted + 5 * count);
  RecordProperty("requests", std::to_string(totals.requests));
  RecordProperty("steps", std::to_string(totals.steps));
}

INSTANTIATE_TEST_SUITE_P(Parts, SimulationSeeds, testing::Range(0u, kParts));

TEST(Simulation, OneSeed) {
  const char *seed = std::getenv("AXIOM_SIM_SEED");
  if (!seed)
    GTEST_SKIP() << "AXIOM_SIM_SEED names no seed";
  sim::Simulation simulation(static_cast<uint32_t>(std::strtoul(seed, nullptr, 10)));
  EXPECT_EQ(simulation.run(), "");
}
