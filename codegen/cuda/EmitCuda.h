// Generates the CUDA C++ of planned kernels: the constants of each as a struct, and an entry for
// each stage that instantiates codegen/cuda/kernels with them. The numerics are the contract's
// (docs/numerics.md), so the bits are those of the CPU's kernels.
#ifndef AXIOM_CODEGEN_CUDA_EMITCUDA_H
#define AXIOM_CODEGEN_CUDA_EMITCUDA_H

#include "codegen/cuda/LinearForm.h"
#include "dialects/plan/KernelSpec.h"
#include "runtime/abi/cuda_abi.h"

#include <string>
#include <vector>

namespace axiom::codegen {

/// One launch. Blocks: the units of each tile of tokens, so many to a block.
struct CudaStage {
  std::string symbol; ///< empty: there is no such stage
  uint32_t threads = 0, sharedBytes = 0;
  uint32_t units = 0, unitsPerBlock = 1, tokensPerTile = 1;
  uint32_t mostTokens = UINT32_MAX;

  uint64_t blocks(uint32_t tokens) const {
    uint64_t tiles = (tokens + tokensPerTile - 1) / tokensPerTile;
    return (units * tiles + unitsPerBlock - 1) / unitsPerBlock;
  }
};

/// The launches of a planned kernel, one behind the other.
struct CudaKernel {
  CudaStage prologue;            ///< leaves its rows in the scratch
  std::vector<CudaStage> bodies; ///< by rising mostTokens, 1 to AXM_CUDA_BODIES
  uint64_t scratchFixed = 0, scratchPerToken = 0;

  /// The body of a step with so many tokens.
  const CudaStage &body(uint32_t tokens) const {
    size_t i = 0;
    while (tokens > bodies[i].mostTokens)
      ++i;
    return bodies[i];
  }
};

struct CudaSource {
  std::string text;
  std::vector<CudaKernel> kernels; ///< of each spec
};

/// The names of the specs must differ. Specs that differ in nothing else share their kernel, by the
/// name of the first. `full`: what small kernels should fill.
CudaSource emitCuda(const std::vector<plan::KernelSpec> &specs, const FullGrid &full = {});

} // namespace axiom::codegen

#endif
