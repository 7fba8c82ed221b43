// Checked arithmetic for sizes and offsets that come from outside. Every product and sum of such
// numbers goes through these helpers; an overflow is an answer, not a wrap.
#ifndef AXIOM_RUNTIME_BASE_CHECKED_H
#define AXIOM_RUNTIME_BASE_CHECKED_H

#include <cstdint>
#include <optional>

namespace axiom {

inline std::optional<uint64_t> checkedAdd(uint64_t a, uint64_t b) {
  uint64_t r;
  if (__builtin_add_overflow(a, b, &r))
    return std::nullopt;
  return r;
}

inline std::optional<uint64_t> checkedMul(uint64_t a, uint64_t b) {
  uint64_t r;
  if (__builtin_mul_overflow(a, b, &r))
    return std::nullopt;
  return r;
}

/// True if [offset, offset + size) lies in [0, bound), without overflow.
inline bool rangeFits(uint64_t offset, uint64_t size, uint64_t bound) {
  return offset <= bound && size <= bound - offset;
}

inline constexpr uint64_t ceilDiv(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }
/// `a` rounded up to a multiple of `b`; the caller knows that it does not overflow.
inline constexpr uint64_t alignUp(uint64_t a, uint64_t b) { return ceilDiv(a, b) * b; }

} // namespace axiom

#endif
