// What an executor runs: checked kernels, a checked plan, and where the weights lie. An Artifact
// gives one; tests build them by hand with plain functions as kernels.
#ifndef AXIOM_RUNTIME_ARTIFACT_PROGRAM_H
#define AXIOM_RUNTIME_ARTIFACT_PROGRAM_H

#include "runtime/artifact/Plan.h"

#include <cstdint>
#include <vector>

namespace axiom {

struct LoadedKernel {
  AxmKernelEntry prologue = nullptr; ///< null: none
  AxmKernelEntry body = nullptr;
  AxmKernelRow row{};
};

struct LoadedProgram {
  ArtifactConfig config;
  KvInfo kv;
  Plan plan;
  std::vector<LoadedKernel> kernels;
  const uint8_t *weights = nullptr; ///< the weights segment; 64-byte aligned
  uint64_t weightsSize = 0;
};

} // namespace axiom

#endif
