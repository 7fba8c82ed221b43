// Pieces of the operands of a linear on their way through shared memory: groups of some stripes
// with the scales of their run, and the same groups of some rows of activations. They are copied
// asynchronously, some stages ahead of their use.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_STAGE_H
#define AXIOM_CODEGEN_CUDA_KERNELS_STAGE_H

#include "codegen/cuda/kernels/Launch.h"
#include "codegen/cuda/kernels/Layout.h"

namespace axiom::device {

/// A segment of K: groups from `first` up to `end`, from byte `offset` of a stripe on.
struct Segment {
  u32 first, end, offset;
};
template <class S, class R, u32 index = 0> AXIOM_DEVICE Segment segmentOf(u32 number) {
  if constexpr (index + 1 < S::segments)
    if (number > index)
      return segmentOf<S, R, index + 1>(number);
  return {S::bounds[index] / 32, S::bounds[index + 1] / 32, R::segmentBegin[index]};
}

/// Whether every segment begins and ends at a multiple of so many groups.
template <class S, u32 groups, u32 index = 0> AXIOM_DEVICE constexpr bool aligned() {
  if constexpr (index > S::segments)
    return true;
  else
    return S::bounds[index] % (32 * groups) == 0 && aligned<S, groups, index + 1>();
}

/// Rows of a linear's input from a token on; those past the last token repeat it.
struct InputRows {
  const u8 *base;
  u32 bytes;       ///< of a row
  const u8 *picks; ///< not null: which row a token has
  u32 token, last; ///< of all

  AXIOM_DEVICE const u8 *row(u32 n) const {
    u32 t = smaller(token + n, last);
    return base + static_cast<u64>(picks ? loadConstant<u32>(picks + 4 * t) : t) * bytes;
  }
};

/// `groups` groups (a run, or a part of one that divides it) of `stripes` stripes. Group j of
/// stripe i lies at i * stripeBytes + j * pitch, the scales of its run at i * stripeBytes +
/// scales.
template <class S, class R, u32 stripes, u32 groups, u32 pitch> struct WeightStage {
  static constexpr u32 scales = groups * pitch;
  static constexpr u32 stripeBytes = stageStripeBytes(groups, pitch, R::runBytes);
  static constexpr u32 bytes = stripes * stripeBytes;

  /// A warp copies the groups from `k` on that the segment has, of the stripe at `stripe` and those
  /// behind it. Stripes past number `last` from there repeat it.
  static AXIOM_DEVICE void copy(u32 to, const u8 *stripe, u32 last, const Segment &s, u32 k) {
    constexpr u32 scalePieces = R::runBytes / 16, groupPieces = R::groupBytes / 16;
    constexpr u32 pieces = scalePieces + groups * groupPieces;
    u32 runs = k / 8 - s.first / 8;
    // Where group k would be, if it is before the segment's begin.
    i32 before = static_cast<i32>(k - s.first) * static_cast<i32>(R::groupBytes);
    const u8 *at = stripe + static_cast<i32>(s.offset + (runs + 1) * R::runBytes) + before;
    const u8 *run = stripe + s.offset + runs * R::runBytes +
                    (larger(k / 8 * 8, s.first) - s.first) * R::groupBytes;
    AXIOM_UNROLL
    for (u32 i = 0; i < (stripes * pieces + kWarp - 1) / kWarp; ++i) {
      u32 index = i * kWarp + laneIndex(), of = index / pieces, piece = index % pieces;
      bool isScale = scalePieces > 0 && piece < scalePieces;
      u32 inGroups = piece - scalePieces, group = inGroups / groupPieces;
      bool wanted =
          (stripes * pieces % kWarp == 0 || index < stripes * pieces) &&
          (isScale || aligned<S, groups>() || (k + group >= s.first && k + group < s.end));
      const u8 *from = isScale ? run + 16 * piece : at + 16 * inGroups;
      u32 place = isScale ? scales + 16 * piece : group * pitch + 16 * (inGroups % groupPieces);
      if (wanted)
        copyAsync(to + of * stripeBytes + place, from + smaller(of, last) * R::stripeBytes);
    }
  }
};

/// The same groups of `rows` rows of activations: row n's values at n * rowPitch, its pairs of
/// scale and sum at pairs + n * pairPitch.
template <class S, u32 rows, u32 groups, u32 rowPitch, u32 pairPitch> struct ActivationStage {
  static constexpr u32 pairs = rows * rowPitch, bytes = pairs + rows * pairPitch;

  /// Thread `thread` of `threads` that copy together. Where the segment has one of two neighbouring
  /// groups, both are copied.
  template <u32 threads>
  static AXIOM_DEVICE void copy(u32 to, const InputRows &input, const Segment &s, u32 k,
                                u32 thread) {
    constexpr u32 valuePieces = 2 * groups, pieces = valuePieces + groups / 2;
    AXIOM_UNROLL
    for (u32 i = 0; i < (rows * pieces + threads - 1) / threads; ++i) {
      u32 index = i * threads + thread, row = index / pieces, piece = index % pieces;
      bool isPair = piece >= valuePieces;
      u32 inPairs = piece - valuePieces, group = isPair ? 2 * inPairs : piece / 4 * 2;
      bool wanted = (rows * pieces % threads == 0 || index < rows * pieces) &&
                    (aligned<S, groups>() || (k + group + 1 >= s.first && k + group < s.end));
      u32 from = isPair ? S::inner + 8 * k + 16 * inPairs : 32 * k + 16 * piece;
      u32 place = isPair ? pairs + row * pairPitch + 16 * inPairs : row * rowPitch + 16 * piece;
      if (wanted)
        copyAsyncCached(to + place, input.row(row) + from);
    }
  }
};

/// Where a warp is in its part of some rows, run by run: of `units` units (a stripe or two, and a
/// segment of K; the segments of a stripe beside each other) it has each F::warpsOfRange-th.
template <class S, class R, class F> struct UnitPlace {
  u32 unit, units, run;
  Segment s;

  AXIOM_DEVICE UnitPlace(u32 first, u32 count) : unit(first), units(count) { enter(true); }
  AXIOM_DEVICE bool done() const { return unit >= units; }
  AXIOM_DEVICE u32 segment() const { return unit % S::segments; }
  AXIOM_DEVICE u32 rows() const { return unit / S::segments; }
  AXIOM_DEVICE u32 group() const { return 8 * run; } ///< its first one
  AXIOM_DEVICE u32 low() const { return larger(group(), s.first) - group(); }
  AXIOM_DEVICE u32 high() const { return smaller(group() + 8, s.end) - group(); }
  AXIOM_DEVICE bool endsUnit() const { return group() + 8 >= s.end; }
  AXIOM_DEVICE void next() {
    if (endsUnit()) {
      unit += F::warpsOfRange;
      enter(F::warpsOfRange % S::segments != 0);
    } else {
      ++run;
    }
  }

private:
  AXIOM_DEVICE void enter(bool other) {
    if (other)
      s = segmentOf<S, R>(segment());
    run = s.first / 8;
  }
};

} // namespace axiom::device

#endif
