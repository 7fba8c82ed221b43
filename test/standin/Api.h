// The functions of CUDA's driver API that the stand-in has, as a program finds them by dlsym:
// our own declarations of their ABI. Results are CUresult's numbers (Result below); handles are
// pointers that mean nothing to the program.
#ifndef AXIOM_TEST_STANDIN_API_H
#define AXIOM_TEST_STANDIN_API_H

#include <cstddef>
#include <cstdint>

namespace axiom::standin {

enum Result : int {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  DeviceUnavailable = 46,
  NoDevice = 100,
  InvalidDevice = 101,
  InvalidImage = 200,
  InvalidContext = 201,
  NoBinaryForGpu = 209,
  InvalidPtx = 218,
  InvalidHandle = 400,
  IllegalState = 401,
  NotFound = 500,
  NotReady = 600,
  IllegalAddress = 700,
  LaunchOutOfResources = 701,
  ContextIsDestroyed = 709,
  MisalignedAddress = 716,
  LaunchFailed = 719,
  NotPermitted = 800,
  NotSupported = 801,
  CaptureUnsupported = 900,
  CaptureInvalidated = 901,
  CaptureMerge = 902,
  CaptureUnmatched = 903,
  CaptureUnjoined = 904,
  CaptureIsolation = 905,
  CaptureImplicit = 906,
  CapturedEvent = 907,
  CaptureWrongThread = 908,
  Unknown = 999,
};

using DevicePointer = unsigned long long;
using ContextHandle = struct ContextTag *;
using StreamHandle = struct StreamTag *;
using EventHandle = struct EventTag *;
using ModuleHandle = struct ModuleTag *;
using FunctionHandle = struct FunctionTag *;
using GraphHandle = struct GraphTag *;
using GraphExecHandle = struct GraphExecTag *;

// Streams.
inline constexpr unsigned kNonBlocking = 1;
// Events.
inline constexpr unsigned kBlockingSync = 1, kDisableTiming = 2, kInterprocess = 4;
// Captures: modes, and what cuStreamIsCapturing gives.
enum CaptureMode : int { CaptureGlobal = 0, CaptureThreadLocal = 1, CaptureRelaxed = 2 };
enum CaptureStatus : int { CaptureNone = 0, CaptureActive = 1, CaptureInvalid = 2 };
// Options of modules: a buffer for the compiler's errors and its size, which is the value itself
// and becomes the number of bytes written.
inline constexpr int kInfoLog = 3, kInfoLogBytes = 4, kErrorLog = 5, kErrorLogBytes = 6;
// Attributes of functions.
enum FunctionAttribute : int {
  MaxThreadsPerBlock = 0,
  SharedSizeBytes = 1,
  ConstSizeBytes = 2,
  LocalSizeBytes = 3,
  NumRegs = 4,
  PtxVersion = 5,
  BinaryVersion = 6,
  CacheModeCa = 7,
  MaxDynamicSharedSizeBytes = 8,
  PreferredSharedMemoryCarveout = 9,
};

} // namespace axiom::standin

#define AXIOM_CUDA_API extern "C" __attribute__((visibility("default")))

AXIOM_CUDA_API int cuInit(unsigned flags);
AXIOM_CUDA_API int cuDriverGetVersion(int *version);
AXIOM_CUDA_API int cuGetErrorName(int error, const char **name);
AXIOM_CUDA_API int cuGetErrorString(int error, const char **text);

AXIOM_CUDA_API int cuDeviceGetCount(int *count);
AXIOM_CUDA_API int cuDeviceGet(int *device, int ordinal);
AXIOM_CUDA_API int cuDeviceGetName(char *name, int bytes, int device);
AXIOM_CUDA_API int cuDeviceGetAttribute(int *value, int attribute, int device);
AXIOM_CUDA_API int cuDeviceTotalMem_v2(size_t *bytes, int device);

AXIOM_CUDA_API int cuDevicePrimaryCtxRetain(axiom::standin::ContextHandle *context, int device);
AXIOM_CUDA_API int cuDevicePrimaryCtxRelease_v2(int device);
AXIOM_CUDA_API int cuDevicePrimaryCtxReset_v2(int device);
AXIOM_CUDA_API int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active);
AXIOM_CUDA_API int cuCtxCreate_v2(axiom::standin::ContextHandle *context, unsigned flags,
                                  int device);
AXIOM_CUDA_API int cuCtxDestroy_v2(axiom::standin::ContextHandle context);
AXIOM_CUDA_API int cuCtxSetCurrent(axiom::standin::ContextHandle context);
AXIOM_CUDA_API int cuCtxGetCurrent(axiom::standin::ContextHandle *context);
AXIOM_CUDA_API int cuCtxPushCurrent_v2(axiom::standin::ContextHandle context);
AXIOM_CUDA_API int cuCtxPopCurrent_v2(axiom::standin::ContextHandle *context);
AXIOM_CUDA_API int cuCtxGetDevice(int *device);
AXIOM_CUDA_API int cuCtxSynchronize();

