// A code image for a CUDA target (runtime/abi/cuda_abi.h), read and checked: what the plan is
// proved against, how each kernel is launched, and the module that the driver loads.
#ifndef AXIOM_RUNTIME_ARTIFACT_CUDAIMAGE_H
#define AXIOM_RUNTIME_ARTIFACT_CUDAIMAGE_H

#include "runtime/abi/cuda_abi.h"
#include "runtime/artifact/Plan.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace axiom {

/// "cuda:sm_90a", "cuda:compute_80", "cuda:host".
bool isCudaTarget(const std::string &target);
/// The module is PTX, which the driver compiles ("cuda:compute_80").
bool isPtxTarget(const std::string &target);

struct CudaImage {
  std::string target;
  std::vector<AxmKernelRow> rows;     ///< their entries are 0
  std::vector<AxmCudaKernel> kernels; ///< of each row
  std::span<const uint8_t> module;    ///< of the bytes that were read
};

/// Checks the header, both tables and the padding.
Result<CudaImage> readCudaImage(const std::string &target, std::span<const uint8_t> image);

/// Proves the plan against the image's rows (provePlan), and that each task has launches for its
/// last variant, which is the one that runs on a GPU.
Status proveCudaPlan(const Metadata &metadata, const CudaImage &image);

/// The launches that there are: the prologue, then the bodies.
std::vector<const AxmCudaStage *> cudaStages(const AxmCudaKernel &kernel);

/// The body for a step, or a graph, of up to so many tokens: its place in `bodies`.
inline size_t cudaBody(const AxmCudaKernel &kernel, uint32_t tokens) {
  size_t i = 0;
  while (i + 1 < AXM_CUDA_BODIES && tokens > kernel.bodies[i].mostTokens)
    ++i;
  return i;
}

/// Blocks of a stage's grid for so many tokens.
inline uint64_t cudaBlocks(const AxmCudaStage &stage, uint32_t tokens) {
  uint64_t tiles = (uint64_t(tokens) + stage.tokensPerTile - 1) / stage.tokensPerTile;
  return (stage.units * tiles + stage.unitsPerBlock - 1) / stage.unitsPerBlock;
}

} // namespace axiom

#endif
