// The products of 16 rows (two stripes) and 8 tokens for a group of 32 columns: one integer matrix
// product and the f32 step behind it (docs/numerics.md, linear). The stripes' words are an A
// fragment as they lie: a lane's is at 32 * (lane % 4) + 4 * (lane / 4).
//
// A lane's sums are those of a C fragment: [0], [1]: row lane / 4, tokens 2 * (lane % 4) and the
// next; [2], [3]: row lane / 4 + 8.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_FRAGMENTS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_FRAGMENTS_H

#include "codegen/cuda/kernels/Groups.h"

namespace axiom::device {

/// A group of two stripes: the A fragment and the scales of the lane's two rows.
struct GroupWeights {
  Words4 a;
  RowScale rows[2];
};

/// The lane's place in a stripe at `at`.
AXIOM_DEVICE RowAt laneAt(u32 at) { return rowAt(at, laneIndex() / 4, laneIndex() % 4); }

/// The group `group` bytes behind the lane's place in one stripe, and `next` more in the other.
template <Format format>
AXIOM_DEVICE GroupWeights groupWeights(const RunScale (&runs)[2], const RowAt &at, u32 group,
                                       u32 next) {
  GroupWeights w;
  TwoWords words[2];
  AXIOM_UNROLL
  for (u32 s = 0; s < 2; ++s) {
    words[s] = twoWords<format>(at, group + s * next, 0, laneIndex() % 4);
    w.rows[s] = rowScale<format>(runs[s], at, group + s * next);
  }
  w.a = {words[0].low, words[1].low, words[0].high, words[1].high};
  return w;
}

/// Scale and sum of a group of the lane's two tokens.
struct TokenPairs {
  Words2 of[2];
};
/// Of two neighbouring groups.
struct TwoPairs {
  TokenPairs group[2];
};
/// `at`: the first token's pairs, a multiple of 16.
AXIOM_DEVICE TwoPairs twoPairs(u32 at, u32 pitch) {
  Words4 a = loadShared<Words4>(at), b = loadShared<Words4>(at + pitch);
  return {{{{{a.x, a.y}, {b.x, b.y}}}, {{{a.z, a.w}, {b.z, b.w}}}}};
}

/// Continues the four sums with a group; `b`: the tokens' values as B fragment.
template <Format format>
AXIOM_DEVICE void addGroup(float *sums, const GroupWeights &w, Words2 b, const TokenPairs &pairs) {
  float dots[4];
  if constexpr (format == Format::Q6) {
    i32 first[4] = {}, last[4] = {};
    mmaS8S8(first, {w.a.x, w.a.y, 0, 0}, b);
    mmaS8S8(last, {0, 0, w.a.z, w.a.w}, b);
    AXIOM_UNROLL
    for (u32 i = 0; i < 4; ++i)
      dots[i] = toFloat(w.rows[i / 2].first * first[i] + w.rows[i / 2].last * last[i]);
  } else {
    // From this number on, the integer's bits are those of the float kMagic + dot.
    i32 c[4] = {static_cast<i32>(kMagicBits), static_cast<i32>(kMagicBits),
                static_cast<i32>(kMagicBits), static_cast<i32>(kMagicBits)};
    if constexpr (isSigned(format))
      mmaS8S8(c, w.a, b);
    else
      mmaU8S8(c, w.a, b);
    AXIOM_UNROLL
    for (u32 i = 0; i < 4; ++i)
      dots[i] = sub(asFloat(static_cast<u32>(c[i])), kMagic);
  }
  AXIOM_UNROLL
  for (u32 i = 0; i < 4; ++i) {
    sums[i] = fma(dots[i], mul(w.rows[i / 2].scale, asFloat(pairs.of[i % 2].x)), sums[i]);
    if constexpr (hasMin(format))
      sums[i] = fma(w.rows[i / 2].min, asFloat(pairs.of[i % 2].y), sums[i]);
  }
}

/// To F::at(part, token, row): 16 rows from `row` on, 8 tokens from `token` on.
template <class F> AXIOM_DEVICE void storeSums(const float *sums, u32 part, u32 row, u32 token) {
  u32 lane = laneIndex();
  AXIOM_UNROLL
  for (u32 i = 0; i < 4; ++i)
    storeShared(F::at(part, token + 2 * (lane % 4) + i % 2, row + lane / 4 + i / 2 * 8), sums[i]);
}

} // namespace axiom::device

#endif
