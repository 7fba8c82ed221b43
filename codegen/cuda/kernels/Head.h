// The head: a block of the grid for a tile of 1024 ids and a tile of rows; logits, then the tile's
// statistics, a warp for each row.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_HEAD_H
#define AXIOM_CODEGEN_CUDA_KERNELS_HEAD_H

#include "codegen/cuda/kernels/Linear.h"

namespace axiom::device {

inline constexpr u32 kTileIds = 1024;

/// `count` logits, a multiple of 64, from id `first` on.
AXIOM_DEVICE void tileStatistics(const float *logits, u32 count, u32 first, u8 *to) {
  u32 lane = laneIndex();
  float max = asFloat(0xff800000u);
  for (u32 i = lane; i < count; i += kWarp)
    max = maxOf(max, load<float>(logits + i));
  max = maxOfWarp(max);
  // The lowest id is the largest complement.
  u32 lowest = 0x7fffffffu;
  for (u32 i = lane; i < count; i += kWarp)
    if (load<float>(logits + i) == max)
      lowest = smaller(lowest, i);
  lowest = ~warpMax(kAllLanes, ~lowest);
  float a = 0.0f, b = 0.0f;
  for (u32 i = lane; i < count; i += 64) {
    a = add(a, exp(sub(load<float>(logits + i), max)));
    b = add(b, exp(sub(load<float>(logits + i + 32), max)));
  }
  float sum = halve64(a, b);
  if (lane == 0) {
    store(to, max);
    store(to + 4, lowest + first);
    store(to + 8, sum);
    store(to + 12, 0u);
  }
}

template <class S, u32 tiles> AXIOM_DEVICE void headTiles(const Launch &l) {
  using R = typename S::Range0;
  constexpr u32 numTiles = (R::logicalRows + kTileIds - 1) / kTileIds;
  Work work = workOf<tiles>(numTiles, blockIndex());
  if (work.token >= tokensOf(l))
    return;
  u32 warps = blockThreads() / kWarp, first = work.unit * kTileIds;
  u32 count = smaller(kTileIds, S::outStride - first);
  auto logitsOf = [&](u32 t) {
    return reinterpret_cast<float *>(l.args[S::kOut]) + static_cast<u64>(t) * S::outStride;
  };
  for (u32 pair = warpIndex(); pair < kTileIds / 16; pair += warps) {
    u32 stripe = first / 8 + 2 * pair;
    if (8 * stripe >= R::packedRows)
      break;
    Results<tiles> out;
    products<S, R, tiles>(out, l, stripe, work.token);
    eachResult<R>(out, stripe, work.token, tokensOf(l), [&](u32 row, u32 t, float value) {
      if (row < R::logicalRows)
        store(logitsOf(t) + row, value);
    });
  }
  blockSync();
  for (u32 n = warpIndex(); n < 8 * tiles && work.token + n < tokensOf(l); n += warps) {
    u32 t = work.token + n;
    for (u32 id = larger(first, R::logicalRows) + laneIndex(); id < first + count; id += kWarp)
      store(logitsOf(t) + id, asFloat(0xff800000u));
    warpSync(kAllLanes);
    u8 *tile = l.args[S::kTiles] + (static_cast<u64>(t) * numTiles + work.unit) * 16;
    tileStatistics(logitsOf(t) + first, count, first, tile);
  }
}

} // namespace axiom::device

#endif
