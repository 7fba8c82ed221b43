// Planned kernels -> the code image of a CUDA target (runtime/abi/cuda_abi.h).
#ifndef AXIOM_CODEGEN_CUDA_CUDAIMAGE_H
#define AXIOM_CODEGEN_CUDA_CUDAIMAGE_H

#include "codegen/cuda/EmitCuda.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace axiom::codegen {

/// What generated kernels are compiled for, the oldest first and PTX last: {"sm_80", ...,
/// "compute_80"}. Besides these there is kHostArch, for tests.
std::vector<std::string> cudaArchs();
inline constexpr const char *kHostArch = "host";

/// What a module is for an architecture.
enum class CudaModuleKind { Cubin, Ptx, HostLibrary };
CudaModuleKind cudaModuleKind(const std::string &arch);
/// ".cubin", ".ptx", ".so".
const char *cudaModuleSuffix(const std::string &arch);

/// The module of a generated source: compileCuda (Nvrtc.h) or compileForTwin (HostCompiler.h).
Result<std::string> compileCudaModule(const std::string &source, const std::string &arch);

/// What an image has no room for, or a GPU no shared memory, before it is compiled.
Status checkKernels(const CudaSource &source);

/// `source` is emitCuda(specs), `module` what was compiled of its text. Deterministic.
Result<std::vector<uint8_t>> packCudaImage(const std::vector<plan::KernelSpec> &specs,
                                           const CudaSource &source, const std::string &arch,
                                           const std::string &module);

} // namespace axiom::codegen

#endif
