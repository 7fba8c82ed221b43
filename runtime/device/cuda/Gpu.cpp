#include "runtime/device/cuda/Gpu.h"

#include "runtime/base/Memory.h"

namespace axiom::cuda {

namespace {

/// What one can do about an error, and what kind it is.
std::pair<Code, const char *> judge(Error error) {
  switch (error) {
  case kOutOfMemory:
    return {Code::Resource, "ask for fewer KV positions or tokens a step, or end what else uses "
                            "the device's memory (nvidia-smi lists it)"};
  case kNoDevice:
    return {Code::Unsupported, "check that nvidia-smi lists a device and that "
                               "CUDA_VISIBLE_DEVICES does not hide it, or give --device=cpu"};
  case kStubLibrary:
    return {Code::Unsupported, "the toolkit's stub was loaded instead of the driver: take its "
                               "folder out of LD_LIBRARY_PATH"};
  case kDeviceUnavailable:
    return {Code::Resource, "another process has the device for itself (compute mode of "
                            "nvidia-smi): end it, or name another device with --device=cuda:N"};
  case kNotPermitted:
    return {Code::Unsupported, "this user or container may not use the device"};
  case kSystemDriverMismatch:
    return {Code::Unsupported, "library and kernel module of the driver differ: restart the "
                               "machine after an update of the driver"};
  case kSystemNotReady:
    return {Code::Unsupported, "start the fabric manager (nvidia-fabricmanager)"};
  case kInvalidImage:
  case kNoBinaryForGpu:
  case kInvalidPtx:
  case kUnsupportedPtxVersion:
    return {Code::Unsupported, "the model's code is for a newer driver, or damaged: install a "
                               "newer driver, or check the file with axiom-inspect --verify"};
  case kJitCompilerNotFound:
  case kJitCompilationDisabled:
    return {Code::Unsupported, "the model's code is PTX, which the driver has to compile: install "
                               "the driver's PTX compiler (libnvidia-ptxjitcompiler), or rebuild "
                               "the model for this device (axiomc --target=cuda:sm_...)"};
  case kEccUncorrectable:
  case kNvlinkUncorrectable:
    return {Code::Internal, "the hardware reports damage: look at nvidia-smi -q and the kernel's "
                            "log (Xid), and reset the device"};
  default:
    return {Code::Internal, "if it comes again, look at nvidia-smi -q and the kernel's log (Xid)"};
  }
}

} // namespace

Status Gpu::check(const char *call, Error error) const {
  if (error == kSuccess)
    return Status::okStatus();
  const char *name = nullptr, *text = nullptr;
  if (driver_->cuGetErrorName(error, &name) != kSuccess || !name)
    name = "an unknown error";
  if (driver_->cuGetErrorString(error, &text) != kSuccess || !text)
    text = "no description";
  auto [code, remedy] = judge(error);
  return Status(code, format("%s on %s: %s (%d), %s; %s", call, facts_.name.c_str(), name, error,
                             text, remedy));
}

Result<std::shared_ptr<const Gpu>> Gpu::open(uint32_t ordinal) {
  AXIOM_ASSIGN_OR_RETURN(const Driver *driver, Driver::load());
  return open(*driver, ordinal);
}

Result<std::shared_ptr<const Gpu>> Gpu::open(const Driver &driver, uint32_t ordinal) {
  std::shared_ptr<Gpu> gpu(new Gpu());
  gpu->driver_ = &driver;
  gpu->facts_.name = format("cuda:%u", ordinal);
  AXIOM_CUDA(*gpu, cuInit, 0);
  int count = 0;
  AXIOM_CUDA(*gpu, cuDeviceGetCount, &count);
  if (count <= 0)
    return gpu->check("cuDeviceGetCount", kNoDevice);
  if (ordinal >= static_cast<uint32_t>(count))
    return Status(Code::Unsupported,
                  format("there is no device cuda:%u: the driver has %d, cuda:0 to cuda:%d",
                         ordinal, count, count - 1));
  AXIOM_CUDA(*gpu, cuDeviceGet, &gpu->device_, static_cast<int>(ordinal));
  char name[256] = {};
  AXIOM_CUDA(*gpu, cuDeviceGetName, name, static_cast<int>(sizeof name - 1), gpu->device_);
  gpu->facts_.name = format("cuda:%u (%s)", ordinal, name);
  AXIOM_CUDA(*gpu, cuDriverGetVersion, &gpu->facts_.driver);
  int shared = 0;
  AXIOM_CUDA(*gpu, cuDeviceGetAttribute, &gpu->facts_.major, kCapabilityMajor, gpu->device_);
  AXIOM_CUDA(*gpu, cuDeviceGetAttribute, &gpu->facts_.minor, kCapabilityMinor, gpu->device_);
  AXIOM_CUDA(*gpu, cuDeviceGetAttribute, &shared, kSharedPerBlockOptIn, gpu->device_);
  gpu->sharedBytes_ = static_cast<uint32_t>(shared);
  return std::shared_ptr<const Gpu>(std::move(gpu));
}

Result<std::shared_ptr<const Context>> Context::create(std::shared_ptr<const Gpu> gpu) {
  std::shared_ptr<Context> context(new Context(std::move(gpu)));
  const Gpu &device = context->gpu();
  ContextHandle popped = nullptr;
  AXIOM_CUDA(device, cuCtxCreate, &context->handle_, 0, device.device());
  AXIOM_CUDA(device, cuCtxPopCurrent, &popped); // it was made the thread's
  return std::shared_ptr<const Context>(std::move(context));
}

Context::~Context() {
  if (handle_)
    (void)driver().cuCtxDestroy(handle_);
}

Status Context::synchronize() const {
  Current current(*this);
  AXIOM_RETURN_IF_ERROR(check("cuCtxPushCurrent", current.error()));
  return check("cuCtxSynchronize", driver().cuCtxSynchronize());
}

Result<DeviceMemory> allocateDevice(const std::shared_ptr<const Context> &context, uint64_t bytes,
                                    const char *what) {
  DevicePointer memory = 0;
  Status status = context->check("cuMemAlloc", context->driver().cuMemAlloc(&memory, bytes));
  if (!status.ok())
    return status.withContext(format("%s for %s", formatBytes(bytes).c_str(), what));
  return DeviceMemory(context, memory);
}

Result<PinnedMemory> allocatePinned(const std::shared_ptr<const Context> &context, uint64_t bytes,
                                    const char *what) {
  void *memory = nullptr;
  Status status =
      context->check("cuMemHostAlloc", context->driver().cuMemHostAlloc(&memory, bytes, 0));
  if (!status.ok())
    return status.withContext(format("%s of host memory for %s", formatBytes(bytes).c_str(), what));
  return PinnedMemory(context, memory);
}

Result<Stream> createStream(const std::shared_ptr<const Context> &context) {
  StreamHandle stream = nullptr;
  AXIOM_CUDA(*context, cuStreamCreate, &stream, kStreamNonBlocking);
  return Stream(context, stream);
}

Result<Event> createEvent(const std::shared_ptr<const Context> &context) {
  EventHandle event = nullptr;
  AXIOM_CUDA(*context, cuEventCreate, &event, kEventWithoutTiming);
  return Event(context, event);
}

} // namespace axiom::cuda
