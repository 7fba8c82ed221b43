// The three ways to have the weights in memory: the same bytes, and refusals before any is taken.
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/IsaLevel.h"
#include "test/unit/artifact/TestArtifact.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

constexpr uint64_t kHuge = 2 * 1024 * 1024;

/// Weights of several pieces, the last one no whole page; no two pages alike.
TestArtifact largeArtifact() {
  TestArtifact a = makeTestArtifact();
  std::vector<uint8_t> &weights = a.blobs[1];
  TensorInfo filler;
  filler.name = "filler";
  filler.rows = 1;
  filler.cols = (2 * kHuge + kHuge / 2 + 1280) / 4;
  filler.vector = true;
  filler.sourceType = "F32";
  filler.offset = (weights.size() + 63) / 64 * 64;
  filler.size = filler.cols * 4;
  a.metadata.tensors.push_back(filler);
  uint32_t state = 1;
  size_t old = filler.offset;
  weights.resize(filler.offset + filler.size);
  for (size_t i = old; i < weights.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    weights[i] = static_cast<uint8_t>(state >> 24);
  }
  a.seal();
  return a;
}

class LoadModeTest : public ::testing::Test {
protected:
  void SetUp() override {
    const IsaLevel *level = findIsaLevel("x86-64-v3");
    if (!level || level->missing() != 0)
      GTEST_SKIP() << "the test's code image needs x86-64-v3";
  }
};

TEST_F(LoadModeTest, EveryModeHasTheSameWeights) {
  TestArtifact a = largeArtifact();
  std::string path = writeTemporary(a.bytes());
  for (LoadMode mode : {LoadMode::Map, LoadMode::Copy, LoadMode::Huge}) {
    OpenOptions options;
    options.load = mode;
    auto opened = Artifact::open(path, options);
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    const LoadedProgram &program = (*opened)->program();
    ASSERT_EQ(program.weightsSize, a.blobs[1].size());
    EXPECT_EQ(std::memcmp(program.weights, a.blobs[1].data(), a.blobs[1].size()), 0);
    auto mapping = (*opened)->mapping();
    bool mapped =
        program.weights >= mapping.data() && program.weights < mapping.data() + mapping.size();
    EXPECT_EQ(mapped, mode == LoadMode::Map);
    if (mode == LoadMode::Huge)
      EXPECT_EQ(reinterpret_cast<uintptr_t>(program.weights) % kHuge, 0u);
    auto segment = (*opened)->segment(SegmentKind::Weights); // released pages come back
    EXPECT_EQ(std::memcmp(segment.data(), a.blobs[1].data(), segment.size()), 0);
  }
}

TEST_F(LoadModeTest, CopiesThatDoNotFitAreRefused) {
  std::string path = writeTemporary(largeArtifact().bytes());
  for (LoadMode mode : {LoadMode::Copy, LoadMode::Huge}) {
    OpenOptions options;
    options.load = mode;
    options.memoryLimit = 1'000'000;
    Status status = Artifact::open(path, options).status();
    EXPECT_EQ(status.code(), Code::Resource);
    for (const char *part : {"1.0 MB", "--memory", "--load=map"})
      EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
    options.memoryLimit = 1'000'000'000;
    EXPECT_TRUE(Artifact::open(path, options).ok());
  }
  OpenOptions map;
  map.memoryLimit = 1; // pages of the file are not taken from it
  EXPECT_TRUE(Artifact::open(path, map).ok());
}

} // namespace
