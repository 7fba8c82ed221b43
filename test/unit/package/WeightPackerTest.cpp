#include "compiler/package/WeightPacker.h"

#include "FakeModel.h"
#include "StripeReader.h"

#include <gtest/gtest.h>

namespace axiom {
namespace {

using plan::PlanWeight;
using test::FakeModel;
using test::StripeReader;

PlanWeight matrix(const std::string &source, AxmFormat format, uint32_t rows, uint32_t cols,
                  uint32_t heads = 1, uint32_t rowAlign = 8, std::vector<uint32_t> cuts = {}) {
  PlanWeight weight;
  weight.name = source;
  weight.source = source;
  weight.format = format;
  weight.rows = rows;
  weight.cols = cols;
  weight.heads = heads;
  weight.rowAlign = rowAlign;
  weight.cuts = std::move(cuts);
  return weight;
}

const AxmFormat kFormats[] = {AXM_FORMAT_F32,   AXM_FORMAT_F16, AXM_FORMAT_BF16, AXM_FORMAT_Q8,
                              AXM_FORMAT_Q4F16, AXM_FORMAT_Q4,  AXM_FORMAT_Q6};

/// How far a value of this spread may be off: half a step of the format and some.
float tolerance(AxmFormat format) {
  switch (format) {
  case AXM_FORMAT_F32:
    return 0.0f;
  case AXM_FORMAT_F16:
    return 2e-4f;
  case AXM_FORMAT_BF16:
    return 1.5e-3f;
  case AXM_FORMAT_Q8:
    return 2e-3f;
  case AXM_FORMAT_Q6:
    return 1.2e-2f;
  default:
    return 4e-2f;
  }
}

struct Shape {
  const char *what;
  uint32_t rows, cols, heads, rowAlign;
  std::vector<uint32_t> cuts;
};
const Shape kShapes[] = {
    {"three heads of 40", 120, 96, 3, 40, {}},
    {"three heads of 36 padded to 40", 108, 80, 3, 8, {}},
    {"heads of 20 padded to 32", 60, 96, 3, 32, {32}},
    {"vocabulary 131", 131, 80, 1, 8, {}},
    {"vocabulary 131 padded to 32", 131, 96, 1, 32, {64}},
    {"a cut inside a q4 run", 16, 576, 1, 8, {288}},
    {"two cuts inside one run, one at its end", 8, 1000, 1, 8, {320, 416, 512}},
    {"one column", 5, 1, 1, 8, {}},
};

TEST(WeightPacker, ReadsBackAsTheLogicalValues) {
  for (const Shape &shape : kShapes)
    for (AxmFormat format : kFormats) {
      SCOPED_TRACE(std::string(shape.what) + ", format " + std::to_string(format));
      FakeModel model;
      auto values = test::randomValues(size_t(shape.rows) * shape.cols, 7);
      model.addF32("w", shape.rows, shape.cols, values);
      PlanWeight weight =
          matrix("w", format, shape.rows, shape.cols, shape.heads, shape.rowAlign, shape.cuts);
      PackedTensor report;
      auto packed = packWeight(weight, model, &report);
      ASSERT_TRUE(packed.ok()) << packed.status().message();
      plan::LinearRange range{format, shape.rows, shape.heads, shape.rowAlign, false};
      ASSERT_EQ(packed->size(), plan::packedBytes(range, shape.cols, shape.cuts));

      StripeReader reader{format, shape.cols, shape.cuts, packed->data()};
      uint32_t perHead = shape.rows / shape.heads;
      uint32_t padded = (perHead + shape.rowAlign - 1) / shape.rowAlign * shape.rowAlign;
      float largest = 0;
      for (uint32_t p = 0; p < plan::packedRows(range); ++p) {
        bool real = p / padded < shape.heads && p % padded < perHead;
        for (uint32_t k = 0; k < reader.groups() * 32; ++k) {
          if (!real) {
            ASSERT_EQ(reader.at(p, k), 0.0f) << "padding row " << p << " column " << k;
          } else if (k < shape.cols) {
            size_t row = size_t(p / padded) * perHead + p % padded;
            float error = std::fabs(reader.at(p, k) - values[row * shape.cols + k]);
            ASSERT_LE(error, tolerance(format)) << "row " << p << " column " << k;
            largest = std::max(largest, error);
          } else if (format != AXM_FORMAT_Q4 && format != AXM_FORMAT_Q4F16) {
            ASSERT_EQ(reader.at(p, k), 0.0f) << "padding column " << k;
          }
        }
      }
      EXPECT_EQ(report.maxError, largest);
      EXPECT_EQ(report.sourceType, "F32");
    }
}

TEST(WeightPacker, PaddingColumnsHoldLevelZero) {
  FakeModel model;
  model.addF32("w", 8, 40, test::randomValues(8 * 40, 3));
  auto packed = packWeight(matrix("w", AXM_FORMAT_Q4F16, 8, 40), model);
  ASSERT_TRUE(packed.ok());
  StripeReader reader{AXM_FORMAT_Q4F16, 40, {}, packed->data()};
  for (uint32_t r = 0; r < 8; ++r)
    for (uint32_t k = 40; k < 64; ++k)
      EXPECT_EQ(reader.nibble(160 + 32, k, r), 0u);
}

struct ExactCase {
  SourceType type;
  AxmFormat format;
};
class ExactImports : public testing::TestWithParam<ExactCase> {};

TEST_P(ExactImports, AreBitExact) {
  FakeModel model;
  const uint32_t rows = 24, cols = 768;
  model.addBlocks("w", GetParam().type, rows, cols, 11);
  PlanWeight weight = matrix("w", GetParam().format, rows, cols, 1, 8, {416});
  PackedTensor report;
  auto packed = packWeight(weight, model, &report);
  ASSERT_TRUE(packed.ok()) << packed.status().message();
  EXPECT_EQ(report.maxError, 0.0f);
  EXPECT_EQ(report.errorPower, 0.0);
  EXPECT_GT(report.power, 0.0);
  StripeReader reader{GetParam().format, cols, weight.cuts, packed->data()};
  std::vector<float> row(cols);
  for (uint32_t r = 0; r < rows; ++r) {
    readRowF32(*model.find("w"), r, row.data());
    for (uint32_t k = 0; k < cols; ++k)
      ASSERT_EQ(reader.at(r, k), row[k]) << "row " << r << " column " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ExactImports,
                         testing::Values(ExactCase{SourceType::Q8_0, AXM_FORMAT_Q8},
                                         ExactCase{SourceType::Q4_0, AXM_FORMAT_Q4F16},
                                         ExactCase{SourceType::Q4_1, AXM_FORMAT_Q4F16},
                                         ExactCase{SourceType::Q4_K, AXM_FORMAT_Q4},
                                         ExactCase{SourceType::Q6_K, AXM_FORMAT_Q6}));

TEST(WeightPacker, Q4_0WithAHugeScaleIsSearchedNotOverflowed) {
  FakeModel model;
  std::vector<uint8_t> block(18, 0x9a); // levels 10 and 9, values 2 d and d
  uint16_t scale = f32ToF16(16384.0f);
  block[0] = static_cast<uint8_t>(scale);
  block[1] = static_cast<uint8_t>(scale >> 8);
  model.add("w", SourceType::Q4_0, 1, 32, block);
  PackedTensor report;
  auto packed = packWeight(matrix("w", AXM_FORMAT_Q4F16, 1, 32), model, &report);
  ASSERT_TRUE(packed.ok()) << packed.status().message();
  StripeReader reader{AXM_FORMAT_Q4F16, 32, {}, packed->data()};
  for (uint32_t k = 0; k < 32; ++k)
    EXPECT_NEAR(reader.at(0, k), k < 16 ? 32768.0f : 16384.0f, 64.0f);
}

TEST(WeightPacker, VectorsPadHeadsAndAddTheirAddend) {
  FakeModel model;
  model.addF32("bias", 1, 60, test::randomValues(60, 5));
  PlanWeight bias;
  bias.name = bias.source = "bias";
  bias.vector = true;
  bias.rows = 1;
  bias.cols = 60;
  bias.heads = 3;
  bias.rowAlign = 8;
  bias.addend = 1.0f;
  auto packed = packWeight(bias, model);
  ASSERT_TRUE(packed.ok()) << packed.status().message();
  ASSERT_EQ(packed->size(), 96u * 4);
  auto values = test::randomValues(60, 5);
  for (uint32_t i = 0; i < 96; ++i) {
    float got;
    std::memcpy(&got, packed->data() + 4 * i, 4);
    uint32_t head = i / 24, in = i % 24;
    EXPECT_EQ(got, head < 3 && in < 20 ? values[head * 20 + in] + 1.0f : 0.0f) << i;
  }

  PlanWeight computed;
  computed.name = "inv_freq";
  computed.vector = true;
  computed.rows = 1;
  computed.cols = 3;
  computed.values = {1.0f, 0.5f, 0.25f};
  packed = packWeight(computed, model);
  ASSERT_TRUE(packed.ok());
  ASSERT_EQ(packed->size(), 128u);
  float third;
  std::memcpy(&third, packed->data() + 8, 4);
  EXPECT_EQ(third, 0.25f);
}

TEST(WeightPacker, TheSegmentIsTheSameForAnyThreadCount) {
  FakeModel model;
  std::vector<PlanWeight> weights;
  for (AxmFormat format : kFormats) {
    std::string name = "w" + std::to_string(format);
    model.addF32(name, 1003, 320, test::randomValues(1003 * 320, 100u + format));
    weights.push_back(matrix(name, format, 1003, 320, 1, 8, {160}));
  }
  model.addF32("norm", 1, 33, test::randomValues(33, 9));
  PlanWeight norm = matrix("norm", AXM_FORMAT_F32, 1, 33);
  norm.vector = true;
  weights.insert(weights.begin() + 1, norm);

  auto layout = layoutWeights(weights, model);
  ASSERT_TRUE(layout.ok()) << layout.status().message();
  std::vector<uint8_t> reference;
  for (uint32_t threads : {1u, 2u, 3u, 8u}) {
    std::vector<uint8_t> bytes;
    PackOptions options;
    options.threads = threads;
    auto packed = packWeights(weights, model, *layout, options, [&](std::span<const uint8_t> part) {
      bytes.insert(bytes.end(), part.begin(), part.end());
      return Status();
    });
    ASSERT_TRUE(packed.ok()) << packed.status().message();
    ASSERT_EQ(bytes.size(), layout->size);
    for (size_t i = 0; i < weights.size(); ++i) {
      auto place = layout->places[i];
      EXPECT_EQ(place.offset % 64, 0u);
      std::span<const uint8_t> part(bytes.data() + place.offset, place.size);
      EXPECT_EQ((*packed)[i].sha256, Sha256::of(part));
      EXPECT_EQ(*packWeight(weights[i], model), std::vector<uint8_t>(part.begin(), part.end()));
    }
    if (threads == 1)
      reference = bytes;
    else
      EXPECT_TRUE(bytes == reference) << threads << " threads";
  }
}

TEST(WeightPacker, AFailingSinkStopsEveryThread) {
  FakeModel model;
  model.addF32("w", 4096, 512, test::randomValues(4096 * 512, 1));
  std::vector<PlanWeight> weights{matrix("w", AXM_FORMAT_Q8, 4096, 512)};
  auto layout = layoutWeights(weights, model);
  PackOptions options;
  options.threads = 4;
  auto packed = packWeights(weights, model, *layout, options, [](std::span<const uint8_t> part) {
    return part.empty() ? Status() : Status(Code::Resource, "disk full");
  });
  ASSERT_FALSE(packed.ok());
  EXPECT_EQ(packed.status().code(), Code::Resource);
}

TEST(WeightPacker, RefusesWhatAFormatCannotHold) {
  FakeModel model;
  auto values = test::randomValues(64, 2);
  values[33] = std::numeric_limits<float>::quiet_NaN();
  model.addF32("nan", 2, 32, values);
  values[33] = 1e30f;
  model.addF32("huge", 2, 32, values);
  for (AxmFormat format : kFormats) {
    auto packed = packWeight(matrix("nan", format, 2, 32), model);
    ASSERT_FALSE(packed.ok()) << format;
    EXPECT_EQ(packed.status().code(), Code::BadInput);
    EXPECT_NE(packed.status().message().find("row 1, column 1"), std::string::npos)
        << packed.status().message();
    bool wide = format == AXM_FORMAT_F32 || format == AXM_FORMAT_BF16;
    EXPECT_EQ(packWeight(matrix("huge", format, 2, 32), model).ok(), wide) << format;
  }
  EXPECT_FALSE(packWeight(matrix("absent", AXM_FORMAT_Q8, 2, 32), model).ok());
  EXPECT_FALSE(packWeight(matrix("huge", AXM_FORMAT_Q8, 2, 64), model).ok());
  EXPECT_FALSE(packWeight(matrix("huge", AXM_FORMAT_Q8, 2, 32, 1, 8, {16}), model).ok());
}

} // namespace
} // namespace axiom
