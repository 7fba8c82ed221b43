#include "compiler/import/BlockDecode.h"

#include "runtime/base/Half.h"

#include <cstring>

namespace axiom {

namespace {

uint16_t load16(const uint8_t *p) {
  uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

uint32_t load32(const uint8_t *p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

float half(const uint8_t *p) { return f16ToF32(load16(p)); }

// In the 32-weight types the low nibbles are weights 0..15, the high nibbles 16..31.

void decodeQ4_0(const uint8_t *b, float *out) {
  float d = half(b);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(static_cast<int>(b[2 + i] & 15) - 8);
    out[i + 16] = d * static_cast<float>(static_cast<int>(b[2 + i] >> 4) - 8);
  }
}

void decodeQ4_1(const uint8_t *b, float *out) {
  float d = half(b), m = half(b + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(b[4 + i] & 15) + m;
    out[i + 16] = d * static_cast<float>(b[4 + i] >> 4) + m;
  }
}

/// Weight `i` of 32: four bits from the nibbles, the fifth from bit i of `high`.
int fiveBits(const uint8_t *nibbles, uint32_t high, int i) {
  int low = i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;
  return low | static_cast<int>(high >> i & 1u) << 4;
}

void decodeQ5_0(const uint8_t *b, float *out) {
  float d = half(b);
  uint32_t high = load32(b + 2);
  for (int i = 0; i < 32; ++i)
    out[i] = d * static_cast<float>(fiveBits(b + 6, high, i) - 16);
}

void decodeQ5_1(const uint8_t *b, float *out) {
  float d = half(b), m = half(b + 2);
  uint32_t high = load32(b + 4);
  for (int i = 0; i < 32; ++i)
    out[i] = d * static_cast<float>(fiveBits(b + 8, high, i)) + m;
}

void decodeQ8_0(const uint8_t *b, float *out) {
  float d = half(b);
  for (int i = 0; i < 32; ++i)
    out[i] = static_cast<float>(static_cast<int8_t>(b[2 + i])) * d;
}

// A 256-weight block of Q4_K: d, dmin, 12 bytes of scales and mins, 128 bytes of nibbles. 32 bytes
// hold two groups of 32: the low nibbles the first, the high nibbles the second.
void decodeQ4_K(const uint8_t *b, float *out) {
  float d = half(b), dmin = half(b + 2);
  uint8_t scales[8], mins[8];
  unpackScalesK(b + 4, scales, mins);
  for (int g = 0; g < 8; ++g) {
    float scale = d * static_cast<float>(scales[g]);
    float min = dmin * static_cast<float>(mins[g]);
    const uint8_t *nibbles = b + 16 + 32 * (g / 2);
    for (int i = 0; i < 32; ++i) {
      int q = g % 2 ? nibbles[i] >> 4 : nibbles[i] & 15;
      out[32 * g + i] = scale * static_cast<float>(q) - min;
    }
  }
}

// Q5_K is Q4_K with 32 bytes before the nibbles whose bit g is the fifth bit of group g.
void decodeQ5_K(const uint8_t *b, float *out) {
  float d = half(b), dmin = half(b + 2);
  uint8_t scales[8], mins[8];
  unpackScalesK(b + 4, scales, mins);
  const uint8_t *high = b + 16;
  for (int g = 0; g < 8; ++g) {
    float scale = d * static_cast<float>(scales[g]);
    float min = dmin * static_cast<float>(mins[g]);
    const uint8_t *nibbles = b + 48 + 32 * (g / 2);
    for (int i = 0; i < 32; ++i) {
      int q = (g % 2 ? nibbles[i] >> 4 : nibbles[i] & 15) | (high[i] >> g & 1) << 4;
      out[32 * g + i] = scale * static_cast<float>(q) - min;
    }
  }
}

// Q6_K: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, d. Each half of 128
// weights takes 64 low bytes and 32 high bytes: 32 weights in the low nibbles of the first 32
// bytes, 32 in those of the second 32, then the same with the high nibbles; the high pairs of the
// four runs lie at bits 0, 2, 4 and 6.
void decodeQ6_K(const uint8_t *b, float *out) {
  float d = half(b + 208);
  for (int i = 0; i < 256; ++i) {
    int part = i / 128, run = i % 128 / 32, lane = i % 32;
    uint8_t low = b[64 * part + 32 * (run % 2) + lane];
    uint8_t high = b[128 + 32 * part + lane];
    int q = (run < 2 ? low & 15 : low >> 4) | (high >> (2 * run) & 3) << 4;
    float scale = d * static_cast<float>(static_cast<int8_t>(b[192 + i / 16]));
    out[i] = scale * static_cast<float>(q - 32);
  }
}

template <typename Fn>
void each(SourceType type, const uint8_t *bytes, uint64_t blocks, float *out, Fn decode) {
  BlockShape shape = sourceBlock(type);
  for (uint64_t i = 0; i < blocks; ++i, bytes += shape.bytes, out += shape.weights)
    decode(bytes, out);
}

} // namespace

void unpackScalesK(const uint8_t *packed, uint8_t *scales, uint8_t *mins) {
  for (int i = 0; i < 4; ++i) {
    uint8_t s = packed[i], m = packed[4 + i], both = packed[8 + i];
    scales[i] = s & 63;
    mins[i] = m & 63;
    scales[4 + i] = static_cast<uint8_t>((both & 15) | (s >> 2 & 0x30));
    mins[4 + i] = static_cast<uint8_t>(both >> 4 | (m >> 2 & 0x30));
  }
}

void decodeBlocks(SourceType type, const uint8_t *bytes, uint64_t blocks, float *out) {
  switch (type) {
  case SourceType::F32:
    std::memcpy(out, bytes, blocks * sizeof(float));
    return;
  case SourceType::F16:
    for (uint64_t i = 0; i < blocks; ++i)
      out[i] = f16ToF32(load16(bytes + 2 * i));
    return;
  case SourceType::BF16:
    for (uint64_t i = 0; i < blocks; ++i)
      out[i] = bf16ToF32(load16(bytes + 2 * i));
    return;
  case SourceType::Q4_0:
    return each(type, bytes, blocks, out, decodeQ4_0);
  case SourceType::Q4_1:
    return each(type, bytes, blocks, out, decodeQ4_1);
  case SourceType::Q5_0:
    return each(type, bytes, blocks, out, decodeQ5_0);
  case SourceType::Q5_1:
    return each(type, bytes, blocks, out, decodeQ5_1);
  case SourceType::Q8_0:
    return each(type, bytes, blocks, out, decodeQ8_0);
  case SourceType::Q4_K:
    return each(type, bytes, blocks, out, decodeQ4_K);
  case SourceType::Q5_K:
    return each(type, bytes, blocks, out, decodeQ5_K);
  case SourceType::Q6_K:
    return each(type, bytes, blocks, out, decodeQ6_K);
  }
}

} // namespace axiom
