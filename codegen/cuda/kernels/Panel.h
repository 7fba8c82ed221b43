// The products of a linear for many tokens, as integer matrix products: a warp has 16 rows (two
// stripes) and all tokens of the block's tile, segment after segment; the block's warps share the
// copies of the tokens' groups.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_PANEL_H
#define AXIOM_CODEGEN_CUDA_KERNELS_PANEL_H

#include "codegen/cuda/kernels/Fragments.h"
#include "codegen/cuda/kernels/Join.h"

namespace axiom::device {

template <class R, u32 tokens> struct PanelLayout {
  static constexpr u32 stripe = R::runBytes + kPanelGroups * R::groupBytes;
  static constexpr u32 weights = panelWeights(R::groupBytes, R::runBytes);
  static constexpr u32 pairs = tokens * kPanelRowPitch, slot = panelTokens(tokens);
};

/// Groups from `low` up to `high` of a stage: the warp's weights at `weights`, the tokens at
/// `tokensAt`.
template <class S, class R, u32 tokens>
AXIOM_DEVICE void addStage(float (&sums)[tokens / 2], u32 weights, u32 tokensAt, u32 low,
                           u32 high) {
  using L = PanelLayout<R, tokens>;
  u32 lane = laneIndex();
  RowAt stripe = laneAt(weights), groups = stripe.after(0 - low * R::groupBytes);
  const RunScale runs[2] = {runScale<R::format>(stripe),
                            runScale<R::format>(stripe.after(L::stripe))};
  u32 matrix = tokensAt + lane % 8 * kPanelRowPitch + lane / 8 * 16;
  u32 pairs = tokensAt + L::pairs + 2 * (lane % 4) * kPanelPairPitch;
  AXIOM_UNROLL
  for (u32 two = 0; two < kPanelGroups; two += 2) {
    if (!aligned<S, kPanelGroups>() && (two + 1 < low || two >= high))
      continue;
    // Where segments have whole pairs of groups, a stage has both or none.
    bool valid[2];
    GroupWeights w[2];
    AXIOM_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      valid[i] = aligned<S, 2>() || (two + i >= low && two + i < high);
      if (!valid[i])
        continue;
      w[i] =
          groupWeights<R::format>(runs, groups, R::runBytes + (two + i) * R::groupBytes, L::stripe);
    }
    AXIOM_UNROLL
    for (u32 tile = 0; tile < tokens / 8; ++tile) {
      Words4 b = loadMatrix4(matrix + 8 * tile * kPanelRowPitch + 32 * two);
      TwoPairs p = twoPairs(pairs + 8 * tile * kPanelPairPitch + 8 * two, kPanelPairPitch);
      if (valid[0])
        addGroup<R::format>(sums + 4 * tile, w[0], {b.x, b.y}, p.group[0]);
      if (valid[1])
        addGroup<R::format>(sums + 4 * tile, w[1], {b.z, b.w}, p.group[1]);
    }
  }
}

/// All warps of the block: `weights` are the warp's one or two stripes, null where it has none and
/// only helps to copy. The block's tokens lie at 0, `area` is the warp's memory. The sums go to
/// F::at(0, token, row).
template <class S, class R, class F>
AXIOM_DEVICE void panel(const QuantizedRows<S> &input, const u8 *weights, u32 stripes, u32 area,
                        u32 firstRow) {
  using L = PanelLayout<R, F::tokens>;
  using Place = UnitPlace<S, R, kPanelGroups, 1>;
  constexpr u32 groups = kPanelGroups;
  auto copy = [&](const Place &place, u32 slot) {
    u32 to = area + slot * L::weights;
    AXIOM_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      if (!weights)
        break;
      const u8 *from = weights + (i < stripes ? i * R::stripeBytes : 0);
      if constexpr (R::runBytes > 0)
        copyPieces<R::runBytes / 16>(to + i * L::stripe, from + place.scales, R::runBytes / 16);
      copyPieces<groups * R::groupBytes / 16>(to + i * L::stripe + R::runBytes, from + place.offset,
                                              place.count() * R::groupBytes / 16);
    }
    to = slot * L::slot;
    input.template copy<F::tokens, groups, F::threads, kPanelRowPitch, kPanelPairPitch>(
        to, to + L::pairs, place.k, threadIndex());
  };
  float sums[F::tokens / 2];
  auto use = [&](const Place &place, u32 slot) {
    u32 low = place.low();
    if (weights)
      addStage<S, R, F::tokens>(sums, area + slot * L::weights, slot * L::slot, low,
                                low + place.count());
  };
  Join<S::segments, F::tokens / 2, F::threads> join(F::joins);
  forStages<F::stages, true>(Place(0, S::segments), sums, copy, use,
                             [&](const Place &place) { join.take(sums, place.segment()); });
  blockSync(); // the results may lie over the stages
  if (weights) {
    AXIOM_UNROLL
    for (u32 tile = 0; tile < F::tokens / 8; ++tile)
      storeSums<F>(sums + 4 * tile, 0, firstRow, 8 * tile);
  }
}

} // namespace axiom::device

#endif
