// The linear of q, k and v: a block of the grid for a head, or for a part of one, and a tile of
// tokens. Behind the products a warp takes a token at a time: [QK-norm,] rope, and the way to the
// workspace or to KV memory. A part of a head has as many rows of its first half as of its second,
// those that rope turns together; only where nothing asks for the whole head.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_QKV_H
#define AXIOM_CODEGEN_CUDA_KERNELS_QKV_H

#include "codegen/cuda/kernels/Kv.h"
#include "codegen/cuda/kernels/Linear.h"

namespace axiom::device {

/// A token's rows of a block, in shared memory: some of the head's first half, then those half a
/// head behind; or the whole head with its padding.
template <class S, class F> struct HeadRow {
  static constexpr bool whole = F::headParts == 1;
  static constexpr u32 low = S::headDim / 2 / F::headParts; ///< of the first half
  static constexpr u32 rows = whole ? S::paddedDim : 2 * low;

  u32 at;
  u32 first; ///< the first row's dimension

  AXIOM_DEVICE float get(u32 i) const { return loadShared<float>(at + 4 * i); }
  AXIOM_DEVICE void set(u32 i, float value) const { storeShared(at + 4 * i, value); }
  /// Of the head, that row i is.
  AXIOM_DEVICE u32 dimension(u32 i) const {
    return whole ? i : first + i + (i < low ? 0 : S::headDim / 2 - low);
  }

  AXIOM_DEVICE void norm(const u8 *weight) const {
    float scale = rmsScale<S::headDim>(S::normEps, [&](u32 i) { return get(i); });
    for (u32 i = laneIndex(); i < rows; i += kWarp)
      set(i, mul(mul(get(i), scale), loadConstant<float>(weight + 4 * i)));
    warpSync(kAllLanes);
  }

  AXIOM_DEVICE void rope(const u8 *angles) const {
    for (u32 i = laneIndex(); i < low; i += kWarp) {
      float a = get(i), b = get(low + i);
      float c = loadConstant<float>(angles + 4 * dimension(i));
      float s = loadConstant<float>(angles + 4 * dimension(low + i));
      set(i, sub(mul(a, c), mul(b, s)));
      set(low + i, add(mul(b, c), mul(a, s)));
    }
    warpSync(kAllLanes);
  }

  /// As keys (`which` 0) or values (1) of a position.
  AXIOM_DEVICE void storeKv(const KvHead<S> &head, u32 slot, u32 which) const {
    GroupScale scale = {};
    if constexpr (S::kvType == KvType::Int8) {
      static_assert(whole, "a head has one scale");
      u32 amax = 0;
      for (u32 i = laneIndex(); i < rows; i += kWarp)
        amax = larger(amax, asBits(get(i)) & 0x7fffffffu);
      scale = groupScale(warpMax(kAllLanes, amax));
      if (laneIndex() == 0)
        store(head.base + (which ? head.valueScales : head.keyScales) + 4 * slot, scale.stored);
    }
    u32 count = whole && !which ? S::headDim : rows;
    for (u32 i = laneIndex(); i < count; i += kWarp) {
      u32 d = dimension(i);
      u8 *to = which ? head.value(slot, d) : head.key(d, slot);
      if constexpr (S::kvType == KvType::Int8)
        store(to, static_cast<i8>(quantize(get(i), scale)));
      else if constexpr (S::kvType == KvType::F16)
        store(to, floatToHalf(get(i)));
      else
        store(to, get(i));
    }
  }
};

/// `which` 0: queries, 1: keys, 2: values.
template <class B, class R, u32 which>
AXIOM_DEVICE void qkvHead(const Launch &l, u32 unit, u32 token) {
  using S = typename B::Spec;
  using F = typename B::Form;
  using Row = HeadRow<S, F>;
  u32 head = unit / F::headParts, part = unit % F::headParts;
  u32 stripe = head * (S::paddedDim / 8) + part * F::stripes;
  B::template products<R, R>(l, stripe, stripe + S::headDim / 16, token);
  for (u32 n = warpIndex(); n < F::tokens && token + n < tokensOf(l); n += F::warps) {
    u32 t = token + n;
    Row row = {F::at(0, n, 0), part * Row::low};
    for (u32 i = laneIndex(); i < Row::rows; i += kWarp)
      row.set(i, withBias<R>(l, B::result(n, i), head * S::paddedDim + row.dimension(i)));
    warpSync(kAllLanes);
    if constexpr (which < 2) {
      if constexpr (S::qkNorm)
        row.norm(l.args[which == 0 ? S::kQnorm : S::kKnorm]);
      row.rope(l.args[S::kAngles] + static_cast<u64>(t) * 4 * S::headDim);
    }
    if constexpr (which == 0) {
      u8 *to = l.args[S::kQ] + (static_cast<u64>(t) * S::heads + head) * 4 * S::paddedDim;
      for (u32 i = laneIndex(); i < Row::rows; i += kWarp)
        store(to + 4 * row.dimension(i), mul(row.get(i), S::qScale));
    } else {
      u32 position = loadConstant<u32>(l.args[S::kPositions] + 4 * t);
      row.storeKv(kvHead<S>(l, tableOf<S>(l, t), position / 64, head), position % 64, which - 1);
    }
  }
}

template <class B> AXIOM_DEVICE void qkv(const Launch &l) {
  using S = typename B::Spec;
  constexpr u32 queries = S::heads * B::Form::headParts, keys = S::kvHeads * B::Form::headParts;
  Work work = workOf<B>(queries + 2 * keys);
  if (!exists(l, work.token))
    return;
  if (work.unit < queries)
    qkvHead<B, typename S::Range0, 0>(l, work.unit, work.token);
  else if (work.unit < queries + keys)
    qkvHead<B, typename S::Range1, 1>(l, work.unit - queries, work.token);
  else
    qkvHead<B, typename S::Range2, 2>(l, work.unit - queries - keys, work.token);
}

} // namespace axiom::device

#endif
