// exp, silu, cos and sin, and the reductions of docs/numerics.md, for a thread or a warp.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_RECIPES_H
#define AXIOM_CODEGEN_CUDA_KERNELS_RECIPES_H

#include "codegen/cuda/device/Device.h"

namespace axiom::device {

inline constexpr float kMagic = 12582912.0f; ///< 1.5 * 2^23
inline constexpr u32 kMagicBits = 0x4b400000u, kInfinityBits = 0x7f800000u;

AXIOM_DEVICE float exp(float x) {
  float x1 = x > 88.0f ? 88.0f : x;
  float t = fma(x1, 0x1.715476p+0f, kMagic), n = sub(t, kMagic);
  float r = fma(n, 0x1.05c610p-29f, fma(n, -0x1.62e430p-1f, x1));
  float p = fma(0x1.a01a02p-13f, r, 0x1.6c16c2p-10f);
  p = fma(p, r, 0x1.111112p-7f);
  p = fma(p, r, 0x1.555556p-5f);
  p = fma(p, r, 0x1.555556p-3f);
  p = fma(p, r, 0.5f);
  p = fma(p, r, 1.0f);
  p = fma(p, r, 1.0f);
  // 2^n: the magic number's bits vanish in the shift. The product is exact, and a NaN stays one,
  // which the sum of the contract leaves to the NaN's bits: a GPU's are all ones.
  float y = mul(p, asFloat((asBits(t) << 23) + asBits(1.0f)));
  return x < -87.0f ? 0.0f : y;
}

AXIOM_DEVICE float silu(float x) { return div(x, add(1.0f, exp(-x))); }

struct CosSin {
  float cos, sin;
};
AXIOM_DEVICE CosSin cosSin(float a) {
  float t = fma(a, 0x1.45f306p-1f, kMagic), n = sub(t, kMagic);
  u32 q = asBits(t) & 3;
  float r = fma(n, 0x1.777a5cp-25f, fma(n, -0x1.921fb6p+0f, a)), r2 = mul(r, r);
  float p = fma(0x1.71de3ap-19f, r2, -0x1.a01a02p-13f);
  p = fma(p, r2, 0x1.111112p-7f);
  p = fma(p, r2, -0x1.555556p-3f);
  float s = fma(mul(p, r2), r, r);
  float c = fma(0x1.a01a02p-16f, r2, -0x1.6c16c2p-10f);
  c = fma(c, r2, 0x1.555556p-5f);
  c = fma(c, r2, -0.5f);
  c = fma(c, r2, 1.0f);
  float cosine = q & 1 ? s : c, sine = q & 1 ? c : s;
  return {(q + 1) & 2 ? -cosine : cosine, q & 2 ? -sine : sine};
}

/// The larger one; a unless b is larger.
AXIOM_DEVICE float maxOf(float a, float b) { return b > a ? b : a; }

/// 64 virtual lanes joined by halving: this lane's values are numbers laneIndex() and
/// laneIndex() + 32. The same result in every lane.
AXIOM_DEVICE float halve64(float a, float b) {
  float v = add(a, b);
  for (u32 width = 16; width >= 1; width /= 2)
    v = add(v, shuffleXor(kAllLanes, v, width));
  return v;
}
/// The same where this lane's values are numbers 2 * laneIndex() and 2 * laneIndex() + 1.
AXIOM_DEVICE float halvePairs(float a, float b) {
  for (u32 width = 16; width >= 1; width /= 2) {
    a = add(a, shuffleXor(kAllLanes, a, width));
    b = add(b, shuffleXor(kAllLanes, b, width));
  }
  return add(a, b);
}
AXIOM_DEVICE float maxOfWarp(float v) {
  for (u32 width = 16; width >= 1; width /= 2)
    v = maxOf(v, shuffleXor(kAllLanes, v, width));
  return v;
}

/// 1 / sqrt(mean of squares + eps) of n values; get(i) gives one.
template <u32 n, typename Get> AXIOM_DEVICE float rmsScale(float eps, Get get) {
  float a = 0.0f, b = 0.0f;
  // Some at a time, so that their loads are under way together.
  constexpr u32 whole = n / 512 * 512;
  AXIOM_NO_UNROLL
  for (u32 i = laneIndex(); i < whole; i += 512) {
    float x[16];
    AXIOM_UNROLL
    for (u32 k = 0; k < 16; ++k)
      x[k] = get(i + 32 * k);
    AXIOM_UNROLL
    for (u32 k = 0; k < 16; k += 2) {
      a = fma(x[k], x[k], a);
      b = fma(x[k + 1], x[k + 1], b);
    }
  }
  AXIOM_UNROLL
  for (u32 k = whole; k < n; k += 64) {
    u32 i = k + laneIndex();
    float x = i < n ? get(i) : 0.0f, y = i + 32 < n ? get(i + 32) : 0.0f;
    a = i < n ? fma(x, x, a) : a;
    b = i + 32 < n ? fma(y, y, b) : b;
  }
  float mean = div(halve64(a, b), static_cast<float>(n));
  return div(1.0f, sqrt(add(mean, eps)));
}

/// The scale of a group of activations from the bits of its largest magnitude.
struct GroupScale {
  float stored, divisor;
  bool usable;
};
AXIOM_DEVICE GroupScale groupScale(u32 amaxBits) {
  float scale = div(asFloat(amaxBits), 127.0f);
  bool finite = amaxBits < kInfinityBits, normal = asBits(scale) >= 0x00800000u;
  return {!finite ? asFloat(0x7fc00000u) : normal ? scale : 0.0f, scale, finite && normal};
}
AXIOM_DEVICE i32 quantize(float x, const GroupScale &s) {
  return s.usable ? static_cast<i32>(asBits(add(div(x, s.divisor), kMagic)) - kMagicBits) : 0;
}

} // namespace axiom::device

#endif
