// The products of a linear for up to 4 tokens, as dots of four bytes: a warp has a stripe and a
// segment of K. Four teams of 8 lanes take a group each, a lane of a team a row, and leave the
// group's dot and its factors in shared memory; then a lane for each row and token goes through
// them in order. All of a run's loads and dots are independent; what is serial is two fmas a group.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_DOTS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_DOTS_H

#include "codegen/cuda/kernels/Groups.h"

namespace axiom::device {

template <class R, u32 tokens> struct DotsLayout {
  static constexpr u32 slot = dotsSlot(R::groupBytes, R::runBytes, tokens);
  static constexpr u32 runPieces = (R::runBytes + 8 * R::groupBytes) / 16;
  static constexpr u32 values = 16 * runPieces, pairs = values + tokens * 256;
  static constexpr u32 terms = dotsTermBytes(hasMin(R::format));
  static constexpr u32 termPitch = dotsTermPitch(hasMin(R::format));
  // The groups of a team: team * distance, and `apart` more. Terms lie in the order in which teams
  // come to them, so that those of four teams lie side by side.
  static constexpr u32 distance = dotsDistance(R::groupBytes), apart = distance == 1 ? 4 : 1;
  static_assert(pairs + tokens * 64 == slot);
};

/// The dot of a row's and a token's group as f32; Q6: with the scales of its halves. `times16`: as
/// for twoWords().
template <Format format, bool times16>
AXIOM_DEVICE float groupDot(const TwoWords (&w)[4], const Words4 &low, const Words4 &high,
                            const RowScale &scale) {
  const u32 x[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
  // From this number on, the integer's bits are those of the float kMagic + dot.
  i32 a = format == Format::Q6 ? 0 : static_cast<i32>(kMagicBits), b = 0;
  AXIOM_UNROLL
  for (u32 m = 0; m < 4; ++m)
    if constexpr (isSigned(format)) {
      a = dotS8S8(w[m].low, x[m], a);
      b = dotS8S8(w[m].high, x[4 + m], b);
    } else {
      a = dotU8S8(w[m].low, x[m], a);
      b = dotU8S8(w[m].high, x[4 + m], b);
    }
  if constexpr (format == Format::Q6)
    return toFloat(scale.first * a + scale.last * b);
  return sub(asFloat(static_cast<u32>(a + (times16 ? b >> 4 : b))), kMagic);
}

/// What a row and a group come to for each token.
template <u32 tokens> struct Terms {
  float dot[tokens], factor[tokens], min, sum[tokens];
};

/// The group `group` bytes behind `at`. Of the first token, its values are at `values`, its scale
/// and sum at `pair`.
template <class R, u32 tokens>
AXIOM_DEVICE Terms<tokens> groupTerms(const RunScale &run, const RowAt &at, u32 group, u32 values,
                                      u32 pair) {
  // One shift of the dot instead of four of words.
  constexpr bool times16 = tokens == 1 && hasMin(R::format);
  TwoWords words[4];
  AXIOM_UNROLL
  for (u32 m = 0; m < 4; ++m)
    words[m] = twoWords<R::format, times16>(at, group, m, 0);
  RowScale scale = rowScale<R::format>(run, at, group);
  Terms<tokens> v;
  v.min = scale.min;
  AXIOM_UNROLL
  for (u32 t = 0; t < tokens; ++t) {
    Words4 low = loadShared<Words4>(values + 256 * t),
           high = loadShared<Words4>(values + 256 * t + 16);
    Words2 both = loadShared<Words2>(pair + 64 * t);
    v.dot[t] = groupDot<R::format, times16>(words, low, high, scale);
    v.factor[t] = mul(scale.scale, asFloat(both.x));
    v.sum[t] = asFloat(both.y);
  }
  return v;
}

/// To where the second phase finds them. A group that the segment does not have leaves what changes
/// no sum, not even a -0.
template <class R, u32 tokens>
AXIOM_DEVICE void storeTerms(u32 to, const Terms<tokens> &v, bool valid) {
  AXIOM_UNROLL
  for (u32 t = 0; t < tokens; ++t) {
    u32 at = to + t * DotsLayout<R, tokens>::termPitch;
    u32 dot = asBits(valid ? v.dot[t] : 0.0f), factor = asBits(valid ? v.factor[t] : -0.0f);
    if constexpr (hasMin(R::format))
      storeShared(
          at, Words4{dot, factor, asBits(valid ? v.min : 0.0f), asBits(valid ? v.sum[t] : -0.0f)});
    else
      storeShared(at, Words2{dot, factor});
  }
}

/// Continues a row's and token's sum with a run.
template <class R> AXIOM_DEVICE float addTerms(float sum, u32 terms) {
  using L = DotsLayout<R, 1>;
  AXIOM_UNROLL
  for (u32 group = 0; group < 8; ++group) {
    constexpr u32 teams = 4;
    u32 place = (L::distance == 1 ? group : group % 2 * teams + group / 2) * 8 * L::terms;
    if constexpr (hasMin(R::format)) {
      Words4 v = loadShared<Words4>(terms + place);
      sum = fma(asFloat(v.x), asFloat(v.y), sum);
      sum = fma(asFloat(v.z), asFloat(v.w), sum);
    } else {
      Words2 v = loadShared<Words2>(terms + place);
      sum = fma(asFloat(v.x), asFloat(v.y), sum);
    }
  }
  return sum;
}

/// A warp's part of the `stripes` stripes at `weights`: it is number `warp` of F::warpsOfRange that
/// share them, `area` is its memory. The sums of each segment go to F::at(segment, token, row), the
/// first stripe's first row being `firstRow`.
template <class S, class R, class F>
AXIOM_DEVICE void dots(const QuantizedRows<S> &input, const u8 *weights, u32 stripes, u32 warp,
                       u32 area, u32 firstRow) {
  using L = DotsLayout<R, F::tokens>;
  using Place = UnitPlace<S, R, 8, F::warpsOfRange>;
  constexpr u32 tokens = F::tokens;
  u32 lane = laneIndex(), row = lane % 8, token = lane / 8, group = lane / 8 * L::distance;
  auto copy = [&](const Place &place, u32 slot) {
    u32 to = area + slot * L::slot;
    copyPieces<L::runPieces>(to, weights + place.rows() * R::stripeBytes + place.scales,
                             (R::runBytes + place.count() * R::groupBytes) / 16);
    input.template copy<tokens, 8, kWarp, 256, 64>(to + L::values, to + L::pairs, place.k, lane);
  };
  const u32 terms = area + F::stages * L::slot,
            mine = terms + token * L::termPitch + row * L::terms;
  float sums[1];
  auto use = [&](const Place &place, u32 number) {
    u32 slot = area + number * L::slot, low = place.low(), high = low + place.count();
    RowAt stripe = rowAt(slot, row, 0);
    RunScale scale = runScale<R::format>(stripe);
    Terms<tokens> v[2];
    bool valid[2];
    AXIOM_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      u32 own = group + i * L::apart;
      valid[i] = aligned<S, 8>() || (own >= low && own < high);
      if (!valid[i])
        own = low; // there is one
      RowAt at = stripe.after((own - low) * R::groupBytes);
      v[i] = groupTerms<R, tokens>(scale, at, R::runBytes, slot + 32 * own + L::values,
                                   slot + 8 * own + L::pairs);
    }
    AXIOM_UNROLL
    for (u32 i = 0; i < 2; ++i)
      storeTerms<R, tokens>(terms + (32 * i + lane) * L::terms, v[i], valid[i]);
    warpSync(kAllLanes); // the terms are there
    if (token < tokens)
      sums[0] = addTerms<R>(sums[0], mine);
  };
  auto end = [&](const Place &place) {
    if (token < tokens)
      storeShared(F::at(place.segment(), token, firstRow + 8 * place.rows() + row), sums[0]);
  };
  forStages<F::stages, false>(Place(warp, stripes * S::segments), sums, copy, use, end);
}

} // namespace axiom::device

#endif
