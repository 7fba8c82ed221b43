// The stand-in driver as a program uses it: loaded by dlopen, its functions found by name.
#ifndef AXIOM_TEST_UNIT_STANDIN_DRIVER_H
#define AXIOM_TEST_UNIT_STANDIN_DRIVER_H

#include "runtime/abi/cuda_abi.h"
#include "test/standin/Api.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace axiom::standin {

#define AXIOM_STANDIN_FUNCTIONS(X)                                                                 \
  X(cuInit)                                                                                        \
  X(cuDriverGetVersion)                                                                            \
  X(cuGetErrorName)                                                                                \
  X(cuGetErrorString)                                                                              \
  X(cuDeviceGetCount)                                                                              \
  X(cuDeviceGet)                                                                                   \
  X(cuDeviceGetName)                                                                               \
  X(cuDeviceGetAttribute)                                                                          \
  X(cuDeviceTotalMem_v2)                                                                           \
  X(cuDevicePrimaryCtxRetain)                                                                      \
  X(cuDevicePrimaryCtxRelease_v2)                                                                  \
  X(cuDevicePrimaryCtxReset_v2)                                                                    \
  X(cuDevicePrimaryCtxGetState)                                                                    \
  X(cuCtxCreate_v2)                                                                                \
  X(cuCtxDestroy_v2)                                                                               \
  X(cuCtxSetCurrent)                                                                               \
  X(cuCtxGetCurrent)                                                                               \
  X(cuCtxPushCurrent_v2)                                                                           \
  X(cuCtxPopCurrent_v2)                                                                            \
  X(cuCtxGetDevice)                                                                                \
  X(cuCtxSynchronize)                                                                              \
  X(cuMemGetInfo_v2)                                                                               \
  X(cuMemAlloc_v2)                                                                                 \
  X(cuMemFree_v2)                                                                                  \
  X(cuMemHostAlloc)                                                                                \
  X(cuMemFreeHost)                                                                                 \
  X(cuMemcpyHtoDAsync_v2)                                                                          \
  X(cuMemcpyDtoHAsync_v2)                                                                          \
  X(cuMemcpyDtoDAsync_v2)                                                                          \
  X(cuMemsetD8Async)                                                                               \
  X(cuStreamCreate)                                                                                \
  X(cuStreamDestroy_v2)                                                                            \
  X(cuStreamSynchronize)                                                                           \
  X(cuStreamQuery)                                                                                 \
  X(cuStreamWaitEvent)                                                                             \
  X(cuEventCreate)                                                                                 \
  X(cuEventRecord)                                                                                 \
  X(cuEventQuery)                                                                                  \
  X(cuEventSynchronize)                                                                            \
  X(cuEventElapsedTime)                                                                            \
  X(cuEventDestroy_v2)                                                                             \
  X(cuModuleLoadData)                                                                              \
  X(cuModuleLoadDataEx)                                                                            \
  X(cuModuleUnload)                                                                                \
  X(cuModuleGetFunction)                                                                           \
  X(cuFuncGetAttribute)                                                                            \
  X(cuFuncSetAttribute)                                                                            \
  X(cuLaunchKernel)                                                                                \
  X(cuStreamBeginCapture_v2)                                                                       \
  X(cuStreamEndCapture)                                                                            \
  X(cuStreamIsCapturing)                                                                           \
  X(cuGraphInstantiateWithFlags)                                                                   \
  X(cuGraphLaunch)                                                                                 \
  X(cuGraphDestroy)                                                                                \
  X(cuGraphExecDestroy)                                                                            \
  X(axiomStandInLastFault)                                                                         \
  X(axiomStandInLeaks)                                                                             \
  X(axiomStandInSetFault)                                                                          \
  X(axiomStandInCount)                                                                             \
  X(axiomStandInSet)

struct Driver {
#define AXIOM_STANDIN_MEMBER(name) decltype(&::name) name;
  AXIOM_STANDIN_FUNCTIONS(AXIOM_STANDIN_MEMBER)
#undef AXIOM_STANDIN_MEMBER
};

/// Loaded once; a failure ends the program.
const Driver &driver();

/// What MakeModule.cpp writes, a module for cuda:host with these kernels for blocks of up to 64
/// threads:
///   addOne  args[0][i] = args[1][i] + 1, u32, i the thread of the grid
///   beyond, crooked   write behind args[0], and at an odd address of it
///   race    threads read shared memory that others write, with no barrier between
///   shared  args[0][i] = i, by way of the last of 65536 bytes of shared memory
const std::string &testModule();

/// A test with a current context, in both modes of the driver; all has to be freed at its end.
class StandIn : public testing::TestWithParam<const char *> {
protected:
  const Driver &d = driver();
  ContextHandle context = nullptr;
  StreamHandle stream = nullptr;
  ModuleHandle module = nullptr;

  StandIn();
  ~StandIn() override;

  bool isLazy() const { return std::string(GetParam()) == "lazy"; }
  DevicePointer allocate(size_t bytes);
  void *allocateHost(size_t bytes);
  StreamHandle newStream(unsigned flags = kNonBlocking);
  EventHandle newEvent(unsigned flags = 0);
  FunctionHandle function(const char *name) const { return functions.at(name); }
  /// Of `name` with 32 threads to a block; what cuLaunchKernel returns.
  int launch(const char *name, StreamHandle on, DevicePointer to, DevicePointer from = 0,
             unsigned blocks = 1, unsigned sharedBytes = 0);
  std::vector<uint32_t> read(DevicePointer from, size_t words);
  /// What the test has made so far is freed, and the context again as it was at the start.
  void freeAll();
  void makeContext();

private:
  std::vector<DevicePointer> allocations;
  std::vector<void *> hostAllocations;
  std::vector<StreamHandle> streams;
  std::vector<EventHandle> events;
  std::map<std::string, FunctionHandle> functions;
};

} // namespace axiom::standin

#endif
