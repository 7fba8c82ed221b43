// What gpu-record makes: cases of the device functions and of generated kernels, with what they
// must leave, and the sources of the modules that they are launched from.
#ifndef AXIOM_TEST_GPU_RECORD_H
#define AXIOM_TEST_GPU_RECORD_H

#include "test/gpu/Replay.h"

#include "runtime/abi/cuda_abi.h"

#include <string>
#include <vector>

namespace axiom::replay {

struct ModuleSource {
  std::string name, text;
};

struct Recording {
  PackWriter pack;
  std::vector<ModuleSource> modules;
};

/// The kernels of test/gpu/wrappers.cuh which are compiled for the host twin here: expected is what
/// the twin leaves, in whatever order threads run.
Status recordWrappers(Recording &recording, const std::string &file);
/// The cases of CudaKernelTest: expected is what the interpreter's rules leave. `quick`: some.
Status recordKernels(Recording &recording, bool quick);

/// A launch whose parameter is an AxmCudaLaunch; addresses are added with relocate().
Launch launchOf(const std::string &symbol, uint32_t grid, uint32_t threads, uint32_t sharedBytes);
void relocate(Launch &launch, size_t place, size_t segment);

} // namespace axiom::replay

#endif
