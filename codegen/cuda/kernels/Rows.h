// What comes before a linear's products: rms_norm and quantization of the input rows, once for all
// blocks of the linear, a warp for each row.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_ROWS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_ROWS_H

#include "codegen/cuda/kernels/Launch.h"
#include "codegen/cuda/kernels/Recipes.h"

namespace axiom::device {

/// Bytes of the f32 rows that the prologue leaves at the start of the scratch; QRows follow.
template <class S> AXIOM_DEVICE u64 scratchFloats(u32 tokens) {
  return S::keepFloats && S::norm ? static_cast<u64>(tokens) * 4 * S::inner : 0;
}

/// A group of 32 values, one in each lane, as group k of a QRow of `inner` values; with the sums of
/// its halves, which only CPUs read, where it is not for this kernel's own use.
template <bool halves> AXIOM_DEVICE void storeGroup(u8 *qrow, u32 inner, u32 k, float x) {
  u32 lane = laneIndex();
  GroupScale scale = groupScale(warpMax(kAllLanes, asBits(x) & 0x7fffffffu));
  i32 q = quantize(x, scale);
  i32 sum = warpAdd(kAllLanes, q);
  store(qrow + 32 * k + lane, static_cast<i8>(q));
  if (lane == 0) {
    float *pair = reinterpret_cast<float *>(qrow + inner + 8 * k);
    store(pair, scale.stored);
    store(pair + 1, mul(scale.stored, toFloat(sum)));
  }
  if constexpr (halves) {
    i32 first = warpAdd(kAllLanes, lane < 16 ? q : 0);
    if (lane == 0) {
      u16 *both = reinterpret_cast<u16 *>(qrow + inner / 4 * 5 + 4 * k);
      store(both, static_cast<u16>(first));
      store(both + 1, static_cast<u16>(sum - first));
    }
  }
}

template <class S> AXIOM_DEVICE void linearPrologue(const Launch &l) {
  u32 t = blockIndex() * (blockThreads() / kWarp) + warpIndex(), lane = laneIndex();
  if (t >= tokensOf(l))
    return;
  u64 source = t;
  if constexpr (S::head)
    source = loadConstant<u32>(l.args[S::kRows] + 4 * t);
  const u8 *row = l.args[S::kInput] + source * 4 * S::inner;
  float scale = 0.0f;
  if constexpr (S::norm)
    scale = rmsScale(S::logicalInner, S::normEps,
                     [&](u32 i) { return loadConstant<float>(row + 4 * i); });
  float *floats = reinterpret_cast<float *>(l.scratch) + static_cast<u64>(t) * S::inner;
  u8 *qrow = l.scratch + scratchFloats<S>(tokensOf(l)) + static_cast<u64>(t) * S::qrowBytes;
  for (u32 k = 0; k < S::inner / 32; ++k) {
    u32 i = 32 * k + lane;
    float x = loadConstant<float>(row + 4 * i);
    if constexpr (S::norm)
      x = mul(mul(x, scale), loadConstant<float>(l.args[S::kNorm] + 4 * i));
    if constexpr (S::norm && S::keepFloats)
      store(floats + i, x);
    if constexpr (S::quantizeIn)
      storeGroup<false>(qrow, S::inner, k, x);
  }
}

} // namespace axiom::device

#endif
