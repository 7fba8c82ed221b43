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

/// 1 / x, or 0 where x is 0 (a group of equal values needs no levels).
inline Floats inverse(Floats x) {
  Mask zero = x == splat(0.0f);
  return select(zero, splat(0.0f), splat(1.0f) / select(zero, splat(1.0f), x));
}

/// Round to nearest even for |x| < 2^22, without a conversion.
inline Floats roundEven(Floats x) {
  const Floats magic = splat(12582912.0f); // 1.5 * 2^23
  return (x + magic) - magic;
}

/// The nearest integer in [lo, hi].
inline Floats level(Floats x, float lo, float hi) {
  return roundEven(minOf(maxOf(x, splat(lo)), splat(hi)));
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
