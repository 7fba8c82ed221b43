// Moments of inputs, their factorization, and rounding with feedback.
#include "compiler/calibrate/Moments.h"

#include "compiler/package/RowQuantizer.h"
#include "compiler/package/StripeLayout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace axiom {
namespace {

using calibrate::Moments;
using calibrate::Workers;

/// Rows whose features go together, as those of a model do: a few directions and some noise.
std::vector<float> correlatedRows(uint32_t count, uint32_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  uint32_t directions = 1 + size / 8;
  std::vector<float> mixing(size_t(directions) * size), rows(size_t(count) * size);
  for (float &value : mixing)
    value = normal(random);
  for (uint32_t t = 0; t < count; ++t) {
    for (uint32_t d = 0; d < directions; ++d) {
      float amount = normal(random);
      for (uint32_t i = 0; i < size; ++i)
        rows[size_t(t) * size + i] += amount * mixing[size_t(d) * size + i];
    }
    for (uint32_t i = 0; i < size; ++i)
      rows[size_t(t) * size + i] += 0.3f * normal(random);
  }
  return rows;
}

Workers workers(uint32_t threads) {
  auto made = Workers::create(threads);
  return std::move(*made);
}

TEST(Moments, AreSumsOfProducts) {
  for (uint32_t size : {1u, 40u, 96u, 200u}) {
    uint32_t count = 150;
    auto rows = correlatedRows(count, size, size);
    Moments moments(size);
    moments.add(rows.data(), 64, size, workers(1));
    moments.add(rows.data() + size_t(64) * size, count - 64, size, workers(3));
    EXPECT_EQ(moments.rows(), count);
    for (uint32_t i = 0; i < size; ++i)
      for (uint32_t j = i; j < size; ++j) {
        double sum = 0, power = 0;
        for (uint32_t t = 0; t < count; ++t) {
          double product = double(rows[size_t(t) * size + i]) * rows[size_t(t) * size + j];
          sum += product;
          power += std::fabs(product);
        }
        ASSERT_NEAR(moments.at(i, j), sum, 1e-5 * power) << i << ", " << j << " of " << size;
      }
  }
}

TEST(Moments, FactorsGiveTheMomentsBack) {
  const double damping = 0.01;
  for (uint32_t size : {1u, 33u, 96u, 160u, 200u}) {
    auto rows = correlatedRows(300, size, 7 + size);
    Moments moments(size);
    moments.add(rows.data(), 300, size, workers(2));
    uint32_t stride = (size + 31) / 32 * 32;
    std::vector<double> h(size_t(size) * size);
    double mean = 0;
    for (uint32_t i = 0; i < size; ++i) {
      for (uint32_t j = i; j < size; ++j)
        h[size_t(i) * size + j] = moments.at(i, j);
      mean += moments.at(i, i) / size;
    }
    Feedback f = std::move(moments).factor(damping, workers(2));
    ASSERT_EQ(f.size, stride);
    ASSERT_EQ(f.upper.size(), size_t(stride) * stride);
    for (uint32_t i = 0; i < size; ++i)
      for (uint32_t j = i; j < size; ++j) {
        double sum = 0;
        for (uint32_t k = j; k < stride; ++k)
          sum += (k == i ? 1.0 : double(f.row(i)[k])) * f.cost[k] *
                 (k == j ? 1.0 : double(f.row(j)[k]));
        double wanted = h[size_t(i) * size + j] + (i == j ? damping * mean : 0);
        ASSERT_NEAR(sum, wanted, 2e-5 * mean) << i << ", " << j << " of " << size;
      }
  }
}

TEST(Moments, AreTheSameForAnyThreadCount) {
  auto rows = correlatedRows(200, 300, 5);
  Feedback reference;
  for (uint32_t threads : {1u, 2u, 5u}) {
    Moments moments(300);
    moments.add(rows.data(), 200, 300, workers(threads));
    Feedback f = std::move(moments).factor(0.01, workers(threads));
    if (threads == 1) {
      reference = std::move(f);
      continue;
    }
    EXPECT_EQ(f.cost, reference.cost);
    for (uint32_t i = 0; i < f.size; ++i)
      for (uint32_t j = i + 1; j < f.size; ++j)
        ASSERT_EQ(f.row(i)[j], reference.row(i)[j]);
  }
}

TEST(Moments, OfNothingCostTheSameEverywhere) {
  Feedback f = Moments(40).factor(0.01, workers(1));
  for (uint32_t k = 0; k < 64; ++k)
    EXPECT_EQ(f.cost[k], 1.0f);
  for (uint32_t k = 1; k < 64; ++k)
    EXPECT_EQ(f.row(0)[k], 0.0f);
}

/// Eight rows, rounded.
std::vector<float> rounded(AxmFormat format, const std::vector<float> &rows, uint32_t cols,
                           const QuantGuide &guide) {
  QuantStripe stripe;
  stripe.resize(format, cols / 32);
  quantizeStripe(format, rows.data(), cols, guide, stripe);
  std::vector<float> out(rows.size());
  for (uint32_t g = 0; g < cols / 32; ++g) {
    float decoded[kGroup][kStripe];
    decodeGroup(format, stripe, g, decoded);
    for (uint32_t k = 0; k < 32; ++k)
      for (uint32_t r = 0; r < 8; ++r)
        out[r * cols + g * 32 + k] = decoded[k][r];
  }
  return out;
}

/// The squared error of the products with all inputs.
double productError(const std::vector<float> &a, const std::vector<float> &b, uint32_t cols,
                    const std::vector<float> &inputs) {
  double sum = 0;
  for (size_t t = 0; t < inputs.size() / cols; ++t)
    for (uint32_t r = 0; r < 8; ++r) {
      double y = 0;
      for (uint32_t k = 0; k < cols; ++k)
        y += (double(a[r * cols + k]) - b[r * cols + k]) * inputs[t * cols + k];
      sum += y * y;
    }
  return sum;
}

TEST(Feedback, LessensTheErrorOfProducts) {
  const uint32_t cols = 320;
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.0f, 0.05f);
  std::vector<float> weights(8 * cols);
  for (float &value : weights)
    value = normal(random);
  auto inputs = correlatedRows(2000, cols, 1); // the last thousand are not calibrated on
  Moments moments(cols);
  moments.add(inputs.data(), 1000, cols, workers(2));
  std::vector<float> diagonal(cols);
  for (uint32_t k = 0; k < cols; ++k)
    diagonal[k] = moments.at(k, k);
  Feedback feedback = std::move(moments).factor(0.01, workers(2));
  std::vector<float> others(inputs.begin() + 1000 * cols, inputs.end());
  for (AxmFormat format : {AXM_FORMAT_Q8, AXM_FORMAT_Q6, AXM_FORMAT_Q4F16, AXM_FORMAT_Q4}) {
    double plain = productError(weights, rounded(format, weights, cols, {}), cols, others);
    double weighted = productError(
        weights, rounded(format, weights, cols, {diagonal.data(), nullptr}), cols, others);
    double fed =
        productError(weights, rounded(format, weights, cols, {nullptr, &feedback}), cols, others);
    EXPECT_LT(fed, 0.5 * plain) << format;
    EXPECT_LT(fed, 0.5 * weighted) << format;
  }
}

