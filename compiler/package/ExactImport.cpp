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

bool importRow(SourceType type, AxmFormat format, std::span<const uint8_t> blocks, uint32_t lane,
               QuantStripe &stripe) {
  if (!isExactImport(type, format))
    return false;
  uint32_t stride = sourceBlock(type).bytes;
  const uint8_t *block = blocks.data();
  const uint8_t *end = block + blocks.size();
  if (type == SourceType::Q4_K) {
    for (size_t run = 0; block < end; block += stride, ++run)
      importSuperBlock(block, lane, stripe.runs[run], &stripe.groups[run * kRunGroups]);
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
