// Which of a file's CUDA images runs on a GPU.
#ifndef AXIOM_RUNTIME_DEVICE_CUDA_CHOOSEIMAGE_H
#define AXIOM_RUNTIME_DEVICE_CUDA_CHOOSEIMAGE_H

#include "runtime/base/Status.h"

#include <string>
#include <vector>

namespace axiom::cuda {

/// What the choice depends on.
struct DeviceFacts {
  std::string name;         ///< "cuda:0 (NVIDIA H100 80GB HBM3)"
  int major = 0, minor = 0; ///< compute capability; 0.0: the host twin behind the stand-in driver
  int driver = 0;           ///< as cuDriverGetVersion has it
};

/// In this order: a cubin for exactly this architecture ("cuda:sm_90a"); the nearest plain cubin of
/// the same major version that is not above it ("cuda:sm_86" on 8.9); the nearest PTX that is not
/// above it ("cuda:compute_80"), which the driver compiles. A device 0.0 takes "cuda:host", and no
/// other does. Gives the index.
Result<size_t> chooseImage(const std::vector<std::string> &targets, const DeviceFacts &device);

} // namespace axiom::cuda

#endif