TEST(Feedback, TheCostsAddUpToTheErrorOfProducts) {
  // sum of D r^2 with r = what rounding did to a column, for any rounding: here that of q4.
  const uint32_t cols = 96;
  auto inputs = correlatedRows(400, cols, 2);
  Moments moments(cols);
  moments.add(inputs.data(), 400, cols, workers(1));
  double mean = 0;
  for (uint32_t k = 0; k < cols; ++k)
    mean += moments.at(k, k) / cols;
  const double damping = 1e-3;
  Feedback feedback = std::move(moments).factor(damping, workers(1));
  std::vector<float> weights(8 * cols);
  std::mt19937 random(8);
  std::normal_distribution<float> normal(0.0f, 0.05f);
  for (float &value : weights)
    value = normal(random);
  std::vector<float> stored = rounded(AXM_FORMAT_Q4, weights, cols, {nullptr, &feedback});
  double costs = 0, power = 0;
  for (uint32_t r = 0; r < 8; ++r)
    for (uint32_t k = 0; k < cols; ++k) {
      double wanted = weights[r * cols + k];
      for (uint32_t j = 0; j < k; ++j)
        wanted += (double(weights[r * cols + j]) - stored[r * cols + j]) * feedback.row(j)[k];
      double rounding = wanted - stored[r * cols + k];
      double change = double(weights[r * cols + k]) - stored[r * cols + k];
      costs += feedback.cost[k] * rounding * rounding;
      power += change * change;
    }
  double error = productError(weights, stored, cols, inputs) + damping * mean * power;
  EXPECT_NEAR(costs / error, 1.0, 1e-3);
}

} // namespace
} // namespace axiom
