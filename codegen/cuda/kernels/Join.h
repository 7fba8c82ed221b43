// The segments of K in the fixed tree of docs/numerics.md: joined as they come, like carries of a
// binary number, or where all of them lie side by side.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_JOIN_H
#define AXIOM_CODEGEN_CUDA_KERNELS_JOIN_H

#include "codegen/cuda/kernels/Launch.h"
#include "codegen/cuda/kernels/Layout.h"

namespace axiom::device {

/// `count` sums of a thread, of `segments` segments. Those that wait for others are in shared
/// memory: joinBytes() for each of `threads` threads, from `at` on.
template <u32 segments, u32 count, u32 threads> class Join {
public:
  AXIOM_DEVICE explicit Join(u32 at) : at(at + 4 * threadIndex()) {}

  /// The sums of segment `number`, which come in order. Behind the last one they are the whole.
  AXIOM_DEVICE void take(float (&sums)[count], u32 number) {
    bool carries = true;
    AXIOM_UNROLL
    for (u32 level = 0; level + 1 <= levels; ++level) {
      u32 place = at + 4 * threads * count * level; // of a sum of 2^level segments
      bool held = number >> level & 1;
      if (carries && held) {
        AXIOM_UNROLL
        for (u32 i = 0; i < count; ++i)
          sums[i] = add(loadShared<float>(place + 4 * threads * i), sums[i]);
      } else if (carries && number + 1 < segments) {
        AXIOM_UNROLL
        for (u32 i = 0; i < count; ++i)
          storeShared(place + 4 * threads * i, sums[i]);
        carries = false;
      }
    }
  }

private:
  static constexpr u32 levels = joinLevels(segments);
  u32 at;
};

/// join(low, high): get(i) gives segment i.
template <u32 low, u32 high, typename Get> AXIOM_DEVICE float joined(Get get) {
  if constexpr (high - low == 1) {
    return get(low);
  } else {
    constexpr u32 half = 1u << (joinLevels(high - low) - 1);
    return add(joined<low, low + half>(get), joined<low + half, high>(get));
  }
}

} // namespace axiom::device

#endif
