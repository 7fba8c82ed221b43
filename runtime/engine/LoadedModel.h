// A model that was opened to run, and the device it runs on.
#ifndef AXIOM_RUNTIME_ENGINE_LOADEDMODEL_H
#define AXIOM_RUNTIME_ENGINE_LOADEDMODEL_H

#include "runtime/artifact/Artifact.h"
#include "runtime/device/cuda/GpuModel.h"

#include <memory>
#include <optional>
#include <string>

namespace axiom::engine {

struct LoadedModel {
  std::shared_ptr<const Artifact> artifact;
  std::shared_ptr<cuda::GpuModel> gpu; ///< null: the CPU

  LoadedModel() = default;
  /// On the CPU.
  LoadedModel(std::shared_ptr<const Artifact> artifact) : artifact(std::move(artifact)) {}

  /// "CPU", "cuda:0 (NVIDIA H100 80GB HBM3)"
  std::string device() const { return gpu ? gpu->description() : "CPU"; }
};

/// The number of "cuda" (0) or "cuda:N"; nothing for "cpu" and for an empty text.
Result<std::optional<uint32_t>> parseDevice(const std::string &device);

/// Opens `path` for a device; chooseCuda of `options` is set here. A GPU that was asked for and
/// can't be had is an error, never the CPU.
Result<LoadedModel> loadModel(const std::string &path, OpenOptions options,
                              const std::string &device);

} // namespace axiom::engine

#endif
