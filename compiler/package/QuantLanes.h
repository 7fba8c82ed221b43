// Four rows side by side: the vector type of the quantizers, and one group of 32 columns in it.
// Sums run along the columns in each lane, so the results are the same on every machine.
#ifndef AXIOM_COMPILER_PACKAGE_QUANTLANES_H
#define AXIOM_COMPILER_PACKAGE_QUANTLANES_H

#include "compiler/package/QuantStripe.h"
#include "runtime/base/Half.h"

#include <cstdint>

namespace axiom::quant {

inline constexpr uint32_t kLanes = 4;
using Floats = float __attribute__((vector_size(16)));
using Mask = int32_t __attribute__((vector_size(16)));

inline Floats splat(float value) { return Floats{value, value, value, value}; }
inline Floats select(Mask mask, Floats a, Floats b) {
  return (Floats)(((Mask)a & mask) | ((Mask)b & ~mask));
}
inline Floats minOf(Floats a, Floats b) { return a < b ? a : b; }
inline Floats maxOf(Floats a, Floats b) { return a > b ? a : b; }
inline bool any(Mask mask) { return (mask[0] | mask[1] | mask[2] | mask[3]) != 0; }

// For vectors of any width, inlined into functions for different processors. By reference: how
// wide vectors are passed depends on the processor.
#define AXIOM_ANY_WIDTH template <class V> __attribute__((always_inline)) inline

/// Sets `inv` to 1 / x, or 0 where x is 0 (a group of equal values needs no levels).
AXIOM_ANY_WIDTH void invert(const V &x, V &inv) {
  const V none{};
  auto zero = x == none;
  inv = zero ? none : 1.0f / (zero ? none + 1.0f : x);
}

/// Makes x the nearest integer in [lo, hi], ties to even; both within 2^22.
AXIOM_ANY_WIDTH void toLevel(V &x, float lo, float hi) {
  const V low = V{} + lo, high = V{} + hi;
  constexpr float kMagic = 12582912.0f; // 1.5 * 2^23: what is added to it is rounded
  x = x > low ? x : low;
  x = x < high ? x : high;
  x = (x + kMagic) - kMagic;
}

inline Floats inverse(Floats x) {
  Floats inv;
  invert(x, inv);
  return inv;
}

inline Floats level(Floats x, float lo, float hi) {
  toLevel(x, lo, hi);
  return x;
}

inline Floats roundToHalf(Floats x) {
  Floats out;
  for (uint32_t i = 0; i < kLanes; ++i)
    out[i] = f16ToF32(f32ToF16(x[i]));
  return out;
}

/// The smallest f16 value that is not below x, for x >= 0.
inline Floats halfAtLeast(Floats x) {
  Floats out;
  for (uint32_t i = 0; i < kLanes; ++i) {
    uint16_t half = f32ToF16(x[i]);
    if (f16ToF32(half) < x[i])
      ++half;
    out[i] = f16ToF32(half);
  }
  return out;
}

/// 32 columns of four rows: values and the weights of their squared errors. Padding columns repeat
/// a real value and have weight 0.
struct Group {
  Floats x[kGroup];
  Floats w[kGroup];
};

} // namespace axiom::quant

#endif
