// Kernels whose figures are known by hand (probes.py): what reads machine code is held to them.
#include "codegen/cuda/device/Device.h"

namespace axiom::device {

AXIOM_DEVICE void multiply(i32 (&c)[4], Words4 a, u32 b) { mmaS8S8(c, a, {b, b}); }

AXIOM_DEVICE void finish(i32 *to, const i32 (&c)[4]) {
  store(to + threadIndex(), c[0] + c[1] + c[2] + c[3]);
}

/// More values at a time than 40 registers hold, which is what three such blocks leave.
AXIOM_KERNEL(512, 3) spilled(const float *from, float *to) {
  float v[96];
  for (u32 i = 0; i < 96; ++i)
    v[i] = load<float>(from + 512 * i + threadIndex());
  blockSync();
  for (u32 i = 0; i < 96; ++i)
    store(to + 512 * i + threadIndex(), sub(v[i], v[95 - i]));
}

/// A step waits twice: for an address, and for what lies there.
AXIOM_KERNEL(32, 1) chased(const u8 *from, i32 *to, u32 steps) {
  i32 c[4] = {};
#pragma unroll 1
  for (u32 i = 0; i < steps; ++i) {
    u32 at = loadConstant<u32>(from + 128 * i + 4 * laneIndex());
    multiply(c, loadConstant<Words4>(from + 16 * static_cast<u64>(at)), i);
  }
  finish(to, c);
}

/// A step waits once for four loads.
AXIOM_KERNEL(32, 1) wide(const u8 *from, i32 *to, u32 steps) {
  i32 c[4] = {};
  from += 16 * laneIndex();
#pragma unroll 1
  for (u32 i = 0; i < steps; ++i) {
    Words4 a[4];
    for (u32 n = 0; n < 4; ++n)
      a[n] = loadConstant<Words4>(from + 2048 * i + 512 * n);
    for (u32 n = 0; n < 4; ++n)
      multiply(c, a[n], i);
  }
  finish(to, c);
}

/// A step asks for what the next one uses: two steps under way.
AXIOM_KERNEL(32, 1) ahead(const u8 *from, i32 *to, u32 steps) {
  i32 c[4] = {};
  from += 16 * laneIndex();
  Words4 now = loadConstant<Words4>(from), second = loadConstant<Words4>(from + 512);
#pragma unroll 1
  for (u32 i = 0; i < steps; i += 2) {
    multiply(c, now, i);
    now = loadConstant<Words4>(from + 512 * i + 1024);
    multiply(c, second, i);
    second = loadConstant<Words4>(from + 512 * i + 1536);
  }
  multiply(c, now, steps);
  multiply(c, second, steps);
  finish(to, c);
}

/// Three steps under way as asynchronous copies.
AXIOM_KERNEL(32, 1) copied(const u8 *from, i32 *to, u32 steps) {
  i32 c[4] = {};
  from += 16 * laneIndex();
  for (u32 i = 0; i < 3; ++i) {
    copyAsync(512 * i + 16 * laneIndex(), from + 512 * i);
    copyCommit();
  }
#pragma unroll 1
  for (u32 i = 0; i < steps; ++i) {
    copyWait<2>();
    blockSync();
    multiply(c, loadMatrix4(512 * (i % 4) + 16 * laneIndex()), i);
    copyAsync(512 * ((i + 3) % 4) + 16 * laneIndex(), from + 512 * (i + 3));
    copyCommit();
  }
  copyWait<0>();
  finish(to, c);
}

} // namespace axiom::device
