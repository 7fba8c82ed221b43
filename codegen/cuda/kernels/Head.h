// The head: logits, and the statistics of each tile of 1024 ids of a row. Where blocks share a
// tile, whichever comes last makes the statistics; else the block's warps go through its tile.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_HEAD_H
#define AXIOM_CODEGEN_CUDA_KERNELS_HEAD_H

#include "codegen/cuda/kernels/Linear.h"

namespace axiom::device {

inline constexpr u32 kTileIds = 1024;

/// `count` logits, a multiple of 64, from id `first` on; `valid` of them are no padding. If one of
/// those is not finite: NaN, `first`, NaN.
AXIOM_DEVICE void tileStatistics(const float *logits, u32 count, u32 valid, u32 first, u8 *to) {
  u32 lane = laneIndex(), size = 0;
  float max = asFloat(0xff800000u);
  for (u32 i = lane; i < count; i += kWarp) {
    float logit = load<float>(logits + i);
    max = maxOf(max, logit);
    size = larger(size, i < valid ? asBits(logit) & 0x7fffffffu : 0u);
  }
  max = maxOfWarp(max);
  // Infinities and NaNs have the largest exponent.
  bool finite = warpMax(kAllLanes, size) < 0x7f800000u;
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
    constexpr u32 nan = 0x7fc00000u;
    store(to, finite ? asBits(max) : nan);
    store(to + 4, finite ? lowest + first : first);
    store(to + 8, finite ? asBits(sum) : nan);
    store(to + 12, 0u);
  }
}

template <class B> AXIOM_DEVICE void headTiles(const Launch &l) {
  using S = typename B::Spec;
  using F = typename B::Form;
  using R = typename S::Range0;
  static_assert(kTileIds % F::rows == 0, "a block's rows lie in one tile");
  constexpr u32 numTiles = (R::logicalRows + kTileIds - 1) / kTileIds;
  // A tile is computed in parts, by as many blocks or by one.
  constexpr u32 parts = kTileIds / F::rows, allParts = (R::packedRows + F::rows - 1) / F::rows;
  constexpr u32 rounds = F::wholeTiles ? parts : 1;
  Work work = workOf<B>(F::wholeTiles ? numTiles : allParts);
  if (!exists(l, work.token))
    return;
  u32 here = smaller(F::tokens, tokensOf(l) - work.token);
  u32 part = work.unit * rounds, tile = part / parts, first = tile * kTileIds;
  u32 count = smaller(kTileIds, S::outStride - first);
  auto logitsOf = [&](u32 t) {
    return reinterpret_cast<float *>(l.args[S::kOut]) +
           static_cast<u64>(work.token + t) * S::outStride;
  };
  AXIOM_NO_UNROLL
  for (u32 end = smaller(part + rounds, allParts); part < end; ++part) {
    B::template products<R, R>(l, part * F::stripes, 0, work.token);
    for (u32 i = threadIndex(); i < F::rows * here; i += F::threads)
      if (u32 row = part * F::rows + i % F::rows; row < R::logicalRows)
        store(logitsOf(i / F::rows) + row,
              withBias<R>(l, B::result(i / F::rows, i % F::rows), row));
    blockSync();
  }
  if constexpr (!F::wholeTiles) {
    u32 *counter = l.counters + tile;
    if (threadIndex() == 0)
      storeShared(0, takeTicket(counter, 1));
    blockSync();
    u32 others = smaller(parts, allParts - tile * parts) - 1;
    if (loadShared<u32>(0) != others)
      return;
    if (threadIndex() == 0)
      store(counter, 0u);
  }
  for (u32 n = warpIndex(); n < here; n += F::warps) {
    for (u32 id = larger(first, R::logicalRows) + laneIndex(); id < first + count; id += kWarp)
      store(logitsOf(n) + id, asFloat(0xff800000u));
    warpSync(kAllLanes);
    u64 row = static_cast<u64>(work.token + n) * numTiles + tile;
    tileStatistics(logitsOf(n) + first, count, smaller(count, R::logicalRows - first), first,
                   l.args[S::kTiles] + row * 16);
  }
}

} // namespace axiom::device

#endif
