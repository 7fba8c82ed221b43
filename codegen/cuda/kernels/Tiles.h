// The products of a linear for up to 8 tokens, as integer matrix products: a warp has 16 rows (two
// stripes) and a segment of K, and its own copy of the tokens' groups.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_TILES_H
#define AXIOM_CODEGEN_CUDA_KERNELS_TILES_H

#include "codegen/cuda/kernels/Fragments.h"

namespace axiom::device {

template <class R> struct TilesLayout {
  static constexpr u32 slot = tilesSlot(R::groupBytes, R::runBytes);
  static constexpr u32 runPieces = (R::runBytes + 8 * R::groupBytes) / 16;
  static constexpr u32 stripe = 16 * runPieces; ///< bytes of one in a stage
  static constexpr u32 values = 2 * stripe, pairs = values + 8 * kTilesRowPitch;
  static_assert(pairs + 8 * kTilesPairPitch == slot);
};

/// The run at `slot`: groups from `low` up to `high` of it.
template <class S, class R>
AXIOM_DEVICE void addRun(float (&sums)[4], u32 slot, u32 low, u32 high) {
  using L = TilesLayout<R>;
  u32 lane = laneIndex();
  RowAt stripe = laneAt(slot), groups = stripe.after(0 - low * R::groupBytes);
  const RunScale runs[2] = {runScale<R::format>(stripe),
                            runScale<R::format>(stripe.after(L::stripe))};
  u32 matrix = slot + L::values + lane % 8 * kTilesRowPitch + lane / 8 * 16;
  u32 pairs = slot + L::pairs + 2 * (lane % 4) * kTilesPairPitch;
  AXIOM_UNROLL
  for (u32 two = 0; two < 8; two += 2) {
    if (!aligned<S, 8>() && (two + 1 < low || two >= high))
      continue;
    Words4 b = loadMatrix4(matrix + 32 * two);
    TwoPairs p = twoPairs(pairs + 8 * two, kTilesPairPitch);
    AXIOM_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      if (!aligned<S, 2>() && (two + i < low || two + i >= high))
        continue;
      GroupWeights w =
          groupWeights<R::format>(runs, groups, R::runBytes + (two + i) * R::groupBytes, L::stripe);
      addGroup<R::format>(sums, w, i == 0 ? Words2{b.x, b.y} : Words2{b.z, b.w}, p.group[i]);
    }
  }
}

/// As dots(), but for pairs of stripes.
template <class S, class R, class F>
AXIOM_DEVICE void tiles(const QuantizedRows<S> &input, const u8 *weights, u32 stripes, u32 warp,
                        u32 area, u32 firstRow) {
  using L = TilesLayout<R>;
  using Place = UnitPlace<S, R, 8, F::warpsOfRange>;
  auto copy = [&](const Place &place, u32 slot) {
    u32 to = area + slot * L::slot, stripe = 2 * place.rows();
    u32 pieces = (R::runBytes + place.count() * R::groupBytes) / 16;
    const u8 *from = weights + stripe * R::stripeBytes + place.scales;
    copyPieces<L::runPieces>(to, from, pieces);
    // A tensor may end with a single stripe, which is then both.
    from += stripe + 1 < stripes ? R::stripeBytes : 0;
    copyPieces<L::runPieces>(to + L::stripe, from, pieces);
    input.template copy<8, 8, kWarp, kTilesRowPitch, kTilesPairPitch>(to + L::values, to + L::pairs,
                                                                      place.k, laneIndex());
  };
  float sums[4];
  auto use = [&](const Place &place, u32 slot) {
    u32 low = place.low();
    addRun<S, R>(sums, area + slot * L::slot, low, low + place.count());
  };
  auto end = [&](const Place &place) {
    storeSums<F>(sums, place.segment(), firstRow + 16 * place.rows(), 0);
  };
  Place first(warp, (stripes + 1) / 2 * S::segments);
  forStages<F::stages, false>(first, sums, copy, use, end);
}

} // namespace axiom::device

#endif
