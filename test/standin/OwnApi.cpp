// The names of errors, and what only the stand-in has.
#include "test/standin/State.h"

using namespace axiom::standin;

namespace {

struct Error {
  int number;
  const char *name, *text;
};

constexpr Error kErrors[] = {
    {Success, "CUDA_SUCCESS", "no error"},
    {InvalidValue, "CUDA_ERROR_INVALID_VALUE", "an argument is not valid"},
    {OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "cuInit was not called"},
    {DeviceUnavailable, "CUDA_ERROR_DEVICE_UNAVAILABLE", "the device is not available"},
    {NoDevice, "CUDA_ERROR_NO_DEVICE", "no device"},
    {InvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "there is no such device"},
    {InvalidImage, "CUDA_ERROR_INVALID_IMAGE", "the module's image is not valid"},
    {InvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "no context, or not a valid one"},
    {NoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU", "the image has no code for this device"},
    {InvalidPtx, "CUDA_ERROR_INVALID_PTX", "the PTX cannot be compiled"},
    {InvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "the handle is not valid"},
    {IllegalState, "CUDA_ERROR_ILLEGAL_STATE", "not possible in this state"},
    {NotFound, "CUDA_ERROR_NOT_FOUND", "there is nothing of this name"},
    {NotReady, "CUDA_ERROR_NOT_READY", "not done yet"},
    {IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal access to memory"},
    {LaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources for a launch"},
    {ContextIsDestroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "the context is destroyed"},
    {MisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS", "a misaligned address"},
    {LaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "a kernel failed"},
    {NotPermitted, "CUDA_ERROR_NOT_PERMITTED", "not permitted"},
    {NotSupported, "CUDA_ERROR_NOT_SUPPORTED", "not supported"},
    {CaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "not possible while a stream is captured"},
    {CaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "an earlier error has made the capture invalid"},
    {CaptureMerge, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "two captures would become one"},
    {CaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "the capture did not begin in this stream"},
    {CaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
     "a stream that joined the capture was not joined back"},
    {CaptureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "the capture would depend on work outside of it"},
    {CaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "the default stream would wait for the capture"},
    {CapturedEvent, "CUDA_ERROR_CAPTURED_EVENT", "the event was recorded in a capture"},
    {CaptureWrongThread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "another thread began the capture"},
    {Unknown, "CUDA_ERROR_UNKNOWN", "an unknown error"},
};

const Error *find(int number) {
  for (const Error &error : kErrors)
    if (error.number == number)
      return &error;
  return nullptr;
}

} // namespace

int cuGetErrorName(int error, const char **name) {
  const Error *known = find(error);
  if (!name)
    return InvalidValue;
  *name = known ? known->name : nullptr;
  return known ? Success : InvalidValue;
}

int cuGetErrorString(int error, const char **what) {
  const Error *known = find(error);
  if (!what)
    return InvalidValue;
  *what = known ? known->text : nullptr;
  return known ? Success : InvalidValue;
}

const char *axiomStandInLastFault() {
  std::lock_guard lock(state().mutex);
  static std::string &text = *new std::string;
  text = state().lastFault;
  return text.c_str();
}

const char *axiomStandInLeaks() {
  std::lock_guard lock(state().mutex);
  static std::string &text = *new std::string;
  text = state().leaks();
  return text.c_str();
}

int axiomStandInSetFault(const char *faults) {
  std::lock_guard lock(state().mutex);
  state().lost = Success;
  state().lastFault.clear();
  return state().faults.set(faults) ? Success : InvalidValue;
}

unsigned long long axiomStandInCount(const char *what) {
  std::lock_guard lock(state().mutex);
  return state().faults.count(what);
}

int axiomStandInSet(const char *option, const char *value) {
  std::lock_guard lock(state().mutex);
  return state().options.set(option, value) ? Success : InvalidValue;
}
