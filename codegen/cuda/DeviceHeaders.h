// The texts of the headers that generated kernels include, as axiomc carries them.
#ifndef AXIOM_CODEGEN_CUDA_DEVICEHEADERS_H
#define AXIOM_CODEGEN_CUDA_DEVICEHEADERS_H

#include <span>

namespace axiom::codegen {

struct DeviceHeader {
  const char *name; ///< as it is included
  const char *text;
};

std::span<const DeviceHeader> deviceHeaders();
/// Those that are only for the host twin.
std::span<const DeviceHeader> twinHeaders();

} // namespace axiom::codegen

#endif
