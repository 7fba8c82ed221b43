// Modules, launches, errors that stay, and faults on demand.
#include "test/unit/standin/Driver.h"

#include <chrono>

namespace axiom::standin {

TEST_P(StandIn, KernelsRunInTheOrderOfTheirStream) {
  DevicePointer a = allocate(4 * 96), b = allocate(4 * 96);
  EXPECT_EQ(d.cuMemsetD8Async(a, 0, 4 * 96, stream), Success);
  EXPECT_EQ(launch("addOne", stream, b, a, 3), Success);
  EXPECT_EQ(launch("addOne", stream, a, b, 3), Success);
  EXPECT_EQ(launch("addOne", stream, b, a, 2), Success);
  EXPECT_EQ(d.axiomStandInCount("kernel"), isLazy() ? 0u : 3u);
  std::vector<uint32_t> result = read(b, 96);
  EXPECT_EQ(d.axiomStandInCount("kernel"), 3u);
  for (size_t i = 0; i < 96; ++i)
    EXPECT_EQ(result[i], i < 64 ? 3u : 1u);
}

TEST_P(StandIn, LaunchesAreChecked) {
  DevicePointer a = allocate(256);
  FunctionHandle add = function("addOne");
  AxmCudaLaunch parameters = {};
  parameters.args[0] = parameters.args[1] = reinterpret_cast<void *>(a);
  void *list[] = {&parameters};
  auto with = [&](unsigned grid, unsigned gridY, unsigned block, unsigned blockY, unsigned shared,
                  void **values) {
    return d.cuLaunchKernel(add, grid, gridY, 1, block, blockY, 1, shared, stream, values, nullptr);
  };
  EXPECT_EQ(with(0, 1, 32, 1, 0, list), InvalidValue);
  EXPECT_EQ(with(1, 0, 32, 1, 0, list), InvalidValue);
  EXPECT_EQ(with(1, 1, 0, 1, 0, list), InvalidValue);
  EXPECT_EQ(with(1, 1, 2048, 1, 0, list), InvalidValue);
  EXPECT_EQ(with(1, 1, 32, 2, 0, list), InvalidValue);
  EXPECT_EQ(with(1, 1, 96, 1, 0, list), LaunchOutOfResources); // compiled for 64
  EXPECT_EQ(with(1, 1, 32, 1, 49153, list), InvalidValue);
  EXPECT_EQ(with(1, 1, 32, 1, 0, nullptr), InvalidValue);
  EXPECT_EQ(d.cuLaunchKernel(nullptr, 1, 1, 1, 32, 1, 1, 0, stream, list, nullptr), InvalidHandle);
  EXPECT_EQ(with(1, 1, 64, 1, 0, list), Success);
  size_t bytes = sizeof(parameters);
  void *extra[] = {reinterpret_cast<void *>(1), &parameters, reinterpret_cast<void *>(2), &bytes,
                   nullptr};
  EXPECT_EQ(d.cuLaunchKernel(add, 1, 1, 1, 32, 1, 1, 0, stream, nullptr, extra), Success);
  bytes = 8;
  EXPECT_EQ(d.cuLaunchKernel(add, 1, 1, 1, 32, 1, 1, 0, stream, nullptr, extra), InvalidValue);
  EXPECT_EQ(d.cuStreamSynchronize(stream), Success);
}

TEST_P(StandIn, MuchSharedMemoryIsAskedForFirst) {
  DevicePointer a = allocate(128);
  FunctionHandle shared = function("shared");
  int value = 0;
  EXPECT_EQ(d.cuFuncGetAttribute(&value, MaxDynamicSharedSizeBytes, shared), Success);
  EXPECT_EQ(value, 48 << 10);
  EXPECT_EQ(d.cuFuncGetAttribute(&value, MaxThreadsPerBlock, shared), Success);
  EXPECT_EQ(value, 64);
  EXPECT_EQ(launch("shared", stream, a, 0, 1, 65536), InvalidValue);
  EXPECT_EQ(d.cuFuncSetAttribute(shared, MaxDynamicSharedSizeBytes, 1 << 20), InvalidValue);
  EXPECT_EQ(d.cuFuncSetAttribute(shared, NumRegs, 1), InvalidValue);
  EXPECT_EQ(d.cuFuncSetAttribute(shared, MaxDynamicSharedSizeBytes, 65536), Success);
  EXPECT_EQ(launch("shared", stream, a, 0, 1, 65536), Success);
  EXPECT_EQ(read(a, 32)[31], 31u);
}

TEST_P(StandIn, KernelsRunUncheckedWhenAsked) {
  DevicePointer a = allocate(256);
  ASSERT_EQ(d.axiomStandInSet("AXIOM_STANDIN_CHECK", "0"), Success);
  EXPECT_EQ(d.cuMemsetD8Async(a, 0, 256, stream), Success);
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(read(a, 1)[0], 2u);
  EXPECT_EQ(launch("race", stream, a, a, 1, 4096), Success);
  EXPECT_EQ(d.cuStreamSynchronize(stream), Success); // nobody looked
  ASSERT_EQ(d.axiomStandInSet("AXIOM_STANDIN_CHECK", "1"), Success);
  EXPECT_EQ(launch("race", stream, a, a, 1, 4096), Success);
  EXPECT_EQ(d.cuStreamSynchronize(stream), LaunchFailed);
}

TEST_P(StandIn, ModulesAreChecked) {
  ModuleHandle other = nullptr;
  FunctionHandle none = nullptr;
  EXPECT_EQ(d.cuModuleGetFunction(&none, module, "malloc"), NotFound);
  EXPECT_EQ(d.cuModuleLoadDataEx(&other, "//\n.version 8.0\n", 0, nullptr, nullptr), InvalidPtx);
  EXPECT_EQ(d.cuModuleLoadDataEx(&other, "something else", 0, nullptr, nullptr), InvalidImage);
  char log[16] = {};
  int options[] = {kErrorLogBytes, kErrorLog};
  void *values[] = {reinterpret_cast<void *>(sizeof(log) - 1), log};
  EXPECT_EQ(d.cuModuleLoadDataEx(&other, "//\n.version 8.0\n", 2, options, values), InvalidPtx);
  EXPECT_STREQ(log, "PTX cannot be r");
  EXPECT_EQ(d.cuModuleLoadDataEx(&other, testModule().data(), 1, options, values), InvalidValue);
  values[0] = reinterpret_cast<void *>(sizeof(log) - 1);
  ASSERT_EQ(d.cuModuleLoadDataEx(&other, testModule().data(), 2, options, values), Success);
  EXPECT_EQ(values[0], nullptr); // nothing was written
  FunctionHandle of = nullptr;
  EXPECT_EQ(d.cuModuleGetFunction(&of, other, "addOne"), Success);
  EXPECT_NE(of, function("addOne"));
  EXPECT_EQ(d.cuModuleUnload(other), Success);
  EXPECT_EQ(d.cuModuleUnload(other), InvalidHandle);
  int value;
  EXPECT_EQ(d.cuFuncGetAttribute(&value, MaxThreadsPerBlock, of), InvalidHandle);
}

TEST_P(StandIn, AFaultOfAKernelStays) {
  const struct {
    const char *kernel;
    int error;
    const char *text;
  } kCases[] = {
      {"beyond", IllegalAddress, "kernel beyond: line 8: thread 0 of block 0 writes 4 bytes"},
      {"crooked", MisalignedAddress, "kernel crooked: line 9:"},
      {"race", LaunchFailed, "kernel race: line 12:"},
  };
  for (const auto &test : kCases) {
    DevicePointer a = allocate(256);
    EXPECT_EQ(launch(test.kernel, stream, a, a, 1, 4096), Success) << test.kernel;
    EXPECT_EQ(d.cuStreamSynchronize(stream), test.error);
    EXPECT_EQ(std::string(d.axiomStandInLastFault()).find(test.text), 0u)
        << d.axiomStandInLastFault();
    DevicePointer more = 0;
    EXPECT_EQ(d.cuMemAlloc_v2(&more, 4), test.error);
    EXPECT_EQ(launch("addOne", stream, a, a), test.error);
    EXPECT_EQ(d.cuMemsetD8Async(a, 0, 4, stream), test.error);
    EXPECT_EQ(d.cuCtxSynchronize(), test.error);
    // Resetting takes all objects; whoever retains the context again has a new start.
    EXPECT_EQ(d.cuDevicePrimaryCtxReset_v2(0), Success);
    EXPECT_EQ(d.cuCtxSynchronize(), ContextIsDestroyed);
    EXPECT_EQ(d.cuDevicePrimaryCtxRelease_v2(0), Success);
    makeContext();
    EXPECT_EQ(d.cuMemFree_v2(a), InvalidValue);
    DevicePointer b = allocate(128);
    EXPECT_EQ(d.cuMemsetD8Async(b, 0, 128, stream), Success);
    EXPECT_EQ(launch("addOne", stream, b, b), Success);
    EXPECT_EQ(read(b, 1)[0], 1u);
  }
}

TEST_P(StandIn, EachAllocationFailsWhenAsked) {
  for (int n = 1; n <= 3; ++n) {
    ASSERT_EQ(d.axiomStandInSetFault(("cuMemAlloc_v2@" + std::to_string(n)).c_str()), Success);
    for (int i = 1; i <= 3; ++i) {
      DevicePointer a = 0;
      int expected = i == n ? OutOfMemory : Success;
      EXPECT_EQ(d.cuMemAlloc_v2(&a, 64), expected);
      if (a)
        d.cuMemFree_v2(a);
    }
    EXPECT_EQ(d.axiomStandInCount("cuMemAlloc_v2"), 3u);
  }
  void *host = nullptr;
  StreamHandle none = nullptr;
  ModuleHandle other = nullptr;
  d.axiomStandInSetFault("cuMemHostAlloc@1+,cuStreamCreate@1=999,cuModuleLoadDataEx@1=200");
  EXPECT_EQ(d.cuMemHostAlloc(&host, 4, 0), OutOfMemory);
  EXPECT_EQ(d.cuMemHostAlloc(&host, 4, 0), OutOfMemory);
  EXPECT_EQ(d.cuStreamCreate(&none, 0), Unknown);
  EXPECT_EQ(d.cuModuleLoadDataEx(&other, testModule().data(), 0, nullptr, nullptr), InvalidImage);
  EXPECT_EQ(d.axiomStandInSetFault("cuMemAlloc_v2"), InvalidValue);
  EXPECT_EQ(d.axiomStandInSetFault("cuMemAlloc_v2@0"), InvalidValue);
  EXPECT_EQ(d.axiomStandInSetFault("cuMemAlloc_v2@1=x"), InvalidValue);
}

TEST_P(StandIn, LaunchesFailWhenAsked) {
  DevicePointer a = allocate(128);
  d.cuMemsetD8Async(a, 0, 128, stream);
  d.axiomStandInSetFault("cuLaunchKernel@2");
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(launch("addOne", stream, a, a), LaunchOutOfResources);
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(read(a, 1)[0], 2u); // no error that stays
  d.axiomStandInSetFault("kernel@2");
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(d.cuStreamSynchronize(stream), LaunchFailed);
  EXPECT_EQ(d.cuMemcpyDtoDAsync_v2(a, a + 64, 4, stream), LaunchFailed);
}

TEST_P(StandIn, ALostDeviceStaysLost) {
  DevicePointer a = allocate(128);
  d.axiomStandInSetFault("lost@2");
  EXPECT_EQ(d.cuMemsetD8Async(a, 0, 128, stream), Success);
  EXPECT_EQ(d.cuStreamSynchronize(stream), Unknown);
  EXPECT_EQ(d.cuStreamSynchronize(stream), Unknown);
  EXPECT_EQ(d.cuDevicePrimaryCtxReset_v2(0), Unknown);
  EXPECT_EQ(d.cuDevicePrimaryCtxRelease_v2(0), Success);
  ContextHandle again = nullptr;
  EXPECT_EQ(d.cuDevicePrimaryCtxRetain(&again, 0), Unknown);
  d.axiomStandInSetFault("");
  makeContext();
}

TEST_P(StandIn, ACopyIsSlowWhenAsked) {
  DevicePointer a = allocate(4);
  auto *host = static_cast<uint32_t *>(allocateHost(4));
  *host = 1;
  d.axiomStandInSetFault("copy@2=80");
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, host, 4, stream), Success);
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(d.cuMemcpyDtoHAsync_v2(host, a, 4, stream), Success);
  if (isLazy()) {
    // Whoever asks is told that it is not ready, until it is.
    int answers = 0;
    while (d.cuStreamQuery(stream) == NotReady)
      ++answers;
    EXPECT_GT(answers, 2);
  }
  EXPECT_EQ(d.cuStreamSynchronize(stream), Success);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(80));
}

} // namespace axiom::standin
