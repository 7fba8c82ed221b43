// Exact conversions between f32 and the two 16-bit float types, on bit patterns only: the same bits
// on every machine, whatever its rounding mode or flush-to-zero setting.
#ifndef AXIOM_RUNTIME_BASE_HALF_H
#define AXIOM_RUNTIME_BASE_HALF_H

#include <bit>
#include <cstdint>

namespace axiom {

/// IEEE binary16 to binary32. Every value is representable; a NaN keeps its payload bits.
constexpr float f16ToF32(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  uint32_t exponent = (half >> 10) & 0x1fu;
  uint32_t fraction = half & 0x3ffu;
  if (exponent == 0x1f) // infinity or NaN
    return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) // 112 = 127 - 15, the difference of the biases
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  if (fraction == 0)
    return std::bit_cast<float>(sign);
  // A subnormal half is a normal float: shift its leading one to the implicit bit.
  auto shift = static_cast<uint32_t>(std::countl_zero(fraction)) - 21;
  fraction = (fraction << shift) & 0x3ffu;
  return std::bit_cast<float>(sign | (113 - shift) << 23 | fraction << 13);
}

/// binary32 to binary16, to nearest even; overflow gives infinity, a NaN becomes a quiet NaN.
constexpr uint16_t f32ToF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  if (magnitude >= 0x477ff000u) // at least halfway between 65504 and 65536
    return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude >= 0x38800000u) { // a normal half; the carry of the rounding may raise the exponent
    uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return static_cast<uint16_t>(sign | (rounded - (112u << 23)) >> 13);
  }
  if (magnitude < 0x33000000u) // below half of the smallest subnormal
    return sign;
  // A subnormal half counts units of 2^-24: drop 14 to 24 bits of the 24-bit significand.
  uint32_t drop = 126 - (magnitude >> 23);
  uint32_t significand = (magnitude & 0x7fffffu) | 0x800000u;
  uint32_t kept = significand >> drop;
  uint32_t rest = significand & ((1u << drop) - 1);
  uint32_t half = 1u << (drop - 1);
  if (rest > half || (rest == half && (kept & 1u)))
    ++kept;
  return static_cast<uint16_t>(sign | kept);
}

/// bfloat16 to binary32: the upper half of its bits.
constexpr float bf16ToF32(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

/// binary32 to bfloat16, to nearest even; a NaN becomes a quiet NaN.
constexpr uint16_t f32ToBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

} // namespace axiom

#endif
