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

template <class R, u32 tokens> struct FloatLayout {
  static constexpr u32 stripe = floatPitch(R::groupBytes);
  static constexpr u32 tokensAt = kFloatStripes * stripe, slot = floatSlot(R::groupBytes, tokens);
};

/// f32 rows of a linear's tokens from one on; those past the last token repeat it.
struct FloatRows {
  const u8 *base;
  u32 bytes;       ///< of a row
  u32 token, last; ///< of all

  AXIOM_DEVICE const u8 *row(u32 n) const {
    return base + static_cast<u64>(smaller(token + n, last)) * bytes;
  }
};

/// The 32 columns at `slot`.
template <class R, u32 tokens> AXIOM_DEVICE void addColumns(float (&sums)[tokens], u32 slot) {
  using L = FloatLayout<R, tokens>;
  constexpr u32 element = R::groupBytes / 256;
  u32 lane = laneIndex(), weights = slot + lane / 8 * L::stripe + lane % 8 * element;
  AXIOM_UNROLL
  for (u32 k = 0; k < 32; k += 4) {
    float w[4];
    AXIOM_UNROLL
    for (u32 i = 0; i < 4; ++i)
      w[i] = loadWeight<R::format>(weights + (k + i) * 8 * element);
    AXIOM_UNROLL
    for (u32 t = 0; t < tokens; ++t) {
      Words4 x = loadShared<Words4>(slot + L::tokensAt + 128 * t + 4 * k);
      sums[t] = fma(w[0], asFloat(x.x), sums[t]);
      sums[t] = fma(w[1], asFloat(x.y), sums[t]);
      sums[t] = fma(w[2], asFloat(x.z), sums[t]);
      sums[t] = fma(w[3], asFloat(x.w), sums[t]);
    }
  }
}

/// A warp's segments from `begin` on of up to four stripes at `weights`. The sums go to
/// F::at(part, token, row), tokens from number `token` of the block's on.
template <class S, class R, class F, u32 tokens, u32 segments>
AXIOM_DEVICE void floats(const FloatRows &input, const u8 *weights, u32 stripes, u32 begin,
                         u32 area, u32 firstRow, u32 token) {
  using L = FloatLayout<R, tokens>;
  using Place = UnitPlace<S, R, 1, 1>;
  constexpr u32 pieces = R::groupBytes / 16;
  u32 lane = laneIndex();
  auto copy = [&](const Place &place, u32 slot) {
    u32 to = area + slot * L::slot;
    AXIOM_UNROLL
    for (u32 i = 0; i < kFloatStripes; ++i) // past the last stripe: that one again
      copyPieces<pieces>(to + i * L::stripe,
                         weights + smaller(i, stripes - 1) * R::stripeBytes + place.offset, pieces);
    AXIOM_UNROLL
    for (u32 i = 0; i < (tokens * 8 + kWarp - 1) / kWarp; ++i) {
      u32 index = i * kWarp + lane;
      if (tokens * 8 % kWarp == 0 || index < tokens * 8)
        copyAsyncCached(to + L::tokensAt + 16 * index,
                        input.row(token + index / 8) + 128 * place.k + 16 * (index % 8), true);
    }
  };
  float sums[tokens];
  Join<segments, tokens, F::threads> join(F::joins);
  forStages<F::floatStages, false>(
      Place(begin, begin + segments), sums, copy,
      [&](const Place &, u32 slot) { addColumns<R, tokens>(sums, area + slot * L::slot); },
      [&](const Place &place) { join.take(sums, place.unit - begin); });
  if (lane / 8 >= stripes)
    return;
  AXIOM_UNROLL
  for (u32 t = 0; t < tokens; ++t)
    storeShared(F::at(segments == 1 ? begin : 0, token + t, firstRow + lane), sums[t]);
}

} // namespace axiom::device

#endif
