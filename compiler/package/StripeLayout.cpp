#include "compiler/package/StripeLayout.h"

#include "runtime/base/Half.h"

#include <cstring>

namespace axiom {

static uint8_t *put16(uint8_t *out, const uint16_t *values) {
  for (uint32_t r = 0; r < kStripe; ++r) {
    *out++ = static_cast<uint8_t>(values[r]);
    *out++ = static_cast<uint8_t>(values[r] >> 8);
  }
  return out;
}

/// The low 4 bits of each level.
static uint8_t *putNibbles(const QuantGroup &group, uint8_t *out) {
  for (uint32_t j = 0; j < 4; ++j)
    for (uint32_t r = 0; r < kStripe; ++r)
      for (uint32_t i = 0; i < 4; ++i)
        *out++ =
            static_cast<uint8_t>((group.q[4 * j + i][r] & 15) | group.q[16 + 4 * j + i][r] << 4);
  return out;
}

/// The high 2 bits of q6's codes.
static uint8_t *putHighPairs(const QuantGroup &group, uint8_t *out) {
  for (uint32_t p = 0; p < 2; ++p)
    for (uint32_t r = 0; r < kStripe; ++r)
      for (uint32_t i = 0; i < 4; ++i) {
        uint32_t byte = 0;
        for (uint32_t m = 0; m < 4; ++m)
          byte |= static_cast<uint32_t>(group.q[16 * p + 4 * m + i][r] >> 4) << 2 * m;
        *out++ = static_cast<uint8_t>(byte);
      }
  return out;
}

static uint8_t *putBytes(const QuantGroup &group, uint8_t *out) {
  for (uint32_t j = 0; j < 8; ++j)
    for (uint32_t r = 0; r < kStripe; ++r)
      for (uint32_t i = 0; i < 4; ++i)
        *out++ = group.q[4 * j + i][r];
  return out;
}

uint8_t *writeQuantStripe(AxmFormat format, const QuantStripe &stripe,
                          const std::vector<uint32_t> &cuts, uint8_t *out) {
  size_t nextCut = 0;
  for (uint32_t g = 0; g < stripe.groups.size(); ++g) {
    const QuantGroup &group = stripe.groups[g];
    bool segmentStart = g == 0;
    if (nextCut < cuts.size() && cuts[nextCut] == g * kGroup) {
      segmentStart = true;
      ++nextCut;
    }
    switch (format) {
    case AXM_FORMAT_Q8:
      out = putBytes(group, put16(out, group.scale));
      break;
    case AXM_FORMAT_Q4F16:
      out = putNibbles(group, put16(put16(out, group.scale), group.min));
      break;
    default: // q4, q6
      if (segmentStart || g % kRunGroups == 0) {
        const QuantRun &run = stripe.runs[g / kRunGroups];
        out = put16(out, run.d);
        if (format == AXM_FORMAT_Q4)
          out = put16(out, run.dm);
      }
      std::memcpy(out, group.sc, kStripe);
      std::memcpy(out + kStripe, group.mn, kStripe);
      out = putNibbles(group, out + 2 * kStripe);
      if (format == AXM_FORMAT_Q6)
        out = putHighPairs(group, out);
    }
  }
  return out;
}

uint8_t *writeFloatStripe(AxmFormat format, const float *rows, uint32_t paddedCols, uint8_t *out) {
  for (uint32_t k = 0; k < paddedCols; ++k) {
    if (format == AXM_FORMAT_F32) {
      for (uint32_t r = 0; r < kStripe; ++r, out += 4) {
        auto bits = std::bit_cast<uint32_t>(rows[r * paddedCols + k]);
        for (uint32_t i = 0; i < 4; ++i)
          out[i] = static_cast<uint8_t>(bits >> 8 * i);
      }
      continue;
    }
    uint16_t values[kStripe];
    for (uint32_t r = 0; r < kStripe; ++r) {
      float value = rows[r * paddedCols + k];
      values[r] = format == AXM_FORMAT_F16 ? f32ToF16(value) : f32ToBf16(value);
    }
    out = put16(out, values);
  }
  return out;
}

void decodeGroup(AxmFormat format, const QuantStripe &stripe, uint32_t g,
                 float out[kGroup][kStripe]) {
  const QuantGroup &group = stripe.groups[g];
  if (format == AXM_FORMAT_Q6) {
    for (uint32_t k = 0; k < kGroup; ++k)
      for (uint32_t r = 0; r < kStripe; ++r) {
        auto s = static_cast<int8_t>(k < 16 ? group.sc[r] : group.mn[r]);
        float scale = f16ToF32(stripe.runs[g / kRunGroups].d[r]) * static_cast<float>(s);
        out[k][r] = scale * static_cast<float>(static_cast<int>(group.q[k][r]) - 32);
      }
    return;
  }
  float scale[kStripe], min[kStripe];
  for (uint32_t r = 0; r < kStripe; ++r) {
    if (format == AXM_FORMAT_Q4) {
      const QuantRun &run = stripe.runs[g / kRunGroups];
      scale[r] = f16ToF32(run.d[r]) * static_cast<float>(group.sc[r]);
      min[r] = f16ToF32(run.dm[r]) * static_cast<float>(group.mn[r]);
    } else {
      scale[r] = f16ToF32(group.scale[r]);
      min[r] = format == AXM_FORMAT_Q8 ? 0.0f : f16ToF32(group.min[r]);
    }
  }
  // q * scale has at most 11 + 8 + 4 significant bits: it is exact, so this equals the contract's
  // fma.
  if (format == AXM_FORMAT_Q8) {
    for (uint32_t k = 0; k < kGroup; ++k)
      for (uint32_t r = 0; r < kStripe; ++r)
        out[k][r] = static_cast<float>(static_cast<int8_t>(group.q[k][r])) * scale[r];
    return;
  }
  for (uint32_t k = 0; k < kGroup; ++k)
    for (uint32_t r = 0; r < kStripe; ++r)
      out[k][r] = static_cast<float>(group.q[k][r]) * scale[r] + min[r];
}

float roundToFormat(AxmFormat format, float value) {
  switch (format) {
  case AXM_FORMAT_F16:
    return f16ToF32(f32ToF16(value));
  case AXM_FORMAT_BF16:
    return bf16ToF32(f32ToBf16(value));
  default:
    return value;
  }
}

} // namespace axiom
