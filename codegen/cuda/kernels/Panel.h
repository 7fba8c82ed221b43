// The products of a linear for many tokens, as integer matrix products: a warp has 16 rows (two
// stripes) and all tokens of the block's tile, segment after segment; the block's warps share the
// copies of the tokens' groups.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_PANEL_H
#define AXIOM_CODEGEN_CUDA_KERNELS_PANEL_H

#include "codegen/cuda/kernels/Fragments.h"
#include "codegen/cuda/kernels/Join.h"

namespace axiom::device {

template <class S, class R, u32 tokens> struct PanelLayout {
  using Weights = WeightStage<S, R, 2, kPanelGroups, R::groupBytes>;
  using Activations = ActivationStage<S, tokens, kPanelGroups, kPanelRowPitch, kPanelPairPitch>;
  static_assert(Weights::bytes == panelWeights(R::groupBytes, R::runBytes));
  static_assert(Activations::bytes == panelTokens(tokens));
};

/// Groups from `low` up to `high` of a stage: the warp's weights at `weights`, the tokens at
/// `activations`.
template <class S, class R, u32 tokens>
AXIOM_DEVICE void addStage(float (&sums)[tokens / 2], u32 weights, u32 activations, u32 low,
                           u32 high) {
  using L = PanelLayout<S, R, tokens>;
  u32 lane = laneIndex(), scales = weights + L::Weights::scales;
  const RunScale runs[2] = {runScale<R::format>(scales, lane / 4),
                            runScale<R::format>(scales + L::Weights::stripeBytes, lane / 4)};
  u32 matrix = activations + lane % 8 * kPanelRowPitch + lane / 8 * 16;
  u32 pairs = activations + L::Activations::pairs + 2 * (lane % 4) * kPanelPairPitch;
  AXIOM_UNROLL
  for (u32 two = 0; two < kPanelGroups; two += 2) {
    // Where segments have whole pairs of groups, a stage has both or none.
    if (!aligned<S, kPanelGroups>() && (two + 1 < low || two >= high))
      continue;
    bool valid[2];
    GroupWeights w[2];
    AXIOM_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      valid[i] = aligned<S, 2>() || (two + i >= low && two + i < high);
      if (!valid[i])
        continue;
      u32 at = weights + (two + i) * R::groupBytes;
      w[i] = groupWeights<R::format>(at, at + L::Weights::stripeBytes, runs);
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

/// Where the copies are: the groups from 4 * stage on of a segment.
template <class S, class R> struct PanelPlace {
  u32 number = 0, stage;
  Segment s;

  AXIOM_DEVICE PanelPlace() { enter(); }
  AXIOM_DEVICE u32 group() const { return stage * kPanelGroups; }
  AXIOM_DEVICE bool endsSegment() const { return (stage + 1) * kPanelGroups >= s.end; }
  AXIOM_DEVICE bool done() const { return number == S::segments; }
  AXIOM_DEVICE void next() {
    if (!endsSegment()) {
      ++stage;
    } else if (++number < S::segments) {
      enter();
    }
  }

private:
  AXIOM_DEVICE void enter() {
    s = segmentOf<S, R>(number);
    stage = s.first / kPanelGroups;
  }
};

/// All warps of the block: `weights` are the warp's one or two stripes, null where it has none and
/// only helps to copy. The block's tokens lie at 0, `area` is the warp's memory. The sums go to
/// F::at(0, token, row).
template <class S, class R, class F>
AXIOM_DEVICE void panel(const InputRows &input, const u8 *weights, u32 stripes, u32 area,
                        u32 firstRow) {
  using L = PanelLayout<S, R, F::tokens>;
  constexpr u32 stages = F::stages;
  PanelPlace<S, R> ahead, here;
  auto copyNext = [&](u32 step) {
    if (!ahead.done()) {
      u32 slot = step % stages, k = ahead.group();
      if (weights)
        L::Weights::copy(area + slot * L::Weights::bytes, weights, stripes - 1, ahead.s, k);
      L::Activations::template copy<F::threads>(slot * L::Activations::bytes, input, ahead.s, k,
                                                threadIndex());
      ahead.next();
    }
    copyCommit();
  };
  AXIOM_UNROLL
  for (u32 step = 0; step + 1 < stages; ++step)
    copyNext(step);
  float sums[F::tokens / 2] = {};
  Join<S::segments, F::tokens / 2> join;
  AXIOM_NO_UNROLL
  for (u32 step = 0; !here.done(); ++step) {
    copyWait<stages - 2>();
    blockSync(); // the stage is there; the one before it is done with
    copyNext(step + stages - 1);
    u32 slot = step % stages, k = here.group();
    if (weights) {
      addStage<S, R, F::tokens>(sums, area + slot * L::Weights::bytes, slot * L::Activations::bytes,
                                larger(k, here.s.first) - k,
                                smaller(k + kPanelGroups, here.s.end) - k);
      if (here.endsSegment()) {
        join.take(sums, here.number);
        if (here.number + 1 < S::segments)
          for (float &sum : sums)
            sum = 0.0f;
      }
    }
    here.next();
  }
  blockSync(); // the results may lie over the stages
  if (weights) {
    AXIOM_UNROLL
    for (u32 tile = 0; tile < F::tokens / 8; ++tile)
      storeSums<F>(sums + 4 * tile, 0, firstRow, 8 * tile);
  }
}

} // namespace axiom::device

#endif
