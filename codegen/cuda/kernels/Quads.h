// The products of a linear for up to 4 tokens where there are rows enough for every warp of the
// GPU: a warp has four stripes and a segment of K, a lane a row, whose groups it goes through in
// order. Half as many instructions for a byte of weights as Dots.h has, and a quarter of its warps.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_QUADS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_QUADS_H

#include "codegen/cuda/kernels/Dots.h"

namespace axiom::device {

template <class R, u32 tokens> struct QuadsLayout {
  static constexpr u32 stripe = quadsPitch(R::groupBytes, R::runBytes);
  static constexpr u32 slot = quadsSlot(R::groupBytes, R::runBytes, tokens);
  static constexpr u32 values = 4 * stripe, pairs = values + tokens * 256;
  static_assert(pairs + tokens * 64 == slot);
};

/// As dots(), but for four stripes at a time.
template <class S, class R, class F>
AXIOM_DEVICE void quads(const QuantizedRows<S> &input, const u8 *weights, u32 stripes, u32 warp,
                        u32 area, u32 firstRow) {
  using L = QuadsLayout<R, F::tokens>;
  using Place = UnitPlace<S, R, 8, F::warpsOfRange>;
  constexpr u32 tokens = F::tokens;
  constexpr u32 runPieces = (R::runBytes + 8 * R::groupBytes) / 16;
  u32 lane = laneIndex(), row = lane % 8, mine = lane / 8 * L::stripe;
  auto copy = [&](const Place &place, u32 slot) {
    u32 to = area + slot * L::slot, stripe = 4 * place.rows();
    u32 pieces = (R::runBytes + place.count() * R::groupBytes) / 16;
    const u8 *from = weights + stripe * R::stripeBytes + place.scales;
    AXIOM_UNROLL
    for (u32 i = 0; i < 4; ++i) {
      copyPieces<runPieces>(to + i * L::stripe, from, pieces);
      // Past the last stripe: that one again.
      from += stripe + i + 1 < stripes ? R::stripeBytes : 0;
    }
    input.template copy<tokens, 8, kWarp, 256, 64>(to + L::values, to + L::pairs, place.k, lane);
  };
  float sums[tokens];
  auto use = [&](const Place &place, u32 number) {
    u32 slot = area + number * L::slot, low = place.low(), high = low + place.count();
    RowAt stripe = rowAt(slot + mine, row, 0), groups = stripe.after(0 - low * R::groupBytes);
    RunScale scale = runScale<R::format>(stripe);
    AXIOM_UNROLL
    for (u32 group = 0; group < 8; ++group) {
      if (!aligned<S, 8>() && (group < low || group >= high))
        continue;
      Terms<tokens> v =
          groupTerms<R, tokens>(scale, groups, R::runBytes + group * R::groupBytes,
                                slot + L::values + 32 * group, slot + L::pairs + 8 * group);
      AXIOM_UNROLL
      for (u32 t = 0; t < tokens; ++t) {
        sums[t] = fma(v.dot[t], v.factor[t], sums[t]);
        if constexpr (hasMin(R::format))
          sums[t] = fma(v.min, v.sum[t], sums[t]);
      }
    }
  };
  auto end = [&](const Place &place) {
    u32 stripe = 4 * place.rows() + lane / 8;
    if (stripe >= stripes)
      return;
    AXIOM_UNROLL
    for (u32 t = 0; t < tokens; ++t)
      storeShared(F::at(place.segment(), t, firstRow + 8 * stripe + row), sums[t]);
  };
  Place first(warp, (stripes + 3) / 4 * S::segments);
  forStages<F::stages, false>(first, sums, copy, use, end);
}

} // namespace axiom::device

#endif
