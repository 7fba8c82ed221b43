// What generated CUDA kernels are written in: every access to memory, every warp operation and
// every barrier goes through one of these functions. They have two bodies. On the GPU each is one
// instruction or a few (device/GpuBodies.h). On the host (twin/HostBodies.h) a kernel's threads run
// as fibers, and each access, each copy under way and each meeting of lanes is checked.
//
// Kernels are written inside of namespace axiom::device, so that fma, sqrt and their like are
// these. Shared memory is addressed by byte offsets into the block's dynamic shared memory. Kernels
// are one-dimensional. Masks name the lanes of a warp that take part, bit i for lane i.
#ifndef AXIOM_CODEGEN_CUDA_DEVICE_DEVICE_H
#define AXIOM_CODEGEN_CUDA_DEVICE_DEVICE_H

// Both define AXIOM_DEVICE (a function's specifiers), AXIOM_KERNEL(threads, blocks) (an entry's;
// `blocks` of it at least on a multiprocessor), AXIOM_UNROLL and AXIOM_NO_UNROLL (before a loop),
// AXIOM_SITE and AXIOM_ONLY_SITE (a last or only parameter that tells the twin the caller's line,
// absent on the GPU), and fixed-size integers.
#ifdef __CUDACC_RTC__
#include "codegen/cuda/device/Gpu.h"
#else
#include "codegen/cuda/twin/Host.h"
#endif