AXIOM_CUDA_API int cuMemGetInfo_v2(size_t *free, size_t *total);
AXIOM_CUDA_API int cuMemAlloc_v2(axiom::standin::DevicePointer *pointer, size_t bytes);
AXIOM_CUDA_API int cuMemFree_v2(axiom::standin::DevicePointer pointer);
AXIOM_CUDA_API int cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags);
AXIOM_CUDA_API int cuMemFreeHost(void *pointer);
AXIOM_CUDA_API int cuMemcpyHtoDAsync_v2(axiom::standin::DevicePointer to, const void *from,
                                        size_t bytes, axiom::standin::StreamHandle stream);
AXIOM_CUDA_API int cuMemcpyDtoHAsync_v2(void *to, axiom::standin::DevicePointer from, size_t bytes,
                                        axiom::standin::StreamHandle stream);
AXIOM_CUDA_API int cuMemcpyDtoDAsync_v2(axiom::standin::DevicePointer to,
                                        axiom::standin::DevicePointer from, size_t bytes,
                                        axiom::standin::StreamHandle stream);
AXIOM_CUDA_API int cuMemsetD8Async(axiom::standin::DevicePointer to, unsigned char value,
                                   size_t bytes, axiom::standin::StreamHandle stream);

AXIOM_CUDA_API int cuStreamCreate(axiom::standin::StreamHandle *stream, unsigned flags);
AXIOM_CUDA_API int cuStreamDestroy_v2(axiom::standin::StreamHandle stream);
AXIOM_CUDA_API int cuStreamSynchronize(axiom::standin::StreamHandle stream);
AXIOM_CUDA_API int cuStreamQuery(axiom::standin::StreamHandle stream);
AXIOM_CUDA_API int cuStreamWaitEvent(axiom::standin::StreamHandle stream,
                                     axiom::standin::EventHandle event, unsigned flags);
AXIOM_CUDA_API int cuEventCreate(axiom::standin::EventHandle *event, unsigned flags);
AXIOM_CUDA_API int cuEventRecord(axiom::standin::EventHandle event,
                                 axiom::standin::StreamHandle stream);
AXIOM_CUDA_API int cuEventQuery(axiom::standin::EventHandle event);
AXIOM_CUDA_API int cuEventSynchronize(axiom::standin::EventHandle event);
AXIOM_CUDA_API int cuEventElapsedTime(float *milliseconds, axiom::standin::EventHandle begin,
                                      axiom::standin::EventHandle end);
AXIOM_CUDA_API int cuEventDestroy_v2(axiom::standin::EventHandle event);

AXIOM_CUDA_API int cuModuleLoadDataEx(axiom::standin::ModuleHandle *module, const void *image,
                                      unsigned numOptions, int *options, void **values);
AXIOM_CUDA_API int cuModuleLoadData(axiom::standin::ModuleHandle *module, const void *image);
AXIOM_CUDA_API int cuModuleUnload(axiom::standin::ModuleHandle module);
AXIOM_CUDA_API int cuModuleGetFunction(axiom::standin::FunctionHandle *function,
                                       axiom::standin::ModuleHandle module, const char *name);
AXIOM_CUDA_API int cuFuncGetAttribute(int *value, int attribute,
                                      axiom::standin::FunctionHandle function);
AXIOM_CUDA_API int cuFuncSetAttribute(axiom::standin::FunctionHandle function, int attribute,
                                      int value);
AXIOM_CUDA_API int cuLaunchKernel(axiom::standin::FunctionHandle function, unsigned gridX,
                                  unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                                  unsigned blockZ, unsigned sharedBytes,
                                  axiom::standin::StreamHandle stream, void **parameters,
                                  void **extra);

AXIOM_CUDA_API int cuStreamBeginCapture_v2(axiom::standin::StreamHandle stream, int mode);
AXIOM_CUDA_API int cuStreamEndCapture(axiom::standin::StreamHandle stream,
                                      axiom::standin::GraphHandle *graph);
AXIOM_CUDA_API int cuStreamIsCapturing(axiom::standin::StreamHandle stream, int *status);
AXIOM_CUDA_API int cuGraphInstantiateWithFlags(axiom::standin::GraphExecHandle *exec,
                                               axiom::standin::GraphHandle graph,
                                               unsigned long long flags);
AXIOM_CUDA_API int cuGraphLaunch(axiom::standin::GraphExecHandle exec,
                                 axiom::standin::StreamHandle stream);
AXIOM_CUDA_API int cuGraphDestroy(axiom::standin::GraphHandle graph);
AXIOM_CUDA_API int cuGraphExecDestroy(axiom::standin::GraphExecHandle exec);

// What libcuda does not have. Texts live until the next call of the same function.

/// What went wrong last, in words; empty: nothing did.
AXIOM_CUDA_API const char *axiomStandInLastFault();
/// What is not freed, a line each; empty: all is.
AXIOM_CUDA_API const char *axiomStandInLeaks();
/// Faults from now on, in the form of AXIOM_STANDIN_FAULT; counts start anew. 0: the text is
/// understood.
AXIOM_CUDA_API int axiomStandInSetFault(const char *faults);
/// How often a function was called, or "kernel" (run) or "copy" (between host and device, done),
/// since the start or axiomStandInSetFault.
AXIOM_CUDA_API unsigned long long axiomStandInCount(const char *what);
/// An environment variable as AXIOM_STANDIN_MODE or AXIOM_STANDIN_ORDER, from now on. 0:
/// understood.
AXIOM_CUDA_API int axiomStandInSet(const char *option, const char *value);

#endif
