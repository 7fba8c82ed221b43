// The interpreter's rules against independent, wider arithmetic, and at their edges.
#include "TinyModel.h"

#include "dialects/axiom/interpreter/Numerics.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace axiom {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Numerics, ExpEdges) {
  EXPECT_EQ(numerics::exp(0.0f), 1.0f);
  EXPECT_EQ(numerics::exp(-0.0f), 1.0f);
  EXPECT_EQ(numerics::exp(-kInf), 0.0f);
  EXPECT_EQ(numerics::exp(-87.5f), 0.0f);
  EXPECT_TRUE(std::isnan(numerics::exp(kNan)));
  EXPECT_EQ(numerics::exp(kInf), numerics::exp(88.0f));
}

TEST(Numerics, ExpIsCloseToExp) {
  for (float x = -87.0f; x < 88.0f; x += 0.0137f) {
    double exact = std::exp(static_cast<double>(x));
    EXPECT_NEAR(numerics::exp(x) / exact, 1.0, 4e-7) << x;
  }
}

TEST(Numerics, RopeAngleIsCloseToSinAndCos) {
  for (uint32_t position : {0u, 1u, 2u, 7u, 100u, 4095u, 100000u}) {
    for (float freq : {1.0f, 0.3f, 0.01f, 1e-4f}) {
      float c, s;
      numerics::ropeAngle(position, freq, c, s);
      double angle = static_cast<double>(static_cast<float>(position) * freq);
      EXPECT_NEAR(c, std::cos(angle), 3e-3 * angle / 1e5 + 1e-6) << position << ' ' << freq;
      EXPECT_NEAR(s, std::sin(angle), 3e-3 * angle / 1e5 + 1e-6) << position << ' ' << freq;
    }
  }
}

TEST(Numerics, QuantizeGroupEdges) {
  std::vector<float> x(32, 0.0f);
  int8_t q[32];
  EXPECT_EQ(numerics::quantizeGroup(x.data(), 32, q), 0.0f);
  x[3] = -127.0f;
  x[4] = 0.5f; // ties go to even
  x[5] = 1.5f;
  EXPECT_EQ(numerics::quantizeGroup(x.data(), 32, q), 1.0f);
  EXPECT_EQ(q[3], -127);
  EXPECT_EQ(q[4], 0);
  EXPECT_EQ(q[5], 2);
  x[3] = 1e-44f;
  x[4] = x[5] = 0.0f;
  EXPECT_EQ(numerics::quantizeGroup(x.data(), 32, q), 0.0f) << "a subnormal scale";
  EXPECT_EQ(q[3], 0);
  x[3] = kInf;
  EXPECT_TRUE(std::isnan(numerics::quantizeGroup(x.data(), 32, q)));
  EXPECT_EQ(q[3], 0);
}

TEST(Numerics, RmsNormLanes) {
  // 64 lanes joined by halving: with one large value per lane the order shows in the last bit only,
  // so compare with a second writing of the rule.
  test::Random random(5);
  std::vector<float> x(200), gain(200), y(200);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = random.unit() * 3.0f;
    gain[i] = random.unit();
  }
  numerics::rmsNorm(x.data(), gain.data(), 200, 1e-5f, y.data());
  float lanes[64];
  for (size_t lane = 0; lane < 64; ++lane) {
    lanes[lane] = 0.0f;
    for (size_t i = lane; i < x.size(); i += 64)
      lanes[lane] = std::fma(x[i], x[i], lanes[lane]);
  }
  for (size_t half = 32; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i)
      lanes[i] += lanes[i + half];
  float r = 1.0f / std::sqrt(lanes[0] / 200.0f + 1e-5f);
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(y[i], (x[i] * r) * gain[i]);
}

LogicalWeight randomWeight(AxmFormat format, uint32_t rows, uint32_t cols) {
  test::Random random(format * 1000 + rows * 17 + cols);
  LogicalWeight w;
  w.format = format;
  w.rows = rows;
  w.cols = cols;
  size_t groups = (cols + 31) / 32;
  for (size_t r = 0; r < rows; ++r)
    for (size_t g = 0; g < groups; ++g) {
      w.wscale.push_back(random.unit());
      if (format == AXM_FORMAT_Q4F16)
        w.wmin.push_back(random.unit());
      for (int half = 0; half < 2 && format == AXM_FORMAT_Q6; ++half)
        w.sub.push_back(static_cast<int8_t>(static_cast<int>(random.below(256)) - 128));
      for (size_t i = 0; i < 32; ++i) {
        bool inside = g * 32 + i < cols;
        int q = format == AXM_FORMAT_Q8   ? static_cast<int>(random.below(255)) - 127
                : format == AXM_FORMAT_Q6 ? static_cast<int>(random.below(64)) - 32
                                          : static_cast<int>(random.below(16));
        w.q.push_back(static_cast<int8_t>(inside ? q : 0));
      }
    }
  return w;
}

