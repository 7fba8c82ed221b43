#include "runtime/base/Half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

using namespace axiom;

namespace {

bool isNan16(uint16_t h) { return (h & 0x7c00) == 0x7c00 && (h & 0x3ff) != 0; }

/// The value of a finite half by its definition, in double.
double valueOf(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double v = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return h & 0x8000 ? -v : v;
}

} // namespace

TEST(Half, EveryF16ByDefinitionAndBack) {
  for (uint32_t i = 0; i < 65536; ++i) {
    auto h = static_cast<uint16_t>(i);
    float f = f16ToF32(h);
    if (isNan16(h)) {
      EXPECT_TRUE(std::isnan(f)) << i;
      EXPECT_EQ(f32ToF16(f), h | 0x200) << i;
      continue;
    }
    if ((h & 0x7fff) == 0x7c00)
      EXPECT_TRUE(std::isinf(f) && std::signbit(f) == (h >> 15 != 0)) << i;
    else
      EXPECT_EQ(static_cast<double>(f), valueOf(h)) << i;
    EXPECT_EQ(f32ToF16(f), h) << i;
  }
}

TEST(Half, F16RoundsToNearestEvenBetweenAllNeighbours) {
  // Between two neighbours the midpoint goes to the even one, its f32 neighbours to their side.
  for (uint16_t h = 0; h < 0x7bff; ++h) {
    auto next = static_cast<uint16_t>(h + 1);
    auto middle = static_cast<float>((valueOf(h) + valueOf(next)) / 2);
    ASSERT_EQ(f32ToF16(middle), h & 1 ? next : h) << h;
    ASSERT_EQ(f32ToF16(std::nextafterf(middle, 0.0f)), h) << h;
    ASSERT_EQ(f32ToF16(std::nextafterf(middle, 1e6f)), next) << h;
    ASSERT_EQ(f32ToF16(-middle), 0x8000 | (h & 1 ? next : h)) << h;
  }
}

TEST(Half, F16Limits) {
  EXPECT_EQ(f32ToF16(65504.0f), 0x7bff);
  EXPECT_EQ(f32ToF16(std::nextafterf(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(f32ToF16(65520.0f), 0x7c00);
  EXPECT_EQ(f32ToF16(-1e30f), 0xfc00);
  EXPECT_EQ(f32ToF16(std::ldexp(1.0f, -25)), 0); // a tie between 0 and the smallest subnormal
  EXPECT_EQ(f32ToF16(std::nextafterf(std::ldexp(1.0f, -25), 1.0f)), 1);
  EXPECT_EQ(f32ToF16(std::bit_cast<float>(1u)), 0);
  EXPECT_EQ(f32ToF16(-0.0f), 0x8000);
}

TEST(Half, BF16) {
  for (uint32_t i = 0; i < 65536; ++i) {
    auto h = static_cast<uint16_t>(i);
    float f = bf16ToF32(h);
    EXPECT_EQ(std::bit_cast<uint32_t>(f), i << 16);
    EXPECT_EQ(f32ToBf16(f), std::isnan(f) ? h | 0x40 : h) << i;
    if (std::isnan(f) || std::isinf(f))
      continue;
    uint32_t middle = i << 16 | 0x8000;
    auto next = static_cast<uint16_t>(h + 1);
    EXPECT_EQ(f32ToBf16(std::bit_cast<float>(middle)), h & 1 ? next : h) << i;
    EXPECT_EQ(f32ToBf16(std::bit_cast<float>(middle - 1)), h) << i;
    EXPECT_EQ(f32ToBf16(std::bit_cast<float>(middle + 1)), next) << i;
  }
}
