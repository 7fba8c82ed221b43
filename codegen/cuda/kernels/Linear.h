// Linear kernels by epilogue. `tiles` of 8 tokens go through a warp at a time.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_LINEAR_H
#define AXIOM_CODEGEN_CUDA_KERNELS_LINEAR_H

#include "codegen/cuda/kernels/Products.h"

namespace axiom::device {

/// The unit and the first token of a block: units lie side by side for each tile of tokens.
struct Work {
  u32 unit, token;
};
template <u32 tiles> AXIOM_DEVICE Work workOf(u32 units, u32 index) {
  return {index % units, index / units * 8 * tiles};
}

/// y = linear, or x += linear: a warp for 16 rows.
template <class S, u32 tiles> AXIOM_DEVICE void storeLinear(const Launch &l) {
  using R = typename S::Range0;
  constexpr u32 units = (R::packedRows + 15) / 16;
  Work work = workOf<tiles>(units, blockIndex() * (blockThreads() / kWarp) + warpIndex());
  if (work.token >= tokensOf(l))
    return;
  Results<tiles> out;
  products<S, R, tiles>(out, l, 2 * work.unit, work.token);
  eachResult<R>(out, 2 * work.unit, work.token, tokensOf(l), [&](u32 row, u32 t, float value) {
    float *to = reinterpret_cast<float *>(l.args[S::kOut]) + static_cast<u64>(t) * S::outStride;
    store(to + row, S::residual ? add(load<float>(to + row), value) : value);
  });
}

/// silu(gate) * up: a warp for 32 features, a group of the next linear's activations.
template <class S, u32 tiles> AXIOM_DEVICE void swiGlu(const Launch &l) {
  using G = typename S::Range0;
  using U = typename S::Range1;
  constexpr u32 units = G::packedRows / 32;
  Work work = workOf<tiles>(units, blockIndex() * (blockThreads() / kWarp) + warpIndex());
  if (work.token >= tokensOf(l))
    return;
  u32 lane = laneIndex(), g = lane / 4;
  Results<tiles> h[2];
  for (u32 part = 0; part < 2; ++part) {
    Results<tiles> up;
    products<S, G, tiles>(h[part], l, 4 * work.unit + 2 * part, work.token);
    products<S, U, tiles>(up, l, 4 * work.unit + 2 * part, work.token);
    for (u32 tile = 0; tile < tiles; ++tile)
      for (u32 i = 0; i < 4; ++i)
        h[part].v[tile][i] = mul(silu(h[part].v[tile][i]), up.v[tile][i]);
  }
  for (u32 tile = 0; tile < tiles; ++tile)
    for (u32 i = 0; i < 2; ++i) {
      u32 t = work.token + 8 * tile + 2 * (lane % 4) + i;
      // The lane's four features of the token: rows g, g + 8, g + 16, g + 24 of the group.
      float x[4] = {h[0].v[tile][i], h[0].v[tile][i + 2], h[1].v[tile][i], h[1].v[tile][i + 2]};
      u8 *row = l.args[S::kOut] + static_cast<u64>(t) * S::outBytes;
      if constexpr (!S::quantizeOut) {
        for (u32 n = 0; n < 4; ++n)
          if (t < tokensOf(l))
            store(row + 4 * (32 * work.unit + 8 * n + g), x[n]);
      } else {
        u32 amax = 0;
        for (u32 n = 0; n < 4; ++n)
          amax = larger(amax, asBits(x[n]) & 0x7fffffffu);
        for (u32 lanes = 4; lanes <= 16; lanes *= 2)
          amax = larger(amax, shuffleXor(kAllLanes, amax, lanes));
        GroupScale scale = groupScale(amax);
        i32 q[4], sums[2];
        for (u32 n = 0; n < 4; ++n)
          q[n] = quantize(x[n], scale);
        for (u32 n = 0; n < 2; ++n) {
          sums[n] = q[2 * n] + q[2 * n + 1];
          for (u32 lanes = 4; lanes <= 16; lanes *= 2)
            sums[n] += shuffleXor(kAllLanes, sums[n], lanes);
        }
        if (t >= tokensOf(l))
          continue;
        for (u32 n = 0; n < 4; ++n)
          store(row + 32 * work.unit + 8 * n + g, static_cast<i8>(q[n]));
        if (g == 0) {
          u8 *pair = row + S::outInner + 8 * work.unit;
          u8 *halves = row + S::outInner / 4 * 5 + 4 * work.unit;
          store(pair, scale.stored);
          store(pair + 4, mul(scale.stored, toFloat(sums[0] + sums[1])));
          store(halves, static_cast<u16>(sums[0]));
          store(halves + 2, static_cast<u16>(sums[1]));
        }
      }
    }
}

} // namespace axiom::device

#endif
