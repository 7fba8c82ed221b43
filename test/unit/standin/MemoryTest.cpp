// Devices, contexts, memory and copies of the stand-in driver.
#include "test/unit/standin/Driver.h"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <numeric>

namespace axiom::standin {

INSTANTIATE_TEST_SUITE_P(Modes, StandIn, testing::Values("eager", "lazy"),
                         [](const auto &param) { return std::string(param.param); });

TEST_P(StandIn, TellsWhatItIs) {
  int count = 0, device = -1, value = -1;
  EXPECT_EQ(d.cuDeviceGetCount(&count), Success);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(d.cuDeviceGet(&device, 0), Success);
  EXPECT_EQ(d.cuDeviceGet(&device, 1), InvalidDevice);
  char name[32];
  EXPECT_EQ(d.cuDeviceGetName(name, sizeof(name), device), Success);
  EXPECT_STREQ(name, "Axiom host twin");
  EXPECT_EQ(d.cuDeviceGetAttribute(&value, 75, device), Success);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(d.cuDeviceGetAttribute(&value, 97, device), Success);
  EXPECT_EQ(value, 227 << 10);
  EXPECT_EQ(d.cuDeviceGetAttribute(&value, 9999, device), InvalidValue);
  size_t bytes = 0, free = 0, total = 0;
  EXPECT_EQ(d.cuDeviceTotalMem_v2(&bytes, device), Success);
  EXPECT_EQ(d.cuMemGetInfo_v2(&free, &total), Success);
  EXPECT_EQ(total, bytes);
  EXPECT_EQ(free, bytes);
  const char *text = nullptr;
  EXPECT_EQ(d.cuGetErrorName(OutOfMemory, &text), Success);
  EXPECT_STREQ(text, "CUDA_ERROR_OUT_OF_MEMORY");
  EXPECT_EQ(d.cuGetErrorString(12345, &text), InvalidValue);
}

// Each has its own addresses, which come back with its end.
TEST_P(StandIn, ManyContextsOneAfterTheOther) {
  for (int n = 0; n < 600; ++n) {
    ContextHandle own = nullptr, popped = nullptr;
    DevicePointer memory = 0;
    ASSERT_EQ(d.cuCtxCreate_v2(&own, 0, 0), Success) << n;
    ASSERT_EQ(d.cuMemAlloc_v2(&memory, 1 << 20), Success) << n;
    ASSERT_EQ(d.cuMemFree_v2(memory), Success);
    ASSERT_EQ(d.cuCtxPopCurrent_v2(&popped), Success);
    ASSERT_EQ(d.cuCtxDestroy_v2(own), Success);
  }
}

TEST_P(StandIn, ContextsAreCurrentForAThread) {
  ContextHandle current = nullptr;
  EXPECT_EQ(d.cuCtxGetCurrent(&current), Success);
  EXPECT_EQ(current, context);
  EXPECT_EQ(d.cuCtxPushCurrent_v2(context), Success);
  EXPECT_EQ(d.cuCtxPopCurrent_v2(&current), Success);
  EXPECT_EQ(current, context);
  EXPECT_EQ(d.cuCtxSetCurrent(nullptr), Success);
  size_t free, total;
  EXPECT_EQ(d.cuMemGetInfo_v2(&free, &total), InvalidContext);
  EXPECT_EQ(d.cuCtxSetCurrent(reinterpret_cast<ContextHandle>(uintptr_t(64))), InvalidContext);
  EXPECT_EQ(d.cuCtxSetCurrent(context), Success);
  EXPECT_EQ(d.cuMemGetInfo_v2(&free, &total), Success);
}

TEST_P(StandIn, OwnContextsShareTheDevicesMemory) {
  ContextHandle own = nullptr, current = nullptr;
  size_t before, after, total;
  d.cuMemGetInfo_v2(&before, &total);
  ASSERT_EQ(d.cuCtxCreate_v2(&own, 0, 0), Success);
  EXPECT_EQ(d.cuCtxGetCurrent(&current), Success);
  EXPECT_EQ(current, own);
  DevicePointer a = 0, b = 0;
  EXPECT_EQ(d.cuMemAlloc_v2(&a, 64), Success);
  EXPECT_EQ(d.cuMemAlloc_v2(&b, 512), Success);
  EXPECT_EQ(d.cuMemsetD8Async(a, 1, 64, stream), InvalidHandle); // a stream of the other context
  d.cuMemGetInfo_v2(&after, &total);
  EXPECT_EQ(before - after, 1024u);
  EXPECT_EQ(d.cuMemFree_v2(a), Success);
  EXPECT_NE(std::string(d.axiomStandInLeaks()).find("1 contexts"), std::string::npos);
  EXPECT_EQ(d.cuCtxDestroy_v2(own), Success);
  EXPECT_NE(std::string(d.axiomStandInLastFault()).find("a context is destroyed with this in it"),
            std::string::npos);
  EXPECT_EQ(d.cuCtxGetCurrent(&current), Success);
  EXPECT_EQ(current, context);
  d.cuMemGetInfo_v2(&after, &total);
  EXPECT_EQ(before, after);
  EXPECT_EQ(d.cuCtxPushCurrent_v2(own), ContextIsDestroyed);
  EXPECT_EQ(d.cuCtxDestroy_v2(own), ContextIsDestroyed);
  EXPECT_EQ(d.cuCtxDestroy_v2(context), InvalidContext);
}

TEST_P(StandIn, MemoryIsCountedAndFreshMemoryIsNoZeros) {
  size_t before, after, total;
  d.cuMemGetInfo_v2(&before, &total);
  DevicePointer a = allocate(100), b = allocate(40 << 20);
  d.cuMemGetInfo_v2(&after, &total);
  EXPECT_EQ(before - after, 512u + (40 << 20));
  EXPECT_EQ(a % 256, 0u);
  EXPECT_EQ(read(a, 25), std::vector<uint32_t>(25, 0xffffffffu));
  EXPECT_EQ(read(b + (40 << 20) - 16, 4), std::vector<uint32_t>(4, 0xffffffffu));
  DevicePointer none = 0;
  EXPECT_EQ(d.cuMemAlloc_v2(&none, total), OutOfMemory);
  EXPECT_EQ(d.cuMemAlloc_v2(&none, 0), InvalidValue);
  EXPECT_EQ(d.cuMemFree_v2(a + 4), InvalidValue);
  EXPECT_EQ(d.cuMemFree_v2(0), InvalidValue);
}

TEST_P(StandIn, TheHostCannotUseAddressesOfTheDevice) {
  DevicePointer a = allocate(64);
  EXPECT_EQ(d.cuMemsetD8Async(a, 0, 64, stream), Success);
  EXPECT_EQ(d.cuStreamSynchronize(stream), Success);
  EXPECT_EXIT(printf("%u", *reinterpret_cast<volatile uint32_t *>(a)),
              testing::KilledBySignal(SIGSEGV), "");
}

TEST_P(StandIn, CopiesStayInsideOfARange) {
  DevicePointer a = allocate(64), b = allocate(64);
  uint8_t host[128] = {};
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, host, 65, stream), InvalidValue);
  EXPECT_EQ(d.cuMemcpyDtoHAsync_v2(host, a + 32, 33, stream), InvalidValue);
  EXPECT_EQ(d.cuMemcpyDtoDAsync_v2(b + 1, a, 64, stream), InvalidValue);
  EXPECT_EQ(d.cuMemcpyDtoDAsync_v2(a + 8, a, 16, stream), InvalidValue); // they overlap
  EXPECT_EQ(d.cuMemsetD8Async(a, 0, 65, stream), InvalidValue);
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, nullptr, 4, stream), InvalidValue);
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, reinterpret_cast<void *>(b), 4, stream), InvalidValue);
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, host, 4, reinterpret_cast<StreamHandle>(uintptr_t(64))),
            InvalidHandle);
}

