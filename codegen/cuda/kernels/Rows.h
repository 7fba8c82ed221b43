// What comes before a linear's products: rms_norm and quantization of the input rows, once for all
// blocks of the linear. A block of the grid has a row and a part of its columns; each part takes
// the norm of the whole row.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_ROWS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_ROWS_H

#include "codegen/cuda/kernels/Launch.h"
#include "codegen/cuda/kernels/Layout.h"
#include "codegen/cuda/kernels/Recipes.h"

namespace axiom::device {

/// Bytes of the f32 rows that the prologue leaves at the start of the scratch; QRows follow.
template <class S> AXIOM_DEVICE u64 scratchFloats(u32 tokens) {
  return S::keepFloats && S::norm ? static_cast<u64>(tokens) * 4 * S::inner : 0;
}

/// A group of 32 values, one in each lane, as group k of a QRow of `inner` values, with the sums of
/// its halves, which only CPUs read.
AXIOM_DEVICE void storeGroup(u8 *qrow, u32 inner, u32 k, float x) {
  u32 lane = laneIndex();
  GroupScale scale = groupScale(warpMax(kAllLanes, asBits(x) & 0x7fffffffu));
  i32 q = quantize(x, scale);
  i32 sum = warpAdd(kAllLanes, q), first = warpAdd(kAllLanes, lane < 16 ? q : 0);
  store(qrow + 32 * k + lane, static_cast<i8>(q));
  if (lane == 0) {
    float *pair = reinterpret_cast<float *>(qrow + inner + 8 * k);
    store(pair, scale.stored);
    store(pair + 1, mul(scale.stored, toFloat(sum)));
    u16 *halves = reinterpret_cast<u16 *>(qrow + inner / 4 * 5 + 4 * k);
    store(halves, static_cast<u16>(first));
    store(halves + 1, static_cast<u16>(sum - first));
  }
}

/// Four values in each of 8 lanes as group k of a QRow, if that exists, without the sums of its
/// halves. All lanes of the warp.
AXIOM_DEVICE void storeFour(u8 *qrow, u32 inner, u32 k, const float (&x)[4], bool exists) {
  u32 lane = laneIndex() % 8, amax = 0, packed = 0;
  for (u32 i = 0; i < 4; ++i)
    amax = larger(amax, asBits(x[i]) & 0x7fffffffu);
  for (u32 lanes = 4; lanes >= 1; lanes /= 2)
    amax = larger(amax, shuffleXor(kAllLanes, amax, lanes));
  GroupScale scale = groupScale(amax);
  i32 sum = 0;
  for (u32 i = 0; i < 4; ++i) {
    i32 q = quantize(x[i], scale);
    sum += q;
    packed |= (static_cast<u32>(q) & 0xffu) << 8 * i;
  }
  for (u32 lanes = 4; lanes >= 1; lanes /= 2)
    sum += shuffleXor(kAllLanes, sum, lanes);
  if (exists)
    store(qrow + 32 * k + 4 * lane, packed);
  if (exists && lane == 0)
    store(qrow + inner + 8 * k,
          Words2{asBits(scale.stored), asBits(mul(scale.stored, toFloat(sum)))});
}

/// The factor of a row's norm, in every thread of the block.
template <class S> AXIOM_DEVICE float normScale(const u8 *row) {
  constexpr u32 bytes = 4 * S::inner;
  if constexpr (S::stagedRow) {
    for (u32 at = 16 * threadIndex(); at < bytes; at += 16 * S::rowThreads)
      copyAsync(16 + at, row + at);
    copyCommit();
    copyWait<0>();
    blockSync(); // the row is there
  }
  if (warpIndex() == 0) {
    float scale = rmsScale<S::logicalInner>(S::normEps, [&](u32 i) {
      return S::stagedRow ? loadShared<float>(16 + 4 * i) : loadConstant<float>(row + 4 * i);
    });
    if (laneIndex() == 0)
      storeShared(0, scale);
  }
  blockSync(); // the factor is there
  return loadShared<float>(0);
}

template <class S> AXIOM_DEVICE void linearPrologue(const Launch &l) {
  u32 t = blockIndex() / S::rowParts, part = blockIndex() % S::rowParts;
  if (t != 0 && t >= tokensOf(l)) // there is always one
    return;
  u64 source = t;
  if constexpr (S::head)
    source = loadConstant<u32>(l.args[S::kRows] + 4 * t);
  const u8 *row = l.args[S::kInput] + source * 4 * S::inner;
  // Four columns of this thread; whole groups of them exist or none.
  u32 column = part * 4 * S::rowThreads + 4 * threadIndex();
  bool exists = column < S::inner;
  Words4 values = {}, weights = {};
  if (exists) {
    values = loadConstant<Words4>(row + 4 * column);
    if constexpr (S::norm)
      weights = loadConstant<Words4>(l.args[S::kNorm] + 4 * column);
  }
  float x[4] = {asFloat(values.x), asFloat(values.y), asFloat(values.z), asFloat(values.w)};
  if constexpr (S::norm) {
    float scale = normScale<S>(row);
    const u32 w[4] = {weights.x, weights.y, weights.z, weights.w};
    for (u32 i = 0; i < 4; ++i)
      x[i] = mul(mul(x[i], scale), asFloat(w[i]));
    if constexpr (S::keepFloats)
      if (exists)
        store(l.scratch + (static_cast<u64>(t) * S::inner + column) * 4,
              Words4{asBits(x[0]), asBits(x[1]), asBits(x[2]), asBits(x[3])});
  }
  if constexpr (S::quantizeIn) {
    u8 *qrow = l.scratch + scratchFloats<S>(tokensOf(l)) + static_cast<u64>(t) * S::qrowBytes;
    storeFour(qrow, S::inner, column / 32, x, exists);
  }
}

} // namespace axiom::device

#endif
