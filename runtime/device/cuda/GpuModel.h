// An opened model on a GPU: what all its executors share. The module is loaded when the model is
// opened, the weights are copied when the first executor needs them. An error that spoils the
// context makes the executors let go of it; the next one to come gets a new context with everything
// anew.
#ifndef AXIOM_RUNTIME_DEVICE_CUDA_GPUMODEL_H
#define AXIOM_RUNTIME_DEVICE_CUDA_GPUMODEL_H

#include "runtime/artifact/Artifact.h"
#include "runtime/device/cuda/Gpu.h"

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace axiom::cuda {

/// The functions of a kernel; null where it has no such stage.
struct KernelFunctions {
  FunctionHandle prologue = nullptr;
  std::array<FunctionHandle, AXM_CUDA_BODIES> bodies{};
};

/// Bytes copied so far, and in all.
using UploadProgress = std::function<void(uint64_t done, uint64_t total)>;

/// In one context.
struct Resident {
  std::shared_ptr<const Context> context;
  Module module;
  std::vector<KernelFunctions> functions; ///< of each kernel of the image
  DeviceMemory weights;                   ///< empty until they were asked for
};

class GpuModel {
public:
  /// `artifact` was opened with OpenOptions::chooseCuda for this GPU. Loads its module.
  static Result<std::shared_ptr<GpuModel>> create(std::shared_ptr<const Gpu> gpu,
                                                  std::shared_ptr<const Artifact> artifact);

  const Gpu &gpu() const { return *gpu_; }
  const Artifact &artifact() const { return *artifact_; }
  /// "cuda:0 (NVIDIA H100 80GB HBM3)", with the seconds that the driver took to compile PTX.
  const std::string &description() const { return description_; }

  /// With the weights in device memory; copies them if they are not there.
  Result<std::shared_ptr<const Resident>> resident(const UploadProgress &progress);
  /// The context of `spoiled` can't be used any more.
  void drop(const Resident *spoiled);

  struct Memory {
    uint64_t free = 0, total = 0; ///< of the device, now
    bool weightsResident = false; ///< `free` is without them
  };
  Result<Memory> memory();

private:
  GpuModel() = default;
  Result<std::shared_ptr<Resident>> loadModule() const;

  std::shared_ptr<const Gpu> gpu_;
  std::shared_ptr<const Artifact> artifact_;
  std::string description_;
  std::mutex mutex_;
  std::shared_ptr<Resident> resident_; ///< under mutex_
};

/// Copies `artifact`'s weights to new device memory, in chunks through two pinned buffers, so that
/// reading the file and copying overlap. The context is the calling thread's.
Result<DeviceMemory> uploadWeights(const std::shared_ptr<const Context> &context,
                                   const Artifact &artifact, const UploadProgress &progress);

} // namespace axiom::cuda

#endif