TEST_P(StandIn, CopiesGoEveryWay) {
  DevicePointer a = allocate(256), b = allocate(256);
  std::vector<uint32_t> values(64);
  std::iota(values.begin(), values.end(), 1u);
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, values.data(), 256, stream), Success);
  EXPECT_EQ(d.cuMemsetD8Async(b, 7, 256, stream), Success);
  EXPECT_EQ(d.cuMemcpyDtoDAsync_v2(b, a, 128, stream), Success);
  std::vector<uint32_t> result = read(b, 64);
  for (uint32_t i = 0; i < 64; ++i)
    EXPECT_EQ(result[i], i < 32 ? i + 1 : 0x07070707u);
}

TEST_P(StandIn, PageableMemoryIsReadByTheCall) {
  DevicePointer a = allocate(4);
  uint32_t value = 5;
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, &value, 4, stream), Success);
  value = 6;
  EXPECT_EQ(read(a, 1)[0], 5u);
}

TEST_P(StandIn, PinnedMemoryIsReadWhenTheCopyRuns) {
  DevicePointer a = allocate(4);
  auto *value = static_cast<uint32_t *>(allocateHost(4));
  EXPECT_EQ(*value, 0xffffffffu);
  *value = 5;
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, value, 4, stream), Success);
  *value = 6; // too early
  EXPECT_EQ(read(a, 1)[0], isLazy() ? 6u : 5u);
}

TEST_P(StandIn, MemoryInUseIsNotFreed) {
  DevicePointer a = 0;
  void *host = nullptr;
  ASSERT_EQ(d.cuMemAlloc_v2(&a, 128), Success);
  ASSERT_EQ(d.cuMemHostAlloc(&host, 4, 0), Success);
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, host, 4, stream), Success);
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  if (isLazy()) {
    EXPECT_EQ(d.cuMemFreeHost(host), InvalidValue);
    EXPECT_EQ(d.cuMemFree_v2(a), InvalidValue);
    EXPECT_NE(std::string(d.axiomStandInLastFault()).find("waits to be run"), std::string::npos);
    EXPECT_EQ(d.cuModuleUnload(module), InvalidValue);
  }
  EXPECT_EQ(d.cuStreamSynchronize(stream), Success);
  EXPECT_EQ(d.cuMemFreeHost(host), Success);
  EXPECT_EQ(d.cuMemFree_v2(a), Success);
  EXPECT_EQ(d.cuMemFree_v2(a), InvalidValue);
}

TEST_P(StandIn, LeaksAreTold) {
  DevicePointer a = 0;
  EventHandle event = nullptr;
  ASSERT_EQ(d.cuMemAlloc_v2(&a, 100), Success);
  ASSERT_EQ(d.cuEventCreate(&event, 0), Success);
  std::string leaks = d.axiomStandInLeaks();
  EXPECT_NE(leaks.find("1 allocations of device memory, 100 bytes"), std::string::npos) << leaks;
  EXPECT_NE(leaks.find("1 events"), std::string::npos) << leaks;
  EXPECT_NE(leaks.find("1 retained primary contexts"), std::string::npos) << leaks;
  EXPECT_EQ(leaks.find("pinned"), std::string::npos) << leaks;
  EXPECT_EQ(d.cuMemFree_v2(a), Success);
  EXPECT_EQ(d.cuEventDestroy_v2(event), Success);
}

} // namespace axiom::standin
