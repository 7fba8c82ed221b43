// Generated CUDA kernels on the host twin: emitted, compiled by the host's compiler, launched.
#ifndef AXIOM_TEST_UNIT_CODEGEN_TWINKERNELS_H
#define AXIOM_TEST_UNIT_CODEGEN_TWINKERNELS_H

#include "codegen/cuda/EmitCuda.h"
#include "codegen/cuda/twin/Launch.h"
#include "codegen/cuda/twin/Library.h"
#include "test/unit/codegen/KernelCases.h"

namespace axiom::test {

class TwinKernels {
public:
  /// Emits and compiles; `header`: the changed text of one of the kernels' headers, which then
  /// stands for it. `full`: as for emitCuda.
  static Result<TwinKernels> compile(const std::vector<plan::KernelSpec> &specs,
                                     const std::string &header = "",
                                     const codegen::FullGrid &full = {});

  /// Runs the launches of `kernelCase` with up to `mostTokens` tokens; its first kernel is number
  /// `first` here. Gives the first fault or difference in any byte of any operand, or nothing;
  /// `ran` counts launches.
  std::string check(const KernelCase &kernelCase, size_t first, uint32_t mostTokens,
                    const twin::LaunchOptions &how, size_t &ran) const;

  /// One launch, of kernel number `kernel` here. Gives the first fault or difference, or nothing;
  /// `counts`: of the kernel's body.
  std::string runLaunch(const KernelLaunch &launch, const plan::KernelSpec &spec, size_t kernel,
                        const twin::LaunchOptions &how, twin::Counts *counts = nullptr) const;
  const codegen::CudaKernel &kernel(size_t number) const { return source.kernels[number]; }

private:
  TwinKernels() = default;
  codegen::CudaSource source;
  std::unique_ptr<twin::Library> library;

  /// What the launches of a kernel have in common.
  struct Shared {
    uint8_t *scratch;
    const uint32_t *tokens;
    uint32_t *counters;
  };
  std::string run(const codegen::CudaStage &stage, const std::vector<uint8_t *> &args,
                  const Shared &shared, const twin::GlobalMemory &memory,
                  const twin::LaunchOptions &how, twin::Counts *counts) const;
};

} // namespace axiom::test

#endif
