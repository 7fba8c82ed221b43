// Paged attention: a warp for each token and query head. A lane has two neighbouring positions of a
// block for the scores, and two neighbouring dimensions of each 64 for the output; blocks fold
// within spans, then the spans (docs/numerics.md).
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_ATTENTION_H
#define AXIOM_CODEGEN_CUDA_KERNELS_ATTENTION_H

#include "codegen/cuda/kernels/Kv.h"
#include "codegen/cuda/kernels/Recipes.h"

namespace axiom::device {

/// (M, L, O) of a warp: O has two dimensions of each 64 in a lane.
template <class S> struct Fold {
  static constexpr u32 parts = (S::paddedDim + 2 * kWarp - 1) / (2 * kWarp) * 2;
  float max = asFloat(0xff800000u), sum = 0.0f, out[parts] = {};

  AXIOM_DEVICE void take(const Fold &part) {
    float m = maxOf(max, part.max);
    float a = exp(sub(max, m)), b = exp(sub(part.max, m));
    sum = fma(sum, a, mul(part.sum, b));
    for (u32 i = 0; i < parts; ++i)
      out[i] = fma(out[i], a, mul(part.out[i], b));
    max = m;
  }
};

/// Whether a query at `position` sees position j.
template <class S> AXIOM_DEVICE bool sees(u32 position, u32 j) {
  return j <= position && (S::window == 0 || position - j < S::window);
}

/// Dimension of part i of a fold.
AXIOM_DEVICE u32 dimensionOf(u32 i) { return 2 * laneIndex() + i / 2 * 64 + i % 2; }

/// The block of positions from `start` on.
template <class S>
AXIOM_DEVICE Fold<S> foldOfBlock(const u8 *query, const KvHead<S> &head, u32 start, u32 position) {
  u32 lane = laneIndex();
  float score[2] = {}, weight[2];
  auto step = [&](u32 d, float q) {
    Two k = loadTwo<S::kvType>(head.key(d, 2 * lane));
    score[0] = fma(q, k.first, score[0]);
    score[1] = fma(q, k.second, score[1]);
  };
  for (u32 d = 0; d < S::headDim; d += 2) { // head_dim is even
    Words2 q = loadConstant<Words2>(query + 4 * d);
    step(d, asFloat(q.x));
    step(d + 1, asFloat(q.y));
  }
  if constexpr (S::kvType == KvType::Int8) {
    Words2 scales = load<Words2>(head.base + head.keyScales + 8 * lane);
    score[0] = mul(score[0], asFloat(scales.x));
    score[1] = mul(score[1], asFloat(scales.y));
  }
  bool valid[2];
  for (u32 i = 0; i < 2; ++i) {
    valid[i] = sees<S>(position, start + 2 * lane + i);
    score[i] = valid[i] ? score[i] : asFloat(0xff800000u);
  }
  Fold<S> fold;
  fold.max = maxOfWarp(maxOf(score[0], score[1]));
  for (u32 i = 0; i < 2; ++i)
    weight[i] = valid[i] ? exp(sub(score[i], fold.max)) : 0.0f;
  fold.sum = halvePairs(weight[0], weight[1]);
  if constexpr (S::kvType == KvType::Int8) {
    Words2 scales = load<Words2>(head.base + head.valueScales + 8 * lane);
    weight[0] = mul(weight[0], asFloat(scales.x));
    weight[1] = mul(weight[1], asFloat(scales.y));
  }
  for (u32 pair = 0; pair < 32; ++pair) {
    float w[2] = {shuffle(kAllLanes, weight[0], pair), shuffle(kAllLanes, weight[1], pair)};
    for (u32 n = 0; n < 2; ++n) {
      if (!sees<S>(position, start + 2 * pair + n))
        continue;
      for (u32 i = 0; i < Fold<S>::parts; i += 2)
        if (u32 d = dimensionOf(i); d < S::paddedDim) {
          Two v = loadTwo<S::kvType>(head.value(2 * pair + n, d));
          fold.out[i] = fma(w[n], v.first, fold.out[i]);
          fold.out[i + 1] = fma(w[n], v.second, fold.out[i + 1]);
        }
    }
  }
  return fold;
}

template <class S> AXIOM_DEVICE void attention(const Launch &l) {
  u32 index = blockIndex() * (blockThreads() / kWarp) + warpIndex();
  u32 t = index / S::heads, query = index % S::heads;
  if (t >= tokensOf(l))
    return;
  u32 position = loadConstant<u32>(l.args[S::kPositions] + 4 * t);
  u32 oldest = S::window == 0 || position < S::window ? 0 : position - S::window + 1;
  const u8 *q = l.args[S::kQ] + (static_cast<u64>(t) * S::heads + query) * 4 * S::paddedDim;
  Fold<S> total;
  for (u32 span = oldest / 256; span <= position / 256; ++span) {
    Fold<S> inSpan;
    for (u32 block = larger(4 * span, oldest / 64);
         block < smaller(4 * span + 4, position / 64 + 1); ++block) {
      KvHead<S> head = kvHead<S>(l, t, block, query / (S::heads / S::kvHeads));
      inSpan.take(foldOfBlock<S>(q, head, 64 * block, position));
    }
    total.take(inSpan);
  }
  float r = div(1.0f, total.sum);
  float *out = reinterpret_cast<float *>(l.args[S::kOut]) + static_cast<u64>(t) * S::outStride +
               query * S::headDim;
  for (u32 i = 0; i < Fold<S>::parts; ++i)
    if (u32 d = dimensionOf(i); d < S::headDim)
      store(out + d, fma(total.out[i], r, 0.0f));
  // The row's padding, behind the last head.
  if (query == S::heads - 1)
    for (u32 d = S::headDim + laneIndex(); query * S::headDim + d < S::outStride; d += kWarp)
      store(out + d, 0.0f);
}

} // namespace axiom::device

#endif
