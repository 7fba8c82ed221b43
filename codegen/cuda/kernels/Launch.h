// What a kernel is launched with, and the constants of the formats (runtime/abi/kernel_abi.h).
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_LAUNCH_H
#define AXIOM_CODEGEN_CUDA_KERNELS_LAUNCH_H

#include "codegen/cuda/device/Device.h"

namespace axiom::device {

/// AxmCudaLaunch of runtime/abi/cuda_abi.h.
struct Launch {
  u8 *args[24]; ///< in the order of the plan's kernel
  u8 *scratch;  ///< what the kernel's prologue leaves for its body
  const u32 *tokens;
  u32 *counters; ///< zeros between launches
};

/// T; for head kernels the rows. The grid may be for more.
AXIOM_DEVICE u32 tokensOf(const Launch &l) { return loadConstant<u32>(l.tokens); }

enum class Format : u32 { F32, F16, Bf16, Q8, Q4F16, Q4, Q6 };

AXIOM_DEVICE constexpr bool isQuantized(Format f) { return f >= Format::Q8; }
AXIOM_DEVICE constexpr bool hasMin(Format f) { return f == Format::Q4F16 || f == Format::Q4; }

AXIOM_DEVICE constexpr u32 smaller(u32 a, u32 b) { return a < b ? a : b; }
AXIOM_DEVICE constexpr u32 larger(u32 a, u32 b) { return a > b ? a : b; }

/// Where group k (from the row's start) of a segment of range R that begins with group `first` lies
/// behind the segment's start, and where the scales of its run of up to 8 groups lie.
struct GroupPlace {
  u32 run, group;
};
template <class R> AXIOM_DEVICE GroupPlace placeOf(u32 k, u32 first) {
  u32 runs = k / 8 - first / 8;
  u32 begin = larger(k / 8 * 8, first);
  return {runs * R::runBytes + (begin - first) * R::groupBytes,
          (runs + 1) * R::runBytes + (k - first) * R::groupBytes};
}

AXIOM_DEVICE float loadHalf(const u8 *at) { return halfToFloat(loadConstant<u16>(at)); }
AXIOM_DEVICE float loadBf16(const u8 *at) {
  return asFloat(static_cast<u32>(loadConstant<u16>(at)) << 16);
}

} // namespace axiom::device

#endif
