#include "compiler/package/RowQuantizer.h"

#include "FakeModel.h"
#include "compiler/package/StripeLayout.h"

#include <gtest/gtest.h>

namespace axiom {
namespace {

constexpr uint32_t kCols = 576;

double squaredError(AxmFormat format, const std::vector<float> &rows, uint32_t cols,
                    const float *importance = nullptr, const float *judge = nullptr) {
  uint32_t padded = (cols + 31) / 32 * 32;
  QuantStripe stripe;
  stripe.resize(format, padded / 32);
  quantizeStripe(format, rows.data(), cols, {importance, nullptr}, stripe);
  double sum = 0;
  for (uint32_t g = 0; g < padded / 32; ++g) {
    float decoded[kGroup][kStripe];
    decodeGroup(format, stripe, g, decoded);
    for (uint32_t k = 0; k < 32 && g * 32 + k < cols; ++k)
      for (uint32_t r = 0; r < 8; ++r) {
        double error = double(decoded[k][r]) - rows[r * padded + g * 32 + k];
        sum += error * error * (judge ? judge[g * 32 + k] : 1.0f);
      }
  }
  return sum;
}

/// Round to nearest on the range of the group, without any search, in full f32 scales.
double naiveError(uint32_t bits, const std::vector<float> &rows, uint32_t cols) {
  double sum = 0;
  uint32_t size = bits == 6 ? 16 : 32;
  for (uint32_t r = 0; r < 8; ++r)
    for (uint32_t g = 0; g < cols / size; ++g) {
      const float *x = &rows[r * cols + g * size];
      float lo = x[0], hi = x[0], amax = 0;
      for (uint32_t k = 0; k < size; ++k) {
        lo = std::min(lo, x[k]);
        hi = std::max(hi, x[k]);
        amax = std::max(amax, std::fabs(x[k]));
      }
      float scale = bits == 8 ? amax / 127 : bits == 6 ? amax / 31 : (hi - lo) / 15;
      float min = bits == 4 ? lo : 0;
      for (uint32_t k = 0; k < size; ++k) {
        double error = double(x[k]) - (double(std::nearbyint((x[k] - min) / scale)) * scale + min);
        sum += error * error;
      }
    }
  return sum;
}

TEST(RowQuantizer, BeatsRoundToNearest) {
  double naive8 = 0, naive6 = 0, naive4 = 0, q8 = 0, q6 = 0, q4f16 = 0, q4 = 0;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    auto rows = test::randomValues(8 * kCols, seed);
    naive8 += naiveError(8, rows, kCols);
    naive6 += naiveError(6, rows, kCols);
    naive4 += naiveError(4, rows, kCols);
    q8 += squaredError(AXM_FORMAT_Q8, rows, kCols);
    q6 += squaredError(AXM_FORMAT_Q6, rows, kCols);
    q4f16 += squaredError(AXM_FORMAT_Q4F16, rows, kCols);
    q4 += squaredError(AXM_FORMAT_Q4, rows, kCols);
  }
  EXPECT_LT(q8, 0.88 * naive8);
  EXPECT_LT(q6, 0.80 * naive6);
  EXPECT_LT(q4f16, 0.785 * naive4);
  EXPECT_LT(q4, 0.785 * naive4);
}

TEST(RowQuantizer, ARowDoesNotDependOnItsNeighbours) {
  auto rows = test::randomValues(8 * kCols, 1);
  auto others = test::randomValues(8 * kCols, 2, 3.0f);
  std::copy_n(rows.begin() + 5 * kCols, kCols, others.begin() + 2 * kCols);
  for (AxmFormat format : {AXM_FORMAT_Q8, AXM_FORMAT_Q6, AXM_FORMAT_Q4F16, AXM_FORMAT_Q4}) {
    QuantStripe a, b;
    a.resize(format, kCols / 32);
    b.resize(format, kCols / 32);
    quantizeStripe(format, rows.data(), kCols, QuantGuide(), a);
    quantizeStripe(format, others.data(), kCols, QuantGuide(), b);
    for (uint32_t g = 0; g < kCols / 32; ++g) {
      EXPECT_EQ(a.groups[g].scale[5], b.groups[g].scale[2]);
      EXPECT_EQ(a.groups[g].min[5], b.groups[g].min[2]);
      EXPECT_EQ(a.groups[g].sc[5], b.groups[g].sc[2]);
      for (uint32_t k = 0; k < 32; ++k)
        ASSERT_EQ(a.groups[g].q[k][5], b.groups[g].q[k][2]);
    }
  }
}

TEST(RowQuantizer, ImportanceMovesErrorToUnimportantColumns) {
  std::vector<float> importance(kCols);
  for (uint32_t k = 0; k < kCols; ++k)
    importance[k] = k % 8 == 0 ? 50.0f : 1.0f;
  for (AxmFormat format : {AXM_FORMAT_Q4F16, AXM_FORMAT_Q4}) {
    double plain = 0, weighted = 0;
    for (uint32_t seed = 0; seed < 10; ++seed) {
      auto rows = test::randomValues(8 * kCols, seed);
      plain += squaredError(format, rows, kCols, nullptr, importance.data());
      weighted += squaredError(format, rows, kCols, importance.data(), importance.data());
    }
    EXPECT_LT(weighted, 0.9 * plain);
  }
}

TEST(RowQuantizer, SpecialGroups) {
  for (AxmFormat format : {AXM_FORMAT_Q8, AXM_FORMAT_Q6, AXM_FORMAT_Q4F16, AXM_FORMAT_Q4}) {
    SCOPED_TRACE(format);
    std::vector<float> zeros(8 * 64, 0.0f);
    EXPECT_EQ(squaredError(format, zeros, 64), 0.0);
    std::vector<float> constant(8 * 64, 0.75f);
    EXPECT_LT(squaredError(format, constant, 64), 8 * 64 * 1e-6);
    // All positive, all negative, and a lone outlier: each within half a step of its range.
    auto positive = test::randomValues(8 * 64, 4, 0.01f);
    for (float &value : positive)
      value += 1.0f;
    // q6 has no min: its step is 1/32 of the value.
    double perWeight = format == AXM_FORMAT_Q6 ? 1e-4 : 3e-5;
    EXPECT_LT(squaredError(format, positive, 64), 8 * 64 * perWeight);
    for (float &value : positive)
      value = -value;
    EXPECT_LT(squaredError(format, positive, 64), 8 * 64 * perWeight);
    std::vector<float> outlier(8 * 64, 0.0f);
    outlier[17] = 3.0f;
    EXPECT_LT(squaredError(format, outlier, 64), 1e-5);
    // So small that q4's f16 pair is a coarse subnormal.
    auto tiny = test::randomValues(8 * 64, 6, 1e-4f);
    double power = 0;
    for (float value : tiny)
      power += double(value) * value;
    EXPECT_LT(squaredError(format, tiny, 64), 0.02 * power);
  }
}

TEST(RowQuantizer, ValuesOnAGridAreFoundAgain) {
  // w = 0.01 * q - 0.07 with all levels in use: the search must find (nearly) this grid.
  std::vector<float> rows(8 * 32);
  for (uint32_t r = 0; r < 8; ++r)
    for (uint32_t k = 0; k < 32; ++k)
      rows[r * 32 + k] = 0.01f * static_cast<float>((k * 7 + r) % 16) - 0.07f;
  for (AxmFormat format : {AXM_FORMAT_Q4F16, AXM_FORMAT_Q4})
    EXPECT_LT(squaredError(format, rows, 32), 8 * 32 * 2.5e-9) << format;
}

} // namespace
} // namespace axiom
