// Elementary functions in f64 from +, -, *, / alone, so that the compiler and the sampler give the
// same bits on every machine (libm's results change with the CPU it dispatches to). Accuracy is a
// few units in the last place of f64, which is far finer than the f32 and integer results made from
// them. Part of the numerics contract: docs/numerics.md.
#ifndef AXIOM_RUNTIME_BASE_DETMATH_H
#define AXIOM_RUNTIME_BASE_DETMATH_H

#include <bit>
#include <cstdint>

namespace axiom {

/// e^x; 0 below -708, infinity above 709.
inline double detExp(double x) {
  if (!(x >= -708.0))
    return x != x ? x : 0.0;
  if (x > 709.0)
    return std::bit_cast<double>(uint64_t(0x7ff0000000000000));
  const double magic = 6755399441055744.0; // 1.5 * 2^52
  double t = x * 1.4426950408889634 + magic;
  double n = t - magic;
  double r = x - n * 0.69314718036912382; // ln 2 with 20 trailing zero bits: the product is exact
  r = r - n * 1.9082149292705877e-10;
  double p = 1.0;
  for (int i = 17; i >= 1; --i)
    p = p * r / static_cast<double>(i) + 1.0;
  int64_t e = static_cast<int64_t>(n);
  return p * std::bit_cast<double>(static_cast<uint64_t>(e / 2 + 1023) << 52) *
         std::bit_cast<double>(static_cast<uint64_t>(e - e / 2 + 1023) << 52);
}

/// Natural logarithm of a finite, normal x > 0.
inline double detLog(double x) {
  uint64_t bits = std::bit_cast<uint64_t>(x);
  int64_t e = static_cast<int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  if (m > 1.4142135623730951) {
    m = m * 0.5;
    e = e + 1;
  }
  double s = (m - 1.0) / (m + 1.0), s2 = s * s, sum = 0.0;
  for (int i = 27; i >= 1; i -= 2)
    sum = sum * s2 + 1.0 / static_cast<double>(i);
  double k = static_cast<double>(e);
  return k * 0.69314718036912382 + (k * 1.9082149292705877e-10 + 2.0 * s * sum);
}

/// base^exponent for base > 0.
inline double detPow(double base, double exponent) { return detExp(exponent * detLog(base)); }

} // namespace axiom

#endif
