// The host's side of device/Device.h: specifiers and types.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_HOST_H
#define AXIOM_CODEGEN_CUDA_TWIN_HOST_H

#include <cstdint>

#define AXIOM_DEVICE inline
#define AXIOM_KERNEL(threads, blocks) extern "C" void
#define AXIOM_UNROLL
#define AXIOM_NO_UNROLL
#define AXIOM_SITE , int site = __builtin_LINE()
#define AXIOM_ONLY_SITE int site = __builtin_LINE()

namespace axiom::device {
using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i8 = int8_t;
using i32 = int32_t;
} // namespace axiom::device

#endif
