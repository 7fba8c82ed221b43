// The linear of q, k and v: a block for a head and a tile of tokens. Behind the products a warp
// takes a token at a time: [QK-norm,] rope, and the way to the workspace or to KV memory.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_QKV_H
#define AXIOM_CODEGEN_CUDA_KERNELS_QKV_H

#include "codegen/cuda/kernels/Kv.h"
#include "codegen/cuda/kernels/Linear.h"

namespace axiom::device {

template <class S> struct HeadRow {
  u32 at; ///< in shared memory, paddedDim values

  AXIOM_DEVICE float get(u32 i) const { return loadShared<float>(at + 4 * i); }
  AXIOM_DEVICE void set(u32 i, float value) const { storeShared(at + 4 * i, value); }
};

template <class S> AXIOM_DEVICE void normHead(const HeadRow<S> &row, const u8 *weight) {
  float scale = rmsScale<S::headDim>(S::normEps, [&](u32 i) { return row.get(i); });
  for (u32 i = laneIndex(); i < S::paddedDim; i += kWarp)
    row.set(i, mul(mul(row.get(i), scale), loadConstant<float>(weight + 4 * i)));
  warpSync(kAllLanes);
}

template <class S> AXIOM_DEVICE void ropeHead(const HeadRow<S> &row, const u8 *angles) {
  constexpr u32 half = S::headDim / 2;
  for (u32 i = laneIndex(); i < half; i += kWarp) {
    float low = row.get(i), high = row.get(half + i);
    float c = loadConstant<float>(angles + 4 * i), s = loadConstant<float>(angles + 4 * (half + i));
    row.set(i, sub(mul(low, c), mul(high, s)));
    row.set(half + i, add(mul(high, c), mul(low, s)));
  }
  warpSync(kAllLanes);
}

/// A row as keys (`which` 0) or values (1) of a position.
template <class S>
AXIOM_DEVICE void storeKv(const HeadRow<S> &row, const KvHead<S> &head, u32 slot, u32 which) {
  GroupScale scale = {};
  if constexpr (S::kvType == KvType::Int8) {
    u32 amax = 0;
    for (u32 i = laneIndex(); i < S::paddedDim; i += kWarp)
      amax = larger(amax, asBits(row.get(i)) & 0x7fffffffu);
    scale = groupScale(warpMax(kAllLanes, amax));
    if (laneIndex() == 0)
      store(head.base + (which ? head.valueScales : head.keyScales) + 4 * slot, scale.stored);
  }
  u32 count = which ? S::paddedDim : S::headDim;
  for (u32 i = laneIndex(); i < count; i += kWarp) {
    u8 *to = which ? head.value(slot, i) : head.key(i, slot);
    if constexpr (S::kvType == KvType::Int8)
      store(to, static_cast<i8>(quantize(row.get(i), scale)));
    else if constexpr (S::kvType == KvType::F16)
      store(to, floatToHalf(row.get(i)));
    else
      store(to, row.get(i));
  }
}

/// Part 0: queries, 1: keys, 2: values.
template <class B, class R, u32 part>
AXIOM_DEVICE void qkvHead(const Launch &l, u32 head, u32 token) {
  using S = typename B::Spec;
  using F = typename B::Form;
  B::template products<R, R>(l, head * F::stripes, token);
  for (u32 n = warpIndex(); n < F::tokens && token + n < tokensOf(l); n += F::warps) {
    u32 t = token + n;
    HeadRow<S> row = {F::at(0, n, 0)};
    for (u32 i = laneIndex(); i < S::paddedDim; i += kWarp)
      row.set(i, withBias<R>(l, B::result(n, i), head * S::paddedDim + i));
    warpSync(kAllLanes);
    if constexpr (part < 2) {
      if constexpr (S::qkNorm)
        normHead<S>(row, l.args[part == 0 ? S::kQnorm : S::kKnorm]);
      ropeHead<S>(row, l.args[S::kAngles] + static_cast<u64>(t) * 4 * S::headDim);
    }
    if constexpr (part == 0) {
      u8 *to = l.args[S::kQ] + (static_cast<u64>(t) * S::heads + head) * 4 * S::paddedDim;
      for (u32 i = laneIndex(); i < S::paddedDim; i += kWarp)
        store(to + 4 * i, mul(row.get(i), S::qScale));
    } else {
      u32 position = loadConstant<u32>(l.args[S::kPositions] + 4 * t);
      storeKv<S>(row, kvHead<S>(l, tableOf<S>(l, t), position / 64, head), position % 64, part - 1);
    }
  }
}

template <class B> AXIOM_DEVICE void qkv(const Launch &l) {
  using S = typename B::Spec;
  Work work = workOf<B>(S::heads + 2 * S::kvHeads);
  if (work.token >= tokensOf(l))
    return;
  if (work.unit < S::heads)
    qkvHead<B, typename S::Range0, 0>(l, work.unit, work.token);
  else if (work.unit < S::heads + S::kvHeads)
    qkvHead<B, typename S::Range1, 1>(l, work.unit - S::heads, work.token);
  else
    qkvHead<B, typename S::Range2, 2>(l, work.unit - S::heads - S::kvHeads, work.token);
}

} // namespace axiom::device

#endif
