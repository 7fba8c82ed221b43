// A KV block of attention (docs/numerics.md): 16 threads have some query rows and go through a
// block's keys and values. They stand in shared memory in slabs: keys of some dimensions, then
// values of some positions. In scores a thread has four positions, in outputs four dimensions of
// each 64.
//
// F, the form's constants: `rows` of 16 threads; `dims` and `positions` of a slab; `slabBytes`,
// `stages` of slabs, `areaBytes` of them all; `groupThreads` that share a KV block and its slabs.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_ATTENTION_BLOCK_H
#define AXIOM_CODEGEN_CUDA_KERNELS_ATTENTION_BLOCK_H

#include "codegen/cuda/kernels/Kv.h"
#include "codegen/cuda/kernels/Layout.h"
#include "codegen/cuda/kernels/Recipes.h"

namespace axiom::device {

inline constexpr u32 kTeam = 16; ///< threads that share rows
/// The largest of no scores.
AXIOM_DEVICE float nothing() { return asFloat(0xff800000u); }

/// Where a query that stands at `position` begins to see.
template <class S> AXIOM_DEVICE u32 oldestOf(u32 position) {
  return S::window == 0 || position < S::window ? 0 : position - S::window + 1;
}

/// Slots of a block that a row sees: from `low` up to `high`; none if they are equal.
struct Slots {
  u32 low, high;
};
template <class S> AXIOM_DEVICE Slots slotsOf(u32 position, u32 block) {
  u32 start = 64 * block, low = larger(oldestOf<S>(position), start) - start;
  u32 high = smaller(position + 1, start + 64);
  high = high > start ? high - start : 0;
  return {smaller(low, high), high};
}

/// What rows make of some keys and values: (m, l, o), and a fold of those.
template <class S, u32 rows> struct AttentionState {
  static constexpr u32 chunks = (S::paddedDim + 4 * kTeam - 1) / (4 * kTeam);
  float max[rows], sum[rows], out[rows][chunks][4];

  AXIOM_DEVICE void clear(u32 r) {
    max[r] = nothing();
    sum[r] = 0.0f;
    AXIOM_UNROLL
    for (u32 c = 0; c < chunks; ++c)
      AXIOM_UNROLL
    for (u32 i = 0; i < 4; ++i)
      out[r][c][i] = 0.0f;
  }
  /// Folds row r of a part behind it.
  AXIOM_DEVICE void take(const AttentionState &part, u32 r) {
    float m = maxOf(max[r], part.max[r]);
    float a = exp(sub(max[r], m)), b = exp(sub(part.max[r], m));
    sum[r] = fma(sum[r], a, mul(part.sum[r], b));
    AXIOM_UNROLL
    for (u32 c = 0; c < chunks; ++c)
      AXIOM_UNROLL
    for (u32 i = 0; i < 4; ++i)
      out[r][c][i] = fma(out[r][c][i], a, mul(part.out[r][c][i], b));
    max[r] = m;
  }
};

/// The slabs of a KV block.
template <class S, class F> struct Slabs {
  using Head = KvHead<S>;
  static constexpr u32 element = Head::element;
  static constexpr u32 ofKeys = (S::headDim + F::dims - 1) / F::dims, ofValues = 64 / F::positions;
  static constexpr u32 count = ofKeys + ofValues;
  static constexpr u32 keyBytes = 64 * element, valueBytes = S::paddedDim * element;
  static constexpr u32 scales = roundUp(larger(F::dims * keyBytes, F::positions *valueBytes), 16);
  static_assert(scales + (S::kvType == KvType::Int8 ? 512 : 0) <= F::slabBytes);

  /// Thread `thread` of F::groupThreads copies its part of slab `slab` of a head's block. The
  /// scales come with the last of the keys.
  static AXIOM_DEVICE void copy(u32 to, const u8 *head, u32 slab, u32 thread) {
    bool keys = slab < ofKeys;
    u32 dims = smaller(F::dims, S::headDim - slab * F::dims);
    u32 bytes = keys ? dims * keyBytes : F::positions * valueBytes;
    copyPart<scales>(to,
                     head + (keys ? slab * F::dims * keyBytes
                                  : Head::values + (slab - ofKeys) * F::positions * valueBytes),
                     bytes, thread);
    if constexpr (S::kvType == KvType::Int8)
      if (slab + 1 == ofKeys)
        copyPart<512>(to + scales, head + Head::keyScales, 512, thread);
  }

private:
  template <u32 most>
  static AXIOM_DEVICE void copyPart(u32 to, const u8 *from, u32 bytes, u32 thread) {
    AXIOM_UNROLL
    for (u32 i = 0; i < (most / 16 + F::groupThreads - 1) / F::groupThreads; ++i) {
      u32 at = 16 * (i * F::groupThreads + thread);
      if (at < bytes)
        copyAsync(to + at, from + at);
    }
  }
};

/// The slabs of some KV blocks one behind the other, with the copies of F::stages - 1 under way.
/// next(head) sets the head of the next block, null where the group sees nothing of it; false:
/// there is none.
template <class S, class F, typename Next> class SlabStream {
public:
  AXIOM_DEVICE SlabStream(u32 area, u32 thread, Next next)
      : area(area), thread(thread), next(next) {
    more = this->next(head);
    AXIOM_UNROLL
    for (u32 at = 0; at + 1 < F::stages; ++at)
      copyNext(at);
  }
  /// Where the next slab lies. All threads of the group; what they stored before is there, too.
  AXIOM_DEVICE u32 take() {
    copyWait<F::stages - 2>();
    // The slab is there; the one before it is done with.
    if constexpr (F::groupThreads <= kWarp)
      warpSync(kAllLanes);
    else
      blockSync();
    copyNext(step + F::stages - 1);
    return area + step++ % F::stages * F::slabBytes;
  }

private:
  u32 area, thread, slab = 0, step = 0;
  Next next;
  const u8 *head = nullptr;
  bool more;

  AXIOM_DEVICE void copyNext(u32 at) {
    if (more) {
      if (head)
        Slabs<S, F>::copy(area + at % F::stages * F::slabBytes, head, slab, thread);
      if (++slab == Slabs<S, F>::count) {
        slab = 0;
        more = next(head);
      }
    }
    copyCommit();
  }
};

/// Four elements that lie side by side.
struct Four {
  float v[4];
};
template <KvType type> AXIOM_DEVICE Four loadFour(u32 at) {
  if constexpr (type == KvType::F32) {
    Words4 w = loadShared<Words4>(at);
    return {{asFloat(w.x), asFloat(w.y), asFloat(w.z), asFloat(w.w)}};
  } else if constexpr (type == KvType::F16) {
    Words2 w = loadShared<Words2>(at);
    return {{halfToFloat(static_cast<u16>(w.x)), halfToFloat(static_cast<u16>(w.x >> 16)),
             halfToFloat(static_cast<u16>(w.y)), halfToFloat(static_cast<u16>(w.y >> 16))}};
  } else {
    u32 w = loadShared<u32>(at);
    return {{toFloat(static_cast<i8>(w)), toFloat(static_cast<i8>(w >> 8)),
             toFloat(static_cast<i8>(w >> 16)), toFloat(static_cast<i8>(w >> 24))}};
  }
}

/// One value for each row, side by side.
template <u32 rows> struct RowValues {
  float v[rows];
};
template <u32 rows> AXIOM_DEVICE RowValues<rows> loadRows(u32 at) {
  static_assert(rows == 4 || rows == 2);
  if constexpr (rows == 4) {
    Words4 w = loadShared<Words4>(at);
    return {{asFloat(w.x), asFloat(w.y), asFloat(w.z), asFloat(w.w)}};
  } else {
    Words2 w = loadShared<Words2>(at);
    return {{asFloat(w.x), asFloat(w.y)}};
  }
}
template <u32 rows> AXIOM_DEVICE void storeRows(u32 at, const RowValues<rows> &r) {
  if constexpr (rows == 4)
    storeShared(at, Words4{asBits(r.v[0]), asBits(r.v[1]), asBits(r.v[2]), asBits(r.v[3])});
  else
    storeShared(at, Words2{asBits(r.v[0]), asBits(r.v[1])});
}

/// A team's query rows in shared memory, dimension by dimension: `of(r)` says where row r lies in
/// global memory; null: zeros.
template <class S, u32 rows, typename Of> AXIOM_DEVICE void storeQueries(u32 at, Of of) {
  const u8 *from[rows];
  AXIOM_UNROLL
  for (u32 r = 0; r < rows; ++r)
    from[r] = of(r);
  for (u32 d = threadIndex() % kTeam; d < S::headDim; d += kTeam) {
    RowValues<rows> q;
    AXIOM_UNROLL
    for (u32 r = 0; r < rows; ++r)
      q.v[r] = from[r] ? loadConstant<float>(from[r] + 4 * d) : 0.0f;
    storeRows<rows>(at + d * 4 * rows, q);
  }
}

/// A team's scores of a block: of four positions for each row.
template <class S, class F> struct Scores {
  static constexpr u32 rows = F::rows;
  float v[rows][4] = {};

  /// The slab of keys at `slab`, which begins with dimension `first`.
  AXIOM_DEVICE void add(u32 slab, u32 first, u32 queries) {
    u32 keys = slab + 4 * Slabs<S, F>::element * (threadIndex() % kTeam);
    u32 dims = smaller(F::dims, S::headDim - first);
    queries += first * 4 * rows;
    for (u32 d = 0; d < dims; ++d) {
      Four k = loadFour<S::kvType>(keys + d * Slabs<S, F>::keyBytes);
      RowValues<rows> q = loadRows<rows>(queries + d * 4 * rows);
      AXIOM_UNROLL
      for (u32 r = 0; r < rows; ++r)
        AXIOM_UNROLL
      for (u32 i = 0; i < 4; ++i)
        v[r][i] = fma(q.v[r], k.v[i], v[r][i]);
    }
  }

  /// Max and sum of each row to `part`; the weights of positions to `weights`, position by
  /// position. `slab`: the last one of the keys, for the scales, if there is one. All lanes of the
  /// warp.
  AXIOM_DEVICE void weigh(AttentionState<S, rows> &part, const Slots (&slots)[rows], u32 slab,
                          bool exists, u32 weights) {
    u32 first = 4 * (threadIndex() % kTeam);
    Four keyScale = {}, valueScale = {};
    if (S::kvType == KvType::Int8 && exists) {
      keyScale = loadFour<KvType::F32>(slab + Slabs<S, F>::scales + 4 * first);
      valueScale = loadFour<KvType::F32>(slab + Slabs<S, F>::scales + 256 + 4 * first);
    }
    AXIOM_UNROLL
    for (u32 r = 0; r < rows; ++r) {
      bool valid[4];
      float max = nothing(), sums[4];
      AXIOM_UNROLL
      for (u32 i = 0; i < 4; ++i) {
        if constexpr (S::kvType == KvType::Int8)
          v[r][i] = mul(v[r][i], keyScale.v[i]);
        valid[i] = first + i >= slots[r].low && first + i < slots[r].high;
        v[r][i] = valid[i] ? v[r][i] : nothing();
        max = maxOf(max, v[r][i]);
      }
      for (u32 width = kTeam / 2; width >= 1; width /= 2)
        max = maxOf(max, shuffleXor(kAllLanes, max, width));
      AXIOM_UNROLL
      for (u32 i = 0; i < 4; ++i) {
        v[r][i] = valid[i] ? exp(sub(v[r][i], max)) : 0.0f;
        sums[i] = v[r][i];
        // Halving: position 4c + i and that of thread c + 8, then c + 4, ...
        for (u32 width = kTeam / 2; width >= 1; width /= 2)
          sums[i] = add_(sums[i], shuffleXor(kAllLanes, sums[i], width));
        if constexpr (S::kvType == KvType::Int8)
          v[r][i] = mul(v[r][i], valueScale.v[i]);
      }
      part.max[r] = max;
      part.sum[r] = add_(add_(sums[0], sums[2]), add_(sums[1], sums[3]));
    }
    AXIOM_UNROLL
    for (u32 i = 0; i < 4; ++i) {
      RowValues<rows> w;
      AXIOM_UNROLL
      for (u32 r = 0; r < rows; ++r)
        w.v[r] = v[r][i];
      storeRows<rows>(weights + (first + i) * 4 * rows, w);
    }
  }

private:
  static AXIOM_DEVICE float add_(float a, float b) { return device::add(a, b); }
};

/// Continues the outputs with the slab of values at `slab`, which begins with slot `first`: those
/// that all rows see from `low` up to `high`, or, if `each`, those that each row sees.
template <class S, class F, bool each>
AXIOM_DEVICE void addValues(AttentionState<S, F::rows> &part, u32 slab, u32 first, u32 low,
                            u32 high, const Slots (&slots)[F::rows], u32 weights) {
  using Part = AttentionState<S, F::rows>;
  u32 values = slab + 4 * Slabs<S, F>::element * (threadIndex() % kTeam);
  low = larger(low, first) - first;
  high = smaller(larger(high, first) - first, F::positions);
  for (u32 j = low; j < high; ++j) {
    RowValues<F::rows> w = loadRows<F::rows>(weights + (first + j) * 4 * F::rows);
    AXIOM_UNROLL
    for (u32 c = 0; c < Part::chunks; ++c) {
      if (S::paddedDim % (4 * kTeam) != 0 &&
          4 * (c * kTeam + threadIndex() % kTeam) >= S::paddedDim)
        continue;
      Four v = loadFour<S::kvType>(values + j * Slabs<S, F>::valueBytes +
                                   4 * kTeam * Slabs<S, F>::element * c);
      AXIOM_UNROLL
      for (u32 r = 0; r < F::rows; ++r) {
        if (each && (first + j < slots[r].low || first + j >= slots[r].high))
          continue;
        AXIOM_UNROLL
        for (u32 i = 0; i < 4; ++i)
          part.out[r][c][i] = fma(w.v[r], v.v[i], part.out[r][c][i]);
      }
    }
  }
}

} // namespace axiom::device

#endif
