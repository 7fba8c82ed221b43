// The part of NVIDIA's driver API that the runtime uses, declared here so that nothing of a toolkit
// is needed: types, numbers and functions are those of the library's binary interface, which does
// not change (CUDA 12.0 and later). The library is loaded when a model is opened for a GPU, never
// before.
#ifndef AXIOM_RUNTIME_DEVICE_CUDA_DRIVER_H
#define AXIOM_RUNTIME_DEVICE_CUDA_DRIVER_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>

namespace axiom::cuda {

using Error = int;  ///< CUresult
using Device = int; ///< CUdevice
using DevicePointer = unsigned long long;
using ContextHandle = struct CudaContext *;
using ModuleHandle = struct CudaModule *;
using FunctionHandle = struct CudaFunction *;
using StreamHandle = struct CudaStream *;
using EventHandle = struct CudaEvent *;
using GraphHandle = struct CudaGraph *;
using GraphExecHandle = struct CudaGraphExec *;

// Values of CUresult that are told apart here.
inline constexpr Error kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kStubLibrary = 34,
                       kDeviceUnavailable = 46, kNoDevice = 100, kInvalidDevice = 101,
                       kInvalidImage = 200, kNoBinaryForGpu = 209, kEccUncorrectable = 214,
                       kInvalidPtx = 218, kNvlinkUncorrectable = 220, kJitCompilerNotFound = 221,
                       kUnsupportedPtxVersion = 222, kJitCompilationDisabled = 223, kNotFound = 500,
                       kLaunchFailed = 719, kNotPermitted = 800, kSystemNotReady = 802,
                       kSystemDriverMismatch = 803;
// CUdevice_attribute, CUfunction_attribute, flags.
inline constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76, kSharedPerBlockOptIn = 97,
                     kMaxDynamicShared = 8, kJitErrorLog = 5, kJitErrorLogBytes = 6;
inline constexpr unsigned kStreamNonBlocking = 1, kEventWithoutTiming = 2;
inline constexpr int kCaptureThreadLocal = 1;

/// X(member, symbol, parameters)
#define AXIOM_CUDA_FUNCTIONS(X)                                                                    \
  X(cuInit, cuInit, (unsigned flags))                                                              \
  X(cuDriverGetVersion, cuDriverGetVersion, (int *version))                                        \
  X(cuGetErrorName, cuGetErrorName, (Error error, const char **text))                              \
  X(cuGetErrorString, cuGetErrorString, (Error error, const char **text))                          \
  X(cuDeviceGetCount, cuDeviceGetCount, (int *count))                                              \
  X(cuDeviceGet, cuDeviceGet, (Device * device, int ordinal))                                      \
  X(cuDeviceGetName, cuDeviceGetName, (char *name, int size, Device device))                       \
  X(cuDeviceGetAttribute, cuDeviceGetAttribute, (int *value, int attribute, Device device))        \
  X(cuCtxCreate, cuCtxCreate_v2, (ContextHandle * context, unsigned flags, Device device))         \
  X(cuCtxDestroy, cuCtxDestroy_v2, (ContextHandle context))                                        \
  X(cuCtxPushCurrent, cuCtxPushCurrent_v2, (ContextHandle context))                                \
  X(cuCtxPopCurrent, cuCtxPopCurrent_v2, (ContextHandle * context))                                \
  X(cuCtxSynchronize, cuCtxSynchronize, ())                                                        \
  X(cuModuleLoadDataEx, cuModuleLoadDataEx,                                                        \
    (ModuleHandle * module, const void *image, unsigned numOptions, int *options, void **values))  \
  X(cuModuleUnload, cuModuleUnload, (ModuleHandle module))                                         \
  X(cuModuleGetFunction, cuModuleGetFunction,                                                      \
    (FunctionHandle * function, ModuleHandle module, const char *name))                            \
  X(cuFuncSetAttribute, cuFuncSetAttribute, (FunctionHandle function, int attribute, int value))   \
  X(cuMemGetInfo, cuMemGetInfo_v2, (size_t *free, size_t *total))                                  \
  X(cuMemAlloc, cuMemAlloc_v2, (DevicePointer * memory, size_t bytes))                             \
  X(cuMemFree, cuMemFree_v2, (DevicePointer memory))                                               \
  X(cuMemHostAlloc, cuMemHostAlloc, (void **memory, size_t bytes, unsigned flags))                 \
  X(cuMemFreeHost, cuMemFreeHost, (void *memory))                                                  \
  X(cuMemcpyHtoDAsync, cuMemcpyHtoDAsync_v2,                                                       \
    (DevicePointer to, const void *from, size_t bytes, StreamHandle stream))                       \
  X(cuMemcpyDtoHAsync, cuMemcpyDtoHAsync_v2,                                                       \
    (void *to, DevicePointer from, size_t bytes, StreamHandle stream))                             \
  X(cuMemsetD8Async, cuMemsetD8Async,                                                              \
    (DevicePointer to, unsigned char value, size_t bytes, StreamHandle stream))                    \
  X(cuStreamCreate, cuStreamCreate, (StreamHandle * stream, unsigned flags))                       \
  X(cuStreamDestroy, cuStreamDestroy_v2, (StreamHandle stream))                                    \
  X(cuStreamSynchronize, cuStreamSynchronize, (StreamHandle stream))                               \
  X(cuEventCreate, cuEventCreate, (EventHandle * event, unsigned flags))                           \
  X(cuEventDestroy, cuEventDestroy_v2, (EventHandle event))                                        \
  X(cuEventRecord, cuEventRecord, (EventHandle event, StreamHandle stream))                        \
  X(cuEventSynchronize, cuEventSynchronize, (EventHandle event))                                   \
  X(cuLaunchKernel, cuLaunchKernel,                                                                \
    (FunctionHandle function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,     \
     unsigned blockY, unsigned blockZ, unsigned sharedBytes, StreamHandle stream,                  \
     void **parameters, void **extra))                                                             \
  X(cuStreamBeginCapture, cuStreamBeginCapture_v2, (StreamHandle stream, int mode))                \
  X(cuStreamEndCapture, cuStreamEndCapture, (StreamHandle stream, GraphHandle * graph))            \
  X(cuGraphDestroy, cuGraphDestroy, (GraphHandle graph))                                           \
  X(cuGraphInstantiate, cuGraphInstantiateWithFlags,                                               \
    (GraphExecHandle * exec, GraphHandle graph, unsigned long long flags))                         \
  X(cuGraphExecDestroy, cuGraphExecDestroy, (GraphExecHandle exec))                                \
  X(cuGraphLaunch, cuGraphLaunch, (GraphExecHandle exec, StreamHandle stream))

/// The functions by their names. Tests fill one with their own.
struct Driver {
#define AXIOM_CUDA_MEMBER(member, symbol, parameters) Error(*member) parameters = nullptr;
  AXIOM_CUDA_FUNCTIONS(AXIOM_CUDA_MEMBER)
#undef AXIOM_CUDA_MEMBER

  /// The driver of this machine, loaded with the first call. Unsupported: there is none, or it is
  /// too old.
  static Result<const Driver *> load();
};

/// Of drivers, as cuDriverGetVersion has it: the oldest that this runtime works with.
inline constexpr int kOldestDriver = 12000;
/// "12.4" of 12040.
std::string versionText(int version);

} // namespace axiom::cuda

#endif
