// What an engine may take: weights count whether they are mapped or copied.
#include "runtime/engine/Setup.h"
#include "test/unit/artifact/TestArtifact.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::engine;

namespace {

std::shared_ptr<const Artifact> testArtifact() {
  OpenOptions options;
  options.code = false; // no kernel runs
  return Artifact::open(test::writeTemporary(test::makeTestArtifact().bytes()), options).value();
}

TEST(MemoryPlan, TheRequestedLimitHoldsTheWeightsToo) {
  auto artifact = testArtifact();
  EngineSettings settings;
  settings.kvPositions = 64;
  settings.maxBatchedTokens = settings.maxSequences = 1;
  uint64_t needed = planMemory(artifact, settings).value().total();
  for (bool resident : {false, true}) {
    settings.weightsResident = resident;
    settings.memoryLimit = needed;
    EXPECT_TRUE(planMemory(artifact, settings).value().fits()) << resident;
    settings.memoryLimit = needed - 1;
    MemoryPlan plan = planMemory(artifact, settings).value();
    EXPECT_FALSE(plan.fits()) << resident;
    EXPECT_EQ(plan.limitSource, "--memory");
    EXPECT_EQ(plan.limit, needed - 1);
  }
}

} // namespace
