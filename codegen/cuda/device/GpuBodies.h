// The bodies of device/Device.h on the GPU (sm_80 and up). PTX only where CUDA C++ has no function
// for the exact instruction; test/lit/codegen/cuda checks what each becomes.
#ifndef AXIOM_CODEGEN_CUDA_DEVICE_GPU_BODIES_H
#define AXIOM_CODEGEN_CUDA_DEVICE_GPU_BODIES_H

extern __shared__ __align__(128) unsigned char axiomShared[];

namespace axiom::device {

AXIOM_DEVICE u32 threadIndex() { return threadIdx.x; }
AXIOM_DEVICE u32 blockThreads() { return blockDim.x; }
AXIOM_DEVICE u32 blockIndex() { return blockIdx.x; }
AXIOM_DEVICE u32 gridBlocks() { return gridDim.x; }
AXIOM_DEVICE u32 laneIndex() { return threadIdx.x % kWarp; }
AXIOM_DEVICE u32 warpIndex() { return threadIdx.x / kWarp; }

/// The address that shared-memory instructions take.
AXIOM_DEVICE u32 sharedAddress(u32 at) {
  return static_cast<u32>(__cvta_generic_to_shared(axiomShared)) + at;
}

template <typename T> AXIOM_DEVICE T load(const void *at) { return *static_cast<const T *>(at); }
template <typename T> AXIOM_DEVICE void store(void *at, T value) { *static_cast<T *>(at) = value; }
// By the address that shared-memory instructions take: what is constant in it becomes part of them.
template <typename T> AXIOM_DEVICE T loadShared(u32 at) {
  return *static_cast<const T *>(__cvta_shared_to_generic(sharedAddress(at)));
}
template <typename T> AXIOM_DEVICE void storeShared(u32 at, T value) {
  *static_cast<T *>(__cvta_shared_to_generic(sharedAddress(at))) = value;
}

template <typename T, typename Bits> AXIOM_DEVICE T bitsAs(const Bits &bits) {
  return __builtin_bit_cast(T, bits);
}

template <typename T> AXIOM_DEVICE T loadConstant(const void *at) {
  static_assert(sizeof(T) <= 16 && (sizeof(T) & (sizeof(T) - 1)) == 0, "1, 2, 4, 8 or 16 bytes");
  if constexpr (sizeof(T) == 16) {
    Words4 v;
    asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
        : "l"(at));
    return bitsAs<T>(v);
  } else if constexpr (sizeof(T) == 8) {
    Words2 v;
    asm("ld.global.nc.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(at));
    return bitsAs<T>(v);
  } else if constexpr (sizeof(T) == 4) {
    u32 v;
    asm("ld.global.nc.u32 %0, [%1];" : "=r"(v) : "l"(at));
    return bitsAs<T>(v);
  } else if constexpr (sizeof(T) == 2) {
    u16 v;
    asm("ld.global.nc.u16 %0, [%1];" : "=h"(v) : "l"(at));
    return bitsAs<T>(v);
  } else {
    u32 v;
    asm("ld.global.nc.u8 %0, [%1];" : "=r"(v) : "l"(at));
    return bitsAs<T>(static_cast<u8>(v));
  }
}

template <typename T> AXIOM_DEVICE T loadOnce(const void *at) {
  static_assert(sizeof(T) == 16 || sizeof(T) == 8 || sizeof(T) == 4, "4, 8 or 16 bytes");
  if constexpr (sizeof(T) == 16) {
    Words4 v;
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
        : "l"(at));
    return bitsAs<T>(v);
  } else if constexpr (sizeof(T) == 8) {
    Words2 v;
    asm("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(at));
    return bitsAs<T>(v);
  } else {
    u32 v;
    asm("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v) : "l"(at));
    return bitsAs<T>(v);
  }
}

AXIOM_DEVICE void copyAsync(u32 to, const void *from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(sharedAddress(to)), "l"(from)
               : "memory");
}
AXIOM_DEVICE void copyAsyncOrZero(u32 to, const void *from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(to)), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
}
AXIOM_DEVICE void copyAsyncCached(u32 to, const void *from, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(to)), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
}
AXIOM_DEVICE void copyCommit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int pending> AXIOM_DEVICE void copyWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

