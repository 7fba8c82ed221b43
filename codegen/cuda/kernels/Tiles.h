// The products of a linear for up to 8 tokens, as integer matrix products: a warp has 16 rows (two
// stripes) and a segment of K, and its own copy of the tokens' groups.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_TILES_H
#define AXIOM_CODEGEN_CUDA_KERNELS_TILES_H

#include "codegen/cuda/kernels/Fragments.h"

namespace axiom::device {

template <class S, class R> struct TilesLayout {
  using Weights = WeightStage<S, R, 2, 8, R::groupBytes>;
  using Activations = ActivationStage<S, 8, 8, kTilesRowPitch, kTilesPairPitch>;
  static constexpr u32 activations = Weights::bytes;
  static constexpr u32 slot = tilesSlot(R::groupBytes, R::runBytes);
  static_assert(activations + Activations::bytes == slot);
};

/// The run at `slot`: groups from `low` up to `high` of it.
template <class S, class R>
AXIOM_DEVICE void addRun(float (&sums)[4], u32 slot, u32 low, u32 high) {
  using L = TilesLayout<S, R>;
  u32 lane = laneIndex(), activations = slot + L::activations;
  u32 scales = slot + L::Weights::scales;
  const RunScale runs[2] = {runScale<R::format>(scales, lane / 4),
                            runScale<R::format>(scales + L::Weights::stripeBytes, lane / 4)};
  u32 matrix = activations + lane % 8 * kTilesRowPitch + lane / 8 * 16;
  u32 pairs = activations + L::Activations::pairs + 2 * (lane % 4) * kTilesPairPitch;
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
      u32 at = slot + (two + i) * R::groupBytes;
      GroupWeights w = groupWeights<R::format>(at, at + L::Weights::stripeBytes, runs);
      addGroup<R::format>(sums, w, i == 0 ? Words2{b.x, b.y} : Words2{b.z, b.w}, p.group[i]);
    }
  }
}

/// As dots(), but for pairs of stripes.
template <class S, class R, class F>
AXIOM_DEVICE void tiles(const InputRows &input, const u8 *weights, u32 stripes, u32 warp, u32 area,
                        u32 firstRow) {
  using L = TilesLayout<S, R>;
  constexpr u32 stages = F::stages;
  UnitPlace<S, R, F> ahead(warp, (stripes + 1) / 2 * S::segments), here = ahead;
  auto copyNext = [&](u32 step) {
    if (!ahead.done()) {
      u32 to = area + step % stages * L::slot, stripe = 2 * ahead.rows();
      L::Weights::copy(to, weights + stripe * R::stripeBytes, stripes - 1 - stripe, ahead.s,
                       ahead.group());
      L::Activations::template copy<kWarp>(to + L::activations, input, ahead.s, ahead.group(),
                                           laneIndex());
      ahead.next();
    }
    copyCommit();
  };
  AXIOM_UNROLL
  for (u32 step = 0; step + 1 < stages; ++step)
    copyNext(step);
  float sums[4] = {};
  AXIOM_NO_UNROLL
  for (u32 step = 0; !here.done(); ++step) {
    copyWait<stages - 2>();
    warpSync(kAllLanes); // the stage is there; the one before it is done with
    copyNext(step + stages - 1);
    addRun<S, R>(sums, area + step % stages * L::slot, here.low(), here.high());
    if (here.endsUnit()) {
      storeSums<F>(sums, here.segment(), firstRow + 16 * here.rows(), 0);
      AXIOM_UNROLL
      for (float &sum : sums)
        sum = 0.0f;
    }
    here.next();
  }
}

} // namespace axiom::device

#endif
