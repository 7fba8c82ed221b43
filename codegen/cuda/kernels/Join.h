// The segments of K, one behind the other in a thread's registers: joined in the fixed tree of
// docs/numerics.md as they come, like carries of a binary number.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_JOIN_H
#define AXIOM_CODEGEN_CUDA_KERNELS_JOIN_H

#include "codegen/cuda/kernels/Launch.h"

namespace axiom::device {

AXIOM_DEVICE constexpr u32 bitWidth(u32 n) { return n == 0 ? 0 : 1 + bitWidth(n / 2); }

/// `count` sums of `segments` segments.
template <u32 segments, u32 count> class Join {
public:
  /// The sums of segment `number`, which come in order. Behind the last one they are the whole.
  AXIOM_DEVICE void take(float (&sums)[count], u32 number) {
    bool carries = true;
    AXIOM_UNROLL
    for (u32 level = 0; level + 1 <= levels; ++level) {
      bool held = number >> level & 1;
      if (carries && held) {
        AXIOM_UNROLL
        for (u32 i = 0; i < count; ++i)
          sums[i] = add(subtrees[level][i], sums[i]);
      } else if (carries && number + 1 < segments) {
        AXIOM_UNROLL
        for (u32 i = 0; i < count; ++i)
          subtrees[level][i] = sums[i];
        carries = false;
      }
    }
  }

private:
  static constexpr u32 levels = bitWidth(segments - 1);
  /// Level i: the sum of 2^i segments.
  float subtrees[levels == 0 ? 1 : levels][count];
};

/// join(low, high): get(i) gives segment i.
template <u32 low, u32 high, typename Get> AXIOM_DEVICE float joined(Get get) {
  if constexpr (high - low == 1) {
    return get(low);
  } else {
    constexpr u32 half = 1u << (bitWidth(high - low - 1) - 1);
    return add(joined<low, low + half>(get), joined<low + half, high>(get));
  }
}

} // namespace axiom::device

#endif