namespace axiom::device {

struct alignas(8) Words2 {
  u32 x, y;
};
struct alignas(16) Words4 {
  u32 x, y, z, w;
};

inline constexpr u32 kWarp = 32, kAllLanes = 0xffffffffu;

//===-- Place --------------------------------------------------------------===//

AXIOM_DEVICE u32 threadIndex();  ///< within the block
AXIOM_DEVICE u32 blockThreads(); ///< threads of a block
AXIOM_DEVICE u32 blockIndex();
AXIOM_DEVICE u32 gridBlocks();
AXIOM_DEVICE u32 laneIndex(); ///< threadIndex() % 32
AXIOM_DEVICE u32 warpIndex(); ///< threadIndex() / 32

//===-- Memory: T has 1, 2, 4, 8 or 16 bytes, addresses are multiples of that ---------------===//

/// Global memory that other threads may write.
template <typename T> AXIOM_DEVICE T load(const void *at AXIOM_SITE);
/// Global memory that nothing writes while the kernel runs.
template <typename T> AXIOM_DEVICE T loadConstant(const void *at AXIOM_SITE);
/// The same, read once by one block only: does not stay in the cache of level 1.
template <typename T> AXIOM_DEVICE T loadOnce(const void *at AXIOM_SITE);
template <typename T> AXIOM_DEVICE void store(void *at, T value AXIOM_SITE);
template <typename T> AXIOM_DEVICE T loadShared(u32 at AXIOM_SITE);
template <typename T> AXIOM_DEVICE void storeShared(u32 at, T value AXIOM_SITE);

//===-- Copies from global to shared memory that run beside the thread -----===//

/// 16 bytes; both addresses are multiples of 16. Done for this thread after the copyWait that
/// covers its group, for others after a barrier behind that.
AXIOM_DEVICE void copyAsync(u32 to, const void *from AXIOM_SITE);
/// Zeros instead where `valid` is false; `from` is not read then.
AXIOM_DEVICE void copyAsyncOrZero(u32 to, const void *from, bool valid AXIOM_SITE);
/// The same for what other warps and blocks of the multiprocessor copy too: by way of its cache.
AXIOM_DEVICE void copyAsyncCached(u32 to, const void *from, bool valid AXIOM_SITE);
/// Ends a group of this thread's copies.
AXIOM_DEVICE void copyCommit(AXIOM_ONLY_SITE);
/// Returns when at most `pending` of this thread's latest groups are still under way.
template <int pending> AXIOM_DEVICE void copyWait(AXIOM_ONLY_SITE);

//===-- Warps: all lanes of the mask call it together -----------------------===//

/// Orders the lanes' accesses to memory before it and after it.
AXIOM_DEVICE void warpSync(u32 mask AXIOM_SITE);
/// The value of lane `from`. T has 4 bytes.
template <typename T> AXIOM_DEVICE T shuffle(u32 mask, T value, u32 from AXIOM_SITE);
/// The value of lane laneIndex() ^ lanes. T has 4 bytes.
template <typename T> AXIOM_DEVICE T shuffleXor(u32 mask, T value, u32 lanes AXIOM_SITE);
/// Bit i: the predicate of lane i.
AXIOM_DEVICE u32 ballot(u32 mask, bool predicate AXIOM_SITE);
/// The largest value of the mask's lanes.
AXIOM_DEVICE u32 warpMax(u32 mask, u32 value AXIOM_SITE);
/// Their sum, wrapping.
AXIOM_DEVICE i32 warpAdd(u32 mask, i32 value AXIOM_SITE);

//===-- Matrices: all 32 lanes ----------------------------------------------===//
// Fragments as in PTX ISA, mma.m16n8k32 with .s8/.u8: with g = lane / 4, t = lane % 4
//   A (16 x 32): x: row g, k 4t..4t+3; y: row g + 8; z: row g, k + 16; w: row g + 8, k + 16
//   B (32 x 8):  x: column g, k 4t..4t+3; y: column g, k + 16
//   C (16 x 8):  c[0], c[1]: row g, columns 2t, 2t + 1; c[2], c[3]: row g + 8

/// Four matrices of 8 rows of 16 bytes each. Lane i gives the offset of row i % 8 of matrix i / 8
/// and gets bytes 4t..4t+3 of row g of each matrix.
AXIOM_DEVICE Words4 loadMatrix4(u32 row AXIOM_SITE);
/// Two matrices; the offsets of lanes 0 to 15 count.
AXIOM_DEVICE Words2 loadMatrix2(u32 row AXIOM_SITE);
/// C += A * B, exact modulo 2^32.
AXIOM_DEVICE void mmaS8S8(i32 (&c)[4], Words4 a, Words2 b AXIOM_SITE);
AXIOM_DEVICE void mmaU8S8(i32 (&c)[4], Words4 a, Words2 b AXIOM_SITE);
AXIOM_DEVICE void mmaS8U8(i32 (&c)[4], Words4 a, Words2 b AXIOM_SITE);

//===-- Dots of four bytes --------------------------------------------------===//

AXIOM_DEVICE i32 dotS8S8(u32 a, u32 b, i32 c);
AXIOM_DEVICE i32 dotU8S8(u32 a, u32 b, i32 c);

//===-- Blocks and grids ----------------------------------------------------===//

/// All threads of the block; orders their accesses.
AXIOM_DEVICE void blockSync(AXIOM_ONLY_SITE);
/// Adds to a counter in global memory and returns what it was; everything this thread did or saw
/// before is seen by whoever sees the new value and continues.
AXIOM_DEVICE u32 takeTicket(u32 *counter, u32 add AXIOM_SITE);
/// Waits until a counter in global memory has reached `least` (as a signed difference, so that it
/// may wrap). The blocks that raise it must be running.
AXIOM_DEVICE void waitFor(const u32 *counter, u32 least AXIOM_SITE);

//===-- Arithmetic, each rounded once to nearest even -----------------------===//

AXIOM_DEVICE float fma(float a, float b, float c);
AXIOM_DEVICE float add(float a, float b);
AXIOM_DEVICE float sub(float a, float b);
AXIOM_DEVICE float mul(float a, float b);
AXIOM_DEVICE float div(float a, float b);
AXIOM_DEVICE float sqrt(float a);
AXIOM_DEVICE float toFloat(i32 a);
AXIOM_DEVICE float halfToFloat(u16 bits);
AXIOM_DEVICE u16 floatToHalf(float value); ///< overflow gives infinity
AXIOM_DEVICE float asFloat(u32 bits);
AXIOM_DEVICE u32 asBits(float value);
/// Four of the eight bytes of (b, a), a's lowest being number 0, by the nibbles of `which`; only
/// numbers 0 to 7.
AXIOM_DEVICE u32 pickBytes(u32 a, u32 b, u32 which);

} // namespace axiom::device

#ifdef __CUDACC_RTC__
#include "codegen/cuda/device/GpuBodies.h"
#else
#include "codegen/cuda/twin/HostBodies.h"
#endif

#endif
