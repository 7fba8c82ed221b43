// Bytes and multiply-adds of a step, counted by hand for the test model: 2 layers of 40 x 40, the
// second one with a window of 64, vocabulary 70, f16 KV of 26 * 2 bytes a position and layer.
#include "tools/axiom-inspect/Roofline.h"
#include "test/unit/artifact/TestArtifact.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

class RooflineTest : public ::testing::Test {
protected:
  StepWork work(std::vector<SequenceSlice> slices) {
    auto result = stepWork(metadata, testKernelRows(metadata), slices);
    EXPECT_TRUE(result.ok()) << result.status().message();
    return std::move(result).value();
  }
  const TaskWork &task(const StepWork &step, const std::string &name) {
    for (const TaskWork &task : step.tasks)
      if (task.name == name)
        return task;
    ADD_FAILURE() << name;
    return step.tasks.front();
  }
  uint64_t size(const std::string &name) {
    for (const TensorInfo &tensor : metadata.tensors)
      if (tensor.name == name)
        return tensor.size;
    ADD_FAILURE() << name;
    return 0;
  }

  Metadata metadata = makeTestArtifact().metadata;
  static constexpr uint64_t kPosition = 2 * (10 + 16); ///< KV bytes of a position in a layer
  static constexpr uint64_t kPair = 2 * 2 * 10;        ///< multiply-adds of a token and a position
};

TEST_F(RooflineTest, OneTokenReadsEveryWeightOnce) {
  StepWork step = work({{1, 100, 1}});
  ASSERT_EQ(step.tasks.size(), 6u);
  const TaskWork &qkv = task(step, "qkv"), &attention = task(step, "attention"),
                 &head = task(step, "head"), &embed = task(step, "embed");
  EXPECT_EQ(qkv.repetitions, 2u);
  EXPECT_EQ(qkv.repeat, 1u);
  EXPECT_EQ(attention.phase, 1u);
  EXPECT_EQ(qkv.weightBytes,
            2 * (size("layers.0.norm") + size("layers.0.qkv") + size("layers.0.bias")));
  EXPECT_EQ(qkv.linearMacs, 2u * 40 * 40);
  EXPECT_EQ(qkv.kvWriteBytes, 2 * kPosition);
  EXPECT_EQ(qkv.kvReadBytes, 0u);
  EXPECT_EQ(qkv.floatLinearMacs, 0u);
  EXPECT_EQ(attention.weightBytes, 0u);
  EXPECT_EQ(attention.kvReadBytes, (100 + 64) * kPosition);
  EXPECT_EQ(attention.attentionMacs, (100 + 64) * kPair);
  EXPECT_EQ(head.weightBytes, size("norm") + size("embed"));
  EXPECT_EQ(head.linearMacs, 70u * 40);
  EXPECT_EQ(embed.weightBytes, size("embed") / 70);
  EXPECT_EQ(embed.linearMacs, 0u);
  TaskWork total = step.total();
  EXPECT_EQ(total.linearMacs, 2u * (1600 + 1600) + 2800);
  EXPECT_EQ(total.bytes(), qkv.bytes() + attention.bytes() + task(step, "o").bytes() +
                               head.bytes() + embed.bytes() + task(step, "angles").bytes());
}

TEST_F(RooflineTest, APromptSeesATriangleAndWindowsCutIt) {
  // 100 tokens from position 28 on: token i sees 29 + i positions, with a window at most 64.
  StepWork step = work({{100, 128, 1}});
  uint64_t full = 0, windowed = 0;
  for (uint64_t sees = 29; sees <= 128; ++sees) {
    full += sees;
    windowed += std::min<uint64_t>(sees, 64);
  }
  const TaskWork &attention = task(step, "attention");
  EXPECT_EQ(attention.attentionMacs, (full + windowed) * kPair);
  EXPECT_EQ(attention.kvReadBytes, (128 + 128) * kPosition); // 64 + 99 positions are more than 128
  EXPECT_EQ(task(step, "qkv").kvWriteBytes, 2 * 100 * kPosition);
  EXPECT_EQ(task(step, "o").linearMacs, 100u * 2 * 1600);
  EXPECT_EQ(task(step, "head").linearMacs, 2800u); // one row
  EXPECT_EQ(task(step, "embed").weightBytes, 100 * (size("embed") / 70));
  // Far behind the window's start: each token sees 64.
  EXPECT_EQ(task(work({{3, 200, 0}}), "attention").attentionMacs,
            (198u + 199 + 200 + 3 * 64) * kPair);
}

TEST_F(RooflineTest, SequencesShareWeightsButNotKv) {
  StepWork two = work({{1, 10, 1}, {1, 20, 1}}), one = work({{1, 10, 1}});
  EXPECT_EQ(task(two, "o").weightBytes, task(one, "o").weightBytes);
  EXPECT_EQ(task(two, "o").linearMacs, 2 * task(one, "o").linearMacs);
  EXPECT_EQ(task(two, "attention").kvReadBytes, 2 * 30 * kPosition);
  StepWork sum = one;
  sum += one;
  EXPECT_EQ(sum.total().bytes(), 2 * one.total().bytes());
  EXPECT_EQ(sum.total().macs(), 2 * one.total().macs());
}

TEST_F(RooflineTest, WithoutRowsNoHead) {
  const StepWork step = work({{5, 5, 0}});
  EXPECT_EQ(task(step, "head").bytes(), 0u);
  EXPECT_EQ(task(step, "head").linearMacs, 0u);
}

TEST_F(RooflineTest, FloatWeightsCountApart) {
  for (TensorInfo &tensor : metadata.tensors)
    if (tensor.name == "layers.1.o")
      tensor.format = AXM_FORMAT_BF16;
  const StepWork step = work({{1, 1, 1}});
  EXPECT_EQ(task(step, "o").floatLinearMacs, 1600u);
  EXPECT_EQ(task(step, "o").linearMacs, 3200u);
}

TEST_F(RooflineTest, WrongShapesAreRefused) {
  auto rows = testKernelRows(metadata);
  for (SequenceSlice wrong : {SequenceSlice{0, 1, 1}, {2, 1, 1}, {1, 257, 1}}) {
    std::vector<SequenceSlice> slices{wrong};
    EXPECT_EQ(stepWork(metadata, rows, slices).status().code(), Code::InvalidArgument);
  }
  std::vector<SequenceSlice> slices{{1, 1, 1}};
  EXPECT_EQ(stepWork(metadata, {}, slices).status().code(), Code::Unsupported);
}

} // namespace
