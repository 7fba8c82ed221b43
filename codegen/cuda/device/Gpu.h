// The GPU's side of device/Device.h: specifiers and types. Compiled by NVRTC only, which has no
// standard headers.
#ifndef AXIOM_CODEGEN_CUDA_DEVICE_GPU_H
#define AXIOM_CODEGEN_CUDA_DEVICE_GPU_H

#define AXIOM_DEVICE __device__ __forceinline__
#define AXIOM_KERNEL(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)
#define AXIOM_UNROLL _Pragma("unroll")
#define AXIOM_NO_UNROLL _Pragma("unroll 1")
#define AXIOM_SITE
#define AXIOM_ONLY_SITE

namespace axiom::device {
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i8 = signed char;
using i32 = int;
} // namespace axiom::device

#endif
