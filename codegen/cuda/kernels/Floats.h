// The products of a linear with float weights: serial chains of fmas along K (docs/numerics.md), a
// lane for a row of four stripes and some tokens.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_FLOATS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_FLOATS_H

#include "codegen/cuda/kernels/Join.h"
#include "codegen/cuda/kernels/Stage.h"

namespace axiom::device {

template <Format format> AXIOM_DEVICE float loadWeight(u32 at) {
  if constexpr (format == Format::F32)
    return loadShared<float>(at);
  else if constexpr (format == Format::F16)
    return halfToFloat(loadShared<u16>(at));
  else
    return asFloat(static_cast<u32>(loadShared<u16>(at)) << 16);
}

template <class S, class R, u32 tokens> struct FloatLayout {
  using Weights = WeightStage<S, R, kFloatStripes, 1, floatPitch(R::groupBytes)>;
  static constexpr u32 activations = Weights::bytes, slot = floatSlot(R::groupBytes, tokens);
  static_assert(activations + tokens * 128 == slot);
};

/// The 32 columns at `slot`.
template <class S, class R, u32 tokens>
AXIOM_DEVICE void addColumns(float (&sums)[tokens], u32 slot) {
  using L = FloatLayout<S, R, tokens>;
  constexpr u32 element = R::groupBytes / 256;
  u32 lane = laneIndex();
  u32 weights = slot + lane / 8 * L::Weights::stripeBytes + lane % 8 * element;
  AXIOM_UNROLL
  for (u32 k = 0; k < 32; k += 4) {
    float w[4];
    AXIOM_UNROLL
    for (u32 i = 0; i < 4; ++i)
      w[i] = loadWeight<R::format>(weights + (k + i) * 8 * element);
    AXIOM_UNROLL
    for (u32 t = 0; t < tokens; ++t) {
      Words4 x = loadShared<Words4>(slot + L::activations + 128 * t + 4 * k);
      sums[t] = fma(w[0], asFloat(x.x), sums[t]);
      sums[t] = fma(w[1], asFloat(x.y), sums[t]);
      sums[t] = fma(w[2], asFloat(x.z), sums[t]);
      sums[t] = fma(w[3], asFloat(x.w), sums[t]);
    }
  }
}

/// A warp's segments from `begin` up to `end` of up to four stripes at `weights`. The sums go to
/// F::at(part, token, row), tokens from number `token` of the block's on.
template <class S, class R, class F, u32 tokens, u32 segments>
AXIOM_DEVICE void floats(const InputRows &input, const u8 *weights, u32 stripes, u32 begin,
                         u32 area, u32 firstRow, u32 token) {
  using L = FloatLayout<S, R, tokens>;
  constexpr u32 stages = F::floatStages;
  u32 lane = laneIndex(), number = begin;
  Segment s = segmentOf<S, R>(number), ahead = s;
  u32 aheadNumber = number, aheadGroup = s.first, group = s.first;
  auto copyNext = [&](u32 step) {
    if (aheadNumber < begin + segments) {
      u32 to = area + step % stages * L::slot;
      L::Weights::copy(to, weights, stripes - 1, ahead, aheadGroup);
      AXIOM_UNROLL
      for (u32 i = 0; i < (tokens * 8 + kWarp - 1) / kWarp; ++i) {
        u32 index = i * kWarp + lane;
        if (tokens * 8 % kWarp == 0 || index < tokens * 8)
          copyAsyncCached(to + L::activations + 16 * index,
                          input.row(token + index / 8) + 128 * aheadGroup + 16 * (index % 8));
      }
      if (++aheadGroup == ahead.end && ++aheadNumber < begin + segments) {
        ahead = segmentOf<S, R>(aheadNumber);
        aheadGroup = ahead.first;
      }
    }
    copyCommit();
  };
  AXIOM_UNROLL
  for (u32 step = 0; step + 1 < stages; ++step)
    copyNext(step);
  float sums[tokens] = {};
  Join<segments, tokens> join;
  AXIOM_NO_UNROLL
  for (u32 step = 0; number < begin + segments; ++step) {
    copyWait<stages - 2>();
    warpSync(kAllLanes); // the stage is there; the one before it is done with
    copyNext(step + stages - 1);
    addColumns<S, R, tokens>(sums, area + step % stages * L::slot);
    if (++group == s.end) {
      join.take(sums, number - begin);
      if (++number < begin + segments) {
        s = segmentOf<S, R>(number);
        group = s.first;
        for (float &sum : sums)
          sum = 0.0f;
      }
    }
  }
  if (lane / 8 >= stripes)
    return;
  AXIOM_UNROLL
  for (u32 t = 0; t < tokens; ++t)
    storeShared(F::at(segments == 1 ? begin : 0, token + t, firstRow + lane), sums[t]);
}

} // namespace axiom::device

#endif
