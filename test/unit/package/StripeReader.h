// Reads one packed weight by the words of runtime/abi/kernel_abi.h, address by address; shares no
// code with the packer.
#ifndef AXIOM_TEST_UNIT_PACKAGE_STRIPEREADER_H
#define AXIOM_TEST_UNIT_PACKAGE_STRIPEREADER_H

#include "runtime/abi/kernel_abi.h"
#include "runtime/base/Half.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace axiom::test {

struct StripeReader {
  AxmFormat format;
  uint32_t cols; ///< logical
  std::vector<uint32_t> cuts;
  const uint8_t *bytes;

  uint32_t groups() const { return (cols + 31) / 32; }
  uint16_t half(uint64_t at) const { return static_cast<uint16_t>(bytes[at] | bytes[at + 1] << 8); }

  /// q4, q6: offset of group g in a stripe, and in `pair` that of the f16 numbers that govern it.
  uint64_t runGroup(uint32_t g, uint64_t *pair) const {
    uint64_t at = 0, pairBytes = format == AXM_FORMAT_Q4 ? 32 : 16;
    uint64_t groupBytes = format == AXM_FORMAT_Q4 ? 144 : 208;
    *pair = 0;
    uint32_t segment = 0, run = 0xffffffffu, runSegment = 0;
    for (uint32_t i = 0;; ++i) {
      while (segment < cuts.size() && i * 32 >= cuts[segment])
        ++segment;
      if (run != i / 8 || runSegment != segment) {
        *pair = at;
        at += pairBytes;
        run = i / 8;
        runSegment = segment;
      }
      if (i == g)
        return at;
      at += groupBytes;
    }
  }
  uint64_t stripeSize() const {
    switch (format) {
    case AXM_FORMAT_F32:
      return groups() * 32 * 32;
    case AXM_FORMAT_F16:
    case AXM_FORMAT_BF16:
      return groups() * 32 * 16;
    case AXM_FORMAT_Q8:
      return groups() * 272;
    case AXM_FORMAT_Q4F16:
      return groups() * 160;
    case AXM_FORMAT_Q4:
    case AXM_FORMAT_Q6:
      break;
    }
    uint64_t pair;
    return runGroup(groups() - 1, &pair) + (format == AXM_FORMAT_Q4 ? 144 : 208);
  }

  uint32_t nibble(uint64_t base, uint32_t k, uint32_t r) const {
    uint32_t in = k % 16;
    uint8_t byte = bytes[base + 32 * (in / 4) + 4 * r + in % 4];
    return k % 32 < 16 ? byte & 15 : byte >> 4;
  }

  /// The weight at a packed row and a column (padding columns included).
  float at(uint32_t packedRow, uint32_t k) const {
    uint64_t base = packedRow / 8 * stripeSize();
    uint32_t r = packedRow % 8, g = k / 32;
    switch (format) {
    case AXM_FORMAT_F32: {
      float value;
      std::memcpy(&value, bytes + base + k * 32 + r * 4, 4);
      return value;
    }
    case AXM_FORMAT_F16:
      return f16ToF32(half(base + k * 16 + r * 2));
    case AXM_FORMAT_BF16:
      return bf16ToF32(half(base + k * 16 + r * 2));
    case AXM_FORMAT_Q8: {
      uint64_t group = base + g * 272;
      uint32_t in = k % 32;
      auto q = static_cast<int8_t>(bytes[group + 16 + 32 * (in / 4) + 4 * r + in % 4]);
      return static_cast<float>(q) * f16ToF32(half(group + 2 * r));
    }
    case AXM_FORMAT_Q4F16: {
      uint64_t group = base + g * 160;
      return std::fma(static_cast<float>(nibble(group + 32, k, r)), f16ToF32(half(group + 2 * r)),
                      f16ToF32(half(group + 16 + 2 * r)));
    }
    case AXM_FORMAT_Q6: {
      uint64_t pair, group = base + runGroup(g, &pair);
      uint32_t half16 = k % 32 / 16, m = k % 16 / 4, i = k % 4;
      uint32_t high = bytes[group + 16 + 128 + 32 * half16 + 4 * r + i] >> (2 * m) & 3;
      auto code = static_cast<int>(nibble(group + 16, k, r) + 16 * high);
      auto s = static_cast<int8_t>(bytes[group + 8 * half16 + r]);
      return f16ToF32(half(base + pair + 2 * r)) * static_cast<float>(s) *
             static_cast<float>(code - 32);
    }
    case AXM_FORMAT_Q4:
      break;
    }
    uint64_t pair, group = base + runGroup(g, &pair);
    pair += base;
    float scale = f16ToF32(half(pair + 2 * r)) * static_cast<float>(bytes[group + r]);
    float min = f16ToF32(half(pair + 16 + 2 * r)) * static_cast<float>(bytes[group + 8 + r]);
    return std::fma(static_cast<float>(nibble(group + 16, k, r)), scale, min);
  }
};

} // namespace axiom::test

#endif