TEST(Numerics, LinearSegmentsAndTree) {
  // 5 segments: ((s0 + s1) + (s2 + s3)) + s4.
  for (AxmFormat format : {AXM_FORMAT_Q8, AXM_FORMAT_Q4F16, AXM_FORMAT_Q6}) {
    uint32_t cols = 300;
    LogicalWeight w = randomWeight(format, 3, cols);
    test::Random random(9);
    std::vector<float> x(cols), y(3);
    for (float &value : x)
      value = random.unit() * 4.0f;
    std::vector<int64_t> cuts{64, 96, 160, 256};
    float bias[3] = {1.0f, -2.0f, 0.5f};
    auto q = numerics::quantizeRows(x.data(), 1, cols);
    numerics::linear(q, w, cuts, bias, y.data());
    std::vector<uint32_t> bounds{0, 2, 3, 5, 8, 10}; // in groups
    for (uint32_t n = 0; n < 3; ++n) {
      float s[5];
      for (int i = 0; i < 5; ++i) {
        s[i] = 0.0f;
        for (uint32_t g = bounds[i]; g < bounds[i + 1]; ++g) {
          int dot = 0;
          for (int k = 0; k < 32; ++k)
            dot += w.q[(n * 10 + g) * 32 + k] * q.q[g * 32 + k] *
                   (w.sub.empty() ? 1 : w.sub[(n * 10 + g) * 2 + (k < 16 ? 0 : 1)]);
          s[i] = std::fma(static_cast<float>(dot), w.wscale[n * 10 + g] * q.scale[g], s[i]);
          if (format == AXM_FORMAT_Q4F16)
            s[i] = std::fma(w.wmin[n * 10 + g], q.ssum[g], s[i]);
        }
      }
      EXPECT_EQ(y[n], (((s[0] + s[1]) + (s[2] + s[3])) + s[4]) + bias[n]);
    }
  }
}

TEST(Numerics, SixBitSumsAreExactAtTheirLargest) {
  // Every factor at its bound: 2 * 16 * 32 * 127 * 128 is just below 2^24.
  LogicalWeight w;
  w.format = AXM_FORMAT_Q6;
  w.rows = 1;
  w.cols = 32;
  w.q.assign(32, -32);
  w.wscale = {1.0f};
  w.sub = {-128, -128};
  numerics::QuantizedRows x;
  x.rows = 1;
  x.cols = 32;
  x.groups = 1;
  x.q.assign(32, 127);
  x.q[31] = 126; // an odd multiple of the last bit
  x.scale = {1.0f};
  x.ssum = {0.0f};
  float y = 0;
  numerics::linear(x, w, {}, nullptr, &y);
  EXPECT_EQ(y, 16646144.0f - 4096.0f);
  std::vector<float> row(32);
  w.sub = {3, -5};
  w.wscale = {0.25f};
  numerics::embedding(w, 0, row.data());
  EXPECT_EQ(row[15], -24.0f);
  EXPECT_EQ(row[16], 40.0f);
}

TEST(Numerics, AttentionIsCloseToSoftmax) {
  for (AxmKvType type : {AXM_KV_F32, AXM_KV_F16, AXM_KV_INT8})
    for (uint32_t window : {0u, 20u}) {
      numerics::KvStore kv;
      kv.type = type;
      kv.heads = 2;
      kv.dim = 10;
      test::Random random(3);
      std::vector<float> k(20), v(20), q(40), out(40);
      std::vector<std::vector<double>> keys, values;
      for (uint32_t p = 0; p < 150; ++p) {
        for (size_t i = 0; i < 20; ++i) {
          k[i] = random.unit();
          v[i] = random.unit();
        }
        kv.write(p, k.data(), v.data());
        keys.emplace_back(k.begin(), k.end());
        values.emplace_back(v.begin(), v.end());
      }
      for (float &value : q)
        value = random.unit();
      numerics::attention(q.data(), 4, kv, 149, window, out.data());
      double tolerance = type == AXM_KV_INT8 ? 2e-2 : type == AXM_KV_F16 ? 1e-3 : 1e-5;
      for (size_t h = 0; h < 4; ++h) {
        size_t begin = window == 0 ? 0 : 150 - window;
        double sum = 0;
        std::vector<double> expected(10);
        for (size_t p = begin; p < 150; ++p) {
          double score = 0;
          for (size_t d = 0; d < 10; ++d)
            score += q[h * 10 + d] * keys[p][h / 2 * 10 + d];
          sum += std::exp(score);
          for (size_t d = 0; d < 10; ++d)
            expected[d] += std::exp(score) * values[p][h / 2 * 10 + d];
        }
        for (size_t d = 0; d < 10; ++d)
          EXPECT_NEAR(out[h * 10 + d], expected[d] / sum, tolerance);
      }
    }
}

TEST(Numerics, TilesShowEachLogitThatIsNotFinite) {
  for (float wrong : {HUGE_VALF, -HUGE_VALF, std::nanf("")})
    for (size_t id : {0u, 1u, 63u, 700u, 1023u, 1024u, 1499u}) {
      std::vector<float> logits(1500, -1.0f);
      logits[id] = wrong;
      AxmTile tiles[2];
      numerics::tiles(logits.data(), 1500, tiles);
      for (size_t tile : {0u, 1u}) {
        bool here = id / 1024 == tile;
        EXPECT_EQ(std::bit_cast<uint32_t>(tiles[tile].sumExp) == 0x7fc00000u, here);
        EXPECT_EQ(std::bit_cast<uint32_t>(tiles[tile].max) == 0x7fc00000u, here);
        EXPECT_EQ(tiles[tile].argmax, static_cast<int32_t>(1024 * tile));
      }
    }
}

TEST(Numerics, TilesTakeTheLowestOfEqualIds) {
  std::vector<float> logits(1500, -1.0f);
  logits[700] = logits[900] = 2.0f;
  logits[1499] = 5.0f;
  AxmTile tiles[2];
  numerics::tiles(logits.data(), 1500, tiles);
  EXPECT_EQ(tiles[0].argmax, 700);
  EXPECT_EQ(tiles[0].max, 2.0f);
  EXPECT_NEAR(tiles[0].sumExp, 2.0 + 1022 * std::exp(-3.0), 1e-3);
  EXPECT_EQ(tiles[1].argmax, 1499);
  EXPECT_NEAR(tiles[1].sumExp, 1.0 + 475 * std::exp(-6.0), 1e-4);
}

} // namespace
} // namespace axiom
