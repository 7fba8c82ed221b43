// The products of a linear for up to 4 tokens, as dots of four bytes: a warp has a stripe and a
// segment of K. Four teams of 8 lanes take a group each, a lane of a team a row, and leave the
// group's dot and its factors in shared memory; then a lane for each row and token goes through
// them in order. All of a run's loads and dots are independent; what is serial is two fmas a group.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_DOTS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_DOTS_H

#include "codegen/cuda/kernels/Groups.h"

namespace axiom::device {

template <class S, class R, u32 tokens> struct DotsLayout {
  static constexpr u32 pitch = bankedPitch(R::groupBytes);
  using Weights = WeightStage<S, R, 1, 8, bankedPitch(R::groupBytes)>;
  using Activations = ActivationStage<S, tokens, 8, 256, 64>;
  static constexpr u32 activations = Weights::bytes;
  static constexpr u32 slot = dotsSlot(R::groupBytes, R::runBytes, tokens);
  static constexpr u32 terms = dotsTermBytes(hasMin(R::format));
  static_assert(activations + Activations::bytes == slot);
};

/// A group of one row: words of its columns 4i to 4i + 3, the first 16 columns and the last.
struct RowWords {
  u32 low[4], high[4];
};

/// The words at `at`, the begin of a group.
template <Format format> AXIOM_DEVICE RowWords rowWords(u32 at, u32 row) {
  RowWords w;
  AXIOM_UNROLL
  for (u32 m = 0; m < 4; ++m) {
    if constexpr (format == Format::Q8) {
      w.low[m] = loadShared<u32>(at + 16 + 32 * m + 4 * row);
      w.high[m] = loadShared<u32>(at + 16 + 128 + 32 * m + 4 * row);
    } else {
      constexpr u32 header = format == Format::Q4F16 ? 32 : 16;
      u32 nibbles = loadShared<u32>(at + header + 32 * m + 4 * row);
      w.low[m] = nibbles & 0x0f0f0f0fu;
      w.high[m] = nibbles >> 4 & 0x0f0f0f0fu;
    }
  }
  if constexpr (format == Format::Q6) {
    u32 first = loadShared<u32>(at + 144 + 4 * row), last = loadShared<u32>(at + 176 + 4 * row);
    AXIOM_UNROLL
    for (u32 m = 0; m < 4; ++m) {
      w.low[m] = signedCodes(w.low[m] | (first >> 2 * m & 0x03030303u) << 4);
      w.high[m] = signedCodes(w.high[m] | (last >> 2 * m & 0x03030303u) << 4);
    }
  }
  return w;
}

/// The dot of a row's and a token's group as f32; Q6: with the scales of its halves.
template <Format format>
AXIOM_DEVICE float groupDot(const RowWords &w, const Words4 &low, const Words4 &high,
                            const RowScale &scale) {
  const u32 x[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
  // From this number on, the integer's bits are those of the float kMagic + dot.
  i32 a = format == Format::Q6 ? 0 : static_cast<i32>(kMagicBits), b = 0;
  AXIOM_UNROLL
  for (u32 m = 0; m < 4; ++m)
    if constexpr (isSigned(format)) {
      a = dotS8S8(w.low[m], x[m], a);
      b = dotS8S8(w.high[m], x[4 + m], b);
    } else {
      a = dotU8S8(w.low[m], x[m], a);
      b = dotU8S8(w.high[m], x[4 + m], b);
    }
  if constexpr (format == Format::Q6)
    return toFloat(scale.first * a + scale.last * b);
  return sub(asFloat(static_cast<u32>(a + b)), kMagic);
}

/// What a row and a group come to for each token.
template <u32 tokens> struct Terms {
  float dot[tokens], factor[tokens], min, sum[tokens];
};

/// A group of the stage at `slot`.
template <class S, class R, u32 tokens>
AXIOM_DEVICE Terms<tokens> groupTerms(u32 slot, const RunScale &run, u32 group, u32 row) {
  using L = DotsLayout<S, R, tokens>;
  u32 at = slot + group * L::pitch, activations = slot + L::activations;
  RowWords words = rowWords<R::format>(at, row);
  RowScale scale = rowScale<R::format>(run, at, row);
  Terms<tokens> v;
  v.min = scale.min;
  AXIOM_UNROLL
  for (u32 t = 0; t < tokens; ++t) {
    u32 values = activations + 256 * t + 32 * group;
    Words4 low = loadShared<Words4>(values), high = loadShared<Words4>(values + 16);
    Words2 pair = loadShared<Words2>(activations + L::Activations::pairs + 64 * t + 8 * group);
    v.dot[t] = groupDot<R::format>(words, low, high, scale);
    v.factor[t] = mul(scale.scale, asFloat(pair.x));
    v.sum[t] = asFloat(pair.y);
  }
  return v;
}

/// To where the second phase finds them. A group that the segment does not have leaves what changes
/// no sum, not even a -0.
template <class S, class R, u32 tokens>
AXIOM_DEVICE void storeTerms(u32 terms, u32 group, u32 row, const Terms<tokens> &v, bool valid) {
  constexpr u32 bytes = DotsLayout<S, R, tokens>::terms;
  AXIOM_UNROLL
  for (u32 t = 0; t < tokens; ++t) {
    u32 to = terms + ((t * 8 + group) * 8 + row) * bytes;
    u32 dot = asBits(valid ? v.dot[t] : 0.0f), factor = asBits(valid ? v.factor[t] : -0.0f);
    if constexpr (hasMin(R::format))
      storeShared(
          to, Words4{dot, factor, asBits(valid ? v.min : 0.0f), asBits(valid ? v.sum[t] : -0.0f)});
    else
      storeShared(to, Words2{dot, factor});
  }
}

/// Continues a row's and token's sum with a run.
template <class S, class R> AXIOM_DEVICE float addTerms(float sum, u32 terms) {
  constexpr u32 bytes = DotsLayout<S, R, 1>::terms;
  AXIOM_UNROLL
  for (u32 group = 0; group < 8; ++group) {
    if constexpr (hasMin(R::format)) {
      Words4 v = loadShared<Words4>(terms + group * 8 * bytes);
      sum = fma(asFloat(v.x), asFloat(v.y), sum);
      sum = fma(asFloat(v.z), asFloat(v.w), sum);
    } else {
      Words2 v = loadShared<Words2>(terms + group * 8 * bytes);
      sum = fma(asFloat(v.x), asFloat(v.y), sum);
    }
  }
  return sum;
}

/// A warp's part of the `stripes` stripes at `weights`: it is number `warp` of F::warpsOfRange that
/// share them, `area` is its memory. The sums of each segment go to F::at(segment, token, row), the
/// first stripe's first row being `firstRow`.
template <class S, class R, class F>
AXIOM_DEVICE void dots(const InputRows &input, const u8 *weights, u32 stripes, u32 warp, u32 area,
                       u32 firstRow) {
  using L = DotsLayout<S, R, F::tokens>;
  constexpr u32 stages = F::stages;
  u32 lane = laneIndex(), row = lane % 8, token = lane / 8;
  UnitPlace<S, R, F> ahead(warp, stripes * S::segments), here = ahead;
  auto copyNext = [&](u32 step) {
    if (!ahead.done()) {
      u32 to = area + step % stages * L::slot;
      L::Weights::copy(to, weights + ahead.rows() * R::stripeBytes, 0, ahead.s, ahead.group());
      L::Activations::template copy<kWarp>(to + L::activations, input, ahead.s, ahead.group(),
                                           lane);
      ahead.next();
    }
    copyCommit();
  };
  AXIOM_UNROLL
  for (u32 step = 0; step + 1 < stages; ++step)
    copyNext(step);
  const u32 terms = area + stages * L::slot, mine = terms + (token * 64 + row) * L::terms;
  float sum = 0.0f;
  AXIOM_NO_UNROLL
  for (u32 step = 0; !here.done(); ++step) {
    copyWait<stages - 2>();
    warpSync(kAllLanes); // the stage is there; the one before it and its terms are done with
    copyNext(step + stages - 1);
    u32 slot = area + step % stages * L::slot;
    RunScale scale = runScale<R::format>(slot + L::Weights::scales, row);
    Terms<F::tokens> v[2];
    bool valid[2];
    AXIOM_UNROLL
    for (u32 i = 0; i < 2; ++i) {
      u32 group = 4 * i + lane / 8;
      valid[i] = aligned<S, 8>() || (group >= here.low() && group < here.high());
      v[i] = groupTerms<S, R, F::tokens>(slot, scale, valid[i] ? group : here.low(), row);
    }
    AXIOM_UNROLL
    for (u32 i = 0; i < 2; ++i)
      storeTerms<S, R, F::tokens>(terms, 4 * i + lane / 8, row, v[i], valid[i]);
    warpSync(kAllLanes); // the terms are there
    if (token < F::tokens) {
      sum = addTerms<S, R>(sum, mine);
      if (here.endsUnit()) {
        storeShared(F::at(here.segment(), token, firstRow + 8 * here.rows() + row), sum);
        sum = 0.0f;
      }
    }
    here.next();
  }
}

} // namespace axiom::device

#endif