AXIOM_DEVICE void warpSync(u32 mask) { __syncwarp(mask); }
template <typename T> AXIOM_DEVICE T shuffle(u32 mask, T value, u32 from) {
  static_assert(sizeof(T) == 4, "4 bytes");
  return __shfl_sync(mask, value, static_cast<int>(from));
}
template <typename T> AXIOM_DEVICE T shuffleXor(u32 mask, T value, u32 lanes) {
  static_assert(sizeof(T) == 4, "4 bytes");
  return __shfl_xor_sync(mask, value, static_cast<int>(lanes));
}
AXIOM_DEVICE u32 ballot(u32 mask, bool predicate) { return __ballot_sync(mask, predicate); }
AXIOM_DEVICE u32 warpMax(u32 mask, u32 value) { return __reduce_max_sync(mask, value); }
AXIOM_DEVICE i32 warpAdd(u32 mask, i32 value) { return __reduce_add_sync(mask, value); }

AXIOM_DEVICE Words4 loadMatrix4(u32 row) {
  Words4 v;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(sharedAddress(row))
               : "memory");
  return v;
}
AXIOM_DEVICE Words2 loadMatrix2(u32 row) {
  Words2 v;
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(v.x), "=r"(v.y)
               : "r"(sharedAddress(row))
               : "memory");
  return v;
}

#define AXIOM_MMA(name, types)                                                                     \
  AXIOM_DEVICE void name(i32(&c)[4], Words4 a, Words2 b) {                                         \
    asm("mma.sync.aligned.m16n8k32.row.col.s32." types                                             \
        ".s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                     \
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])                                           \
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));                             \
  }
AXIOM_MMA(mmaS8S8, "s8.s8")
AXIOM_MMA(mmaU8S8, "u8.s8")
AXIOM_MMA(mmaS8U8, "s8.u8")
#undef AXIOM_MMA

AXIOM_DEVICE i32 dotS8S8(u32 a, u32 b, i32 c) {
  return __dp4a(static_cast<i32>(a), static_cast<i32>(b), c);
}
AXIOM_DEVICE i32 dotU8S8(u32 a, u32 b, i32 c) {
  i32 sum;
  asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
  return sum;
}

AXIOM_DEVICE void blockSync() { __syncthreads(); }
AXIOM_DEVICE u32 takeTicket(u32 *counter, u32 add) {
  u32 before;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], %2;"
               : "=r"(before)
               : "l"(counter), "r"(add)
               : "memory");
  return before;
}
AXIOM_DEVICE void waitFor(const u32 *counter, u32 least) {
  u32 value;
  do
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(counter) : "memory");
  while (static_cast<i32>(value - least) < 0);
}

AXIOM_DEVICE float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
AXIOM_DEVICE float add(float a, float b) { return __fadd_rn(a, b); }
AXIOM_DEVICE float sub(float a, float b) { return __fsub_rn(a, b); }
AXIOM_DEVICE float mul(float a, float b) { return __fmul_rn(a, b); }
AXIOM_DEVICE float div(float a, float b) { return __fdiv_rn(a, b); }
AXIOM_DEVICE float sqrt(float a) { return __fsqrt_rn(a); }
AXIOM_DEVICE float toFloat(i32 a) { return __int2float_rn(a); }
AXIOM_DEVICE float halfToFloat(u16 bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
AXIOM_DEVICE u16 floatToHalf(float value) {
  u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
AXIOM_DEVICE float asFloat(u32 bits) { return __uint_as_float(bits); }
AXIOM_DEVICE u32 asBits(float value) { return __float_as_uint(value); }
AXIOM_DEVICE u32 pickBytes(u32 a, u32 b, u32 which) { return __byte_perm(a, b, which); }

} // namespace axiom::device

#endif
