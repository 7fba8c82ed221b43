// Compiles generated CUDA C++ with NVRTC, which is loaded when it is first used: axiomc runs, and
// compiles for CPUs, where it is not installed.
#ifndef AXIOM_CODEGEN_CUDA_NVRTC_H
#define AXIOM_CODEGEN_CUDA_NVRTC_H

#include "runtime/base/Status.h"

#include <string>

namespace axiom::codegen {

/// `arch`: "sm_90a" gives a cubin, "compute_80" PTX text. The source includes
/// "codegen/cuda/device/Device.h". Unsupported: there is no NVRTC, or it does not know the
/// architecture. Internal: the source does not compile; the message has the compiler's own.
/// `name` is the file's name in messages. Any thread.
Result<std::string> compileCuda(const std::string &name, const std::string &source,
                                const std::string &arch);

/// All that decides what compileCuda gives, but for source and architecture: the build of NVRTC,
/// the options, the headers that axiomc carries. Equal texts, equal modules.
Result<std::string> cudaFingerprint();

/// "13.0", or why there is none. What is looked for, in this order: the library that the
/// environment variable AXIOM_NVRTC names, what tools/install-cuda-tools puts into the build folder
/// of this program, libnvrtc.so.13 and .12 where the system finds them, and those of the CUDA
/// toolkit in /usr/local/cuda.
Result<std::string> nvrtcVersion();

} // namespace axiom::codegen

#endif
