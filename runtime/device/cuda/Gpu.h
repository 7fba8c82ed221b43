// One GPU: what it is called and can do, a context on it, and the handles that live in a context.
// Everything here frees what it owns; what a broken context refuses to free goes with the context.
#ifndef AXIOM_RUNTIME_DEVICE_CUDA_GPU_H
#define AXIOM_RUNTIME_DEVICE_CUDA_GPU_H

#include "runtime/device/cuda/ChooseImage.h"
#include "runtime/device/cuda/Driver.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace axiom::cuda {

class Gpu {
public:
  /// The driver's device of this number. Unsupported: no driver or no such device.
  static Result<std::shared_ptr<const Gpu>> open(uint32_t ordinal);
  /// `driver` outlives the Gpu. For tests.
  static Result<std::shared_ptr<const Gpu>> open(const Driver &driver, uint32_t ordinal);

  const Driver &driver() const { return *driver_; }
  Device device() const { return device_; }
  const DeviceFacts &facts() const { return facts_; }
  /// "cuda:0 (NVIDIA H100 80GB HBM3)"
  const std::string &name() const { return facts_.name; }
  /// Most bytes of shared memory of a block.
  uint32_t sharedBytes() const { return sharedBytes_; }

  /// Ok, or an error with the call, this device, the driver's words and what to do.
  Status check(const char *call, Error error) const;

private:
  Gpu() = default;
  const Driver *driver_ = nullptr;
  Device device_ = 0;
  DeviceFacts facts_;
  uint32_t sharedBytes_ = 0;
};

/// A CUDA context of our own: an error that spoils it leaves those of others in the process alone.
class Context {
public:
  static Result<std::shared_ptr<const Context>> create(std::shared_ptr<const Gpu> gpu);
  ~Context();
  Context(const Context &) = delete;

  const Gpu &gpu() const { return *gpu_; }
  const Driver &driver() const { return gpu_->driver(); }
  Status check(const char *call, Error error) const { return gpu_->check(call, error); }
  /// Waits for all work. An error that every later call would give too shows here.
  Status synchronize() const;

private:
  friend class Current;
  explicit Context(std::shared_ptr<const Gpu> gpu) : gpu_(std::move(gpu)) {}
  std::shared_ptr<const Gpu> gpu_;
  ContextHandle handle_ = nullptr;
};

/// Makes a context the calling thread's for as long as it lives; the one before comes back.
class Current {
public:
  explicit Current(const Context &context) : driver_(context.driver()) {
    error_ = driver_.cuCtxPushCurrent(context.handle_);
  }
  ~Current() {
    ContextHandle popped = nullptr;
    if (error_ == kSuccess)
      (void)driver_.cuCtxPopCurrent(&popped);
  }
  Current(const Current &) = delete;
  Error error() const { return error_; }

private:
  const Driver &driver_;
  Error error_;
};

/// A handle of a context that is destroyed with `destroy`.
template <typename Handle, Error (*Driver::*destroy)(Handle)> class Owned {
public:
  Owned() = default;
  Owned(std::shared_ptr<const Context> context, Handle handle)
      : context_(std::move(context)), handle_(handle) {}
  Owned(Owned &&other) noexcept
      : context_(std::move(other.context_)), handle_(std::exchange(other.handle_, Handle())) {}
  Owned &operator=(Owned &&other) noexcept {
    std::swap(context_, other.context_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (!context_)
      return;
    Current current(*context_);
    (void)(context_->driver().*destroy)(handle_);
  }
  Handle get() const { return handle_; }
  explicit operator bool() const { return context_ != nullptr; }

private:
  std::shared_ptr<const Context> context_;
  Handle handle_ = Handle();
};

using Module = Owned<ModuleHandle, &Driver::cuModuleUnload>;
using Stream = Owned<StreamHandle, &Driver::cuStreamDestroy>;
using Event = Owned<EventHandle, &Driver::cuEventDestroy>;
using Graph = Owned<GraphHandle, &Driver::cuGraphDestroy>;
using GraphExec = Owned<GraphExecHandle, &Driver::cuGraphExecDestroy>;
using DeviceMemory = Owned<DevicePointer, &Driver::cuMemFree>;
using PinnedMemory = Owned<void *, &Driver::cuMemFreeHost>;

// The context is the calling thread's. `what` names the use in the error.
Result<DeviceMemory> allocateDevice(const std::shared_ptr<const Context> &context, uint64_t bytes,
                                    const char *what);
Result<PinnedMemory> allocatePinned(const std::shared_ptr<const Context> &context, uint64_t bytes,
                                    const char *what);
Result<Stream> createStream(const std::shared_ptr<const Context> &context);
Result<Event> createEvent(const std::shared_ptr<const Context> &context);

} // namespace axiom::cuda

/// Returns from the enclosing function if the call fails: AXIOM_CUDA(context, cuMemFree, memory).
#define AXIOM_CUDA(gpu, function, ...)                                                             \
  AXIOM_RETURN_IF_ERROR((gpu).check(#function, (gpu).driver().function(__VA_ARGS__)))

#endif
