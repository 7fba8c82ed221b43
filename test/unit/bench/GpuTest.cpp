// The prediction of GPU times: against published results, and its terms against hand-computed ones.
#include "tools/axiom-inspect/Gpu.h"
#include "test/unit/artifact/TestArtifact.h"
#include "tools/axiom-inspect/Predict.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

GpuDevice gpu(const char *name) {
  auto found = findGpu(name);
  EXPECT_TRUE(found.ok());
  return **found;
}

struct Published {
  const char *what, *where;
  const char *device;
  double read;     ///< GB/s where the source names its own; 0: the device's
  double bytes;    ///< read once
  double launches; ///< in all
  double microseconds;
};

/// Results that their sources call bound by memory and whose bytes follow from the model. Launches
/// are counted from the engines' graphs; one a layer more or less is less than 1 %. Only the terms
/// of memory and start have a part in these.
const Published kPublished[] = {
    {"Llama-3-8B BF16, one stream, 65.20 tokens/s: 7.505e9 weights but the embedding's",
     "ggml-org/llama.cpp pull request 15131", "rtx4090", 0, 2 * 7.505e9, 18 * 32, 1e6 / 65.20},
    {"Llama-2-7B bf16, one stream, 104.9 tokens/s at 1397.31 GB/s; the GPU, limited to 330 W, "
     "reads "
     "about 1700 GB/s",
     "pytorch-labs/gpt-fast README", "a100", 1700, 1397.31e9 / 104.9, 10 * 32, 1e6 / 104.9},
    {"FlashMLA decode, 128 sequences of 4096 positions of 576 bf16 values: 0.215 ms",
     "ai-bot-pro/achatbot pull request 123", "h100", 0, 128.0 * 4096 * 576 * 2, 2, 215},
};

TEST(Gpu, ReproducesPublishedResults) {
  for (const Published &p : kPublished) {
    GpuDevice device = gpu(p.device);
    if (p.read > 0)
      device.read = p.read;
    GpuLaunch each;
    each.bytes = p.bytes / p.launches;
    double predicted = predictLaunch(device, each).total * p.launches;
    printf("%s (%s): published %.0f us, predicted %.0f us, %+.1f %%\n", p.what, p.where,
           p.microseconds, predicted, 100 * (predicted / p.microseconds - 1));
    EXPECT_NEAR(predicted / p.microseconds, 1, 0.15) << p.what;
  }
}

TEST(Gpu, TermsAreThoseOfTheFormula) {
  GpuDevice device{"test", "test", 10, 2.0, 1000, 1000, 200, 3, 2, 1, 8, ""};
  GpuLaunch launch;
  launch.bytes = 5e6;
  GpuTime time = predictLaunch(device, launch);
  EXPECT_DOUBLE_EQ(time.start, 4); // 3 us and 2000 cycles
  EXPECT_DOUBLE_EQ(time.memory, 5);
  EXPECT_DOUBLE_EQ(time.total, 9);
  EXPECT_STREQ(time.bound(), "memory");
  // 80 warps: 8 on each multiprocessor, 2 on each part, of 1000 instructions each.
  launch.warps = 80;
  launch.resident = 8;
  launch.slots = 80e3;
  EXPECT_DOUBLE_EQ(predictLaunch(device, launch).issue, 1);
  launch.integers = 60e3; // 2 cycles each
  EXPECT_DOUBLE_EQ(predictLaunch(device, launch).issue, 1.5);
  launch.matrix = 40e3; // 8 cycles each
  EXPECT_DOUBLE_EQ(predictLaunch(device, launch).issue, 4);
  launch.floats = 400e3;
  EXPECT_DOUBLE_EQ(predictLaunch(device, launch).issue, 5);
  // A single warp more: three on a part.
  launch.warps = 81;
  EXPECT_DOUBLE_EQ(predictLaunch(device, launch).issue, 400e3 / 81 * 3 / 2e3);
  // 10 waits and 2000 cycles; 81 warps go in two rounds.
  launch.trips = 10;
  launch.tripsL2 = 5;
  launch.cycles = 2000;
  time = predictLaunch(device, launch);
  EXPECT_DOUBLE_EQ(time.warp, 2 * 13e3 / 2e3);
  EXPECT_STREQ(time.bound(), "warp");
}

TEST(Gpu, AnUnknownDeviceIsNamedWithTheKnownOnes) {
  auto none = findGpu("h99");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().message(),
            "no figures of a GPU 'h99' are known; there are a100, h100, h200, b200, l4, rtx4090");
}

TEST(Gpu, CostsAreOfTheMostTokensThatFit) {
  ASSERT_NE(findCost("q4", 8), nullptr);
  EXPECT_EQ(findCost("q4", 8)->tokens, 8u);
  EXPECT_EQ(findCost("q4", 40)->tokens, 32u);
  EXPECT_EQ(findCost("none", 8), nullptr);
}

TEST(Gpu, StepsHaveTheImagesLaunchesAndThePlansBytes) {
  Metadata metadata = makeTestArtifact().metadata;
  std::vector<AxmKernelRow> rows = testKernelRows(metadata);
  std::vector<SequenceSlice> slices(3, {1, 65, 1});
  auto work = stepWork(metadata, rows, slices);
  ASSERT_TRUE(work.ok());
  std::vector<AxmCudaKernel> kernels = testCudaKernels();
  GpuDevice device = gpu("h100");
  auto step = predictStep(device, metadata, *work, kernels, slices);
  ASSERT_TRUE(step.ok()) << step.status().message();
  ASSERT_EQ(step->tasks.size(), work->tasks.size());
  double sum = 0;
  for (size_t i = 0; i < step->tasks.size(); ++i) {
    const TaskPrediction &task = step->tasks[i];
    EXPECT_EQ(task.name, work->tasks[i].name);
    EXPECT_DOUBLE_EQ(task.megabytes, static_cast<double>(work->tasks[i].bytes()) / 1e6);
    EXPECT_GE(task.launches, 1u);
    // Kernels so small take no less than their start.
    EXPECT_GE(task.microseconds, task.launches * task.repetitions * device.gap);
    sum += task.microseconds;
  }
  EXPECT_DOUBLE_EQ(step->microseconds, sum);
  kernels.clear();
  EXPECT_EQ(predictStep(device, metadata, *work, kernels, slices).status().code(),
            Code::Unsupported);
}

} // namespace
