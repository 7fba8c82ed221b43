#include "compiler/package/ExactImport.h"

#include "compiler/import/BlockDecode.h"
#include "runtime/base/Half.h"

#include <cmath>

namespace axiom {

static uint16_t load16(const uint8_t *p) { return static_cast<uint16_t>(p[0] | p[1] << 8); }

bool isExactImport(SourceType type, AxmFormat format) {
  switch (type) {
  case SourceType::Q8_0:
    return format == AXM_FORMAT_Q8;
  case SourceType::Q4_0:
  case SourceType::Q4_1:
    return format == AXM_FORMAT_Q4F16;
  case SourceType::Q4_K:
    return format == AXM_FORMAT_Q4;
  case SourceType::Q6_K:
    return format == AXM_FORMAT_Q6;
  default:
    return false;
  }
}

// Weight j of a 32-block is the low nibble of byte j for j < 16, then the high nibble of byte j
// - 16.
static void importNibbles(const uint8_t *bytes, uint32_t lane, QuantGroup &group) {
  for (uint32_t j = 0; j < 16; ++j) {
    group.q[j][lane] = bytes[j] & 15;
    group.q[j + 16][lane] = bytes[j] >> 4;
  }
}

// A 256-block: f16 d, f16 dmin, 12 bytes of 6-bit scales and mins, 128 bytes of nibbles. w = (d *
// sc) * q
// - dmin * mn; the 32 low nibbles of a 32-byte piece are one group, the high ones the next.
static void importSuperBlock(const uint8_t *block, uint32_t lane, QuantRun &run,
                             QuantGroup *groups) {
  run.d[lane] = load16(block);
  run.dm[lane] = load16(block + 2) ^ 0x8000u;
  uint8_t scales[8], mins[8];
  unpackScalesK(block + 4, scales, mins);
  for (uint32_t g = 0; g < kRunGroups; ++g) {
    groups[g].sc[lane] = scales[g];
    groups[g].mn[lane] = mins[g];
    const uint8_t *piece = block + 16 + g / 2 * 32;
    for (uint32_t j = 0; j < kGroup; ++j)
      groups[g].q[j][lane] = g % 2 ? piece[j] >> 4 : piece[j] & 15;
  }
}

// A 256-block of Q6_K: 128 bytes of low nibbles, 64 of high pairs, 16 signed scales (one for 16
// columns), f16 d. Each half of 128 weights takes 64 low and 32 high bytes: its four runs of 32 lie
// in the low nibbles of the first and second 32 bytes, then in the high ones, and at bits 0, 2, 4
// and 6 of the high bytes.
static void importSuperBlock6(const uint8_t *block, uint32_t lane, QuantRun &run,
                              QuantGroup *groups) {
  run.d[lane] = load16(block + 208);
  for (uint32_t g = 0; g < kRunGroups; ++g) {
    groups[g].sc[lane] = block[192 + 2 * g];
    groups[g].mn[lane] = block[193 + 2 * g];
    const uint8_t *low = block + g / 4 * 64 + g % 2 * 32, *high = block + 128 + g / 4 * 32;
    for (uint32_t j = 0; j < kGroup; ++j) {
      uint32_t nibble = g % 4 < 2 ? low[j] & 15u : low[j] >> 4;
      groups[g].q[j][lane] =
          static_cast<uint8_t>(nibble | (static_cast<uint32_t>(high[j]) >> 2 * (g % 4) & 3u) << 4);
    }
  }
}

bool importRow(SourceType type, AxmFormat format, std::span<const uint8_t> blocks, uint32_t lane,
               QuantStripe &stripe) {
  if (!isExactImport(type, format))
    return false;
  uint32_t stride = sourceBlock(type).bytes;
  const uint8_t *block = blocks.data();
  const uint8_t *end = block + blocks.size();
  if (type == SourceType::Q4_K || type == SourceType::Q6_K) {
    auto *import = type == SourceType::Q4_K ? importSuperBlock : importSuperBlock6;
    for (size_t run = 0; block < end; block += stride, ++run)
      import(block, lane, stripe.runs[run], &stripe.groups[run * kRunGroups]);
    return true;
  }
  for (size_t g = 0; block < end; block += stride, ++g) {
    QuantGroup &group = stripe.groups[g];
    group.scale[lane] = load16(block);
    switch (type) {
    case SourceType::Q8_0:
      for (uint32_t j = 0; j < kGroup; ++j)
        group.q[j][lane] = block[2 + j];
      break;
    case SourceType::Q4_1:
      group.min[lane] = load16(block + 2);
      importNibbles(block + 4, lane, group);
      break;
    default: { // Q4_0: d * (q - 8) = d * q + (-8 d), exact unless -8 d overflows
      float min = -8.0f * f16ToF32(group.scale[lane]);
      group.min[lane] = f32ToF16(min);
      if (f16ToF32(group.min[lane]) != min || !std::isfinite(min))
        return false;
      importNibbles(block + 2, lane, group);
    }
    }
  }
  return true;
}

} // namespace axiom
