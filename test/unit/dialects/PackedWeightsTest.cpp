// The interpreter's own reading of packed stripes, held against the packer's report.
#include "TinyModel.h"

#include "compiler/package/WeightPacker.h"
#include "dialects/axiom/interpreter/PackedWeights.h"

#include <gtest/gtest.h>

#include <cmath>

namespace axiom {
namespace {

TEST(PackedWeights, RefusesWhatDoesNotFit) {
  std::vector<uint8_t> segment(1000);
  SegmentTensor t{"w", false, AXM_FORMAT_Q8, 8, 32, 1, 8, {}, 0, 272};
  auto tryWith = [&](SegmentTensor tensor, uint32_t rows, AxmFormat format) {
    return PackedWeights(segment, {tensor}).matrix("w", format, rows, 32);
  };
  EXPECT_TRUE(tryWith(t, 8, AXM_FORMAT_Q8).ok());
  EXPECT_FALSE(tryWith(t, 9, AXM_FORMAT_Q8).ok());
  EXPECT_FALSE(tryWith(t, 8, AXM_FORMAT_Q4).ok());
  SegmentTensor bad = t;
  bad.size = 271;
  EXPECT_FALSE(tryWith(bad, 8, AXM_FORMAT_Q8).ok());
  bad = t;
  bad.offset = 800;
  EXPECT_FALSE(tryWith(bad, 8, AXM_FORMAT_Q8).ok());
  bad.offset = UINT64_MAX - 10;
  EXPECT_FALSE(tryWith(bad, 8, AXM_FORMAT_Q8).ok());
  EXPECT_FALSE(PackedWeights(segment, {t}).matrix("v", AXM_FORMAT_Q8, 8, 32).ok());
  EXPECT_FALSE(PackedWeights(segment, {t}).vector("w", 32, 0.0f).ok());
}

struct Shape {
  uint32_t rows, cols, heads, rowAlign;
  std::vector<uint32_t> cuts;
};

/// A model with one more tensor, of the wanted shape.
class OneTensor : public test::TinyModel {
public:
  explicit OneTensor(const Shape &shape) : TinyModel(test::tinyConfig("llama"), SourceType::F32) {
    test::Random random(shape.rows * 1000 + shape.cols);
    for (uint64_t i = 0; i < uint64_t(shape.rows) * shape.cols; ++i)
      values.push_back(random.unit() + 0.25f * static_cast<float>(i / shape.cols % 5));
    SourceTensor tensor;
    tensor.name = "w";
    tensor.rows = shape.rows;
    tensor.cols = shape.cols;
    tensor.bytes = {reinterpret_cast<const uint8_t *>(values.data()), values.size() * 4};
    tensors_["w"] = tensor;
  }
  std::vector<float> values;
};

TEST(PackedWeights, AgreesWithThePacker) {
  const Shape shapes[] = {
      {16, 64, 1, 8, {}},      {13, 80, 1, 8, {32}}, {40, 600, 1, 32, {96, 256, 512}},
      {120, 300, 3, 8, {160}}, {30, 288, 3, 8, {}},  {8, 1088, 1, 8, {544}},
  };
  for (const Shape &shape : shapes)
    for (AxmFormat format : {AXM_FORMAT_F32, AXM_FORMAT_F16, AXM_FORMAT_BF16, AXM_FORMAT_Q8,
                             AXM_FORMAT_Q4F16, AXM_FORMAT_Q4, AXM_FORMAT_Q6}) {
      SCOPED_TRACE(testing::Message() << shape.rows << " x " << shape.cols << " format " << format);
      OneTensor model(shape);
      plan::PlanWeight w;
      w.name = w.source = "w";
      w.format = format;
      w.rows = shape.rows;
      w.cols = shape.cols;
      w.heads = shape.heads;
      w.rowAlign = shape.rowAlign;
      w.cuts = shape.cuts;
      PackedTensor report;
      auto bytes = packWeight(w, model, &report);
      ASSERT_TRUE(bytes.ok()) << bytes.status().message();
      PackedWeights packed(*bytes, {{"w", false, format, shape.rows, shape.cols, shape.heads,
                                     shape.rowAlign, shape.cuts, 0, bytes->size()}});
      auto read = packed.matrix("w", format, shape.rows, shape.cols);
      ASSERT_TRUE(read.ok()) << read.status().message();
      uint32_t groups = (shape.cols + 31) / 32;
      double most = 0;
      for (uint32_t r = 0; r < shape.rows; ++r)
        for (uint32_t k = 0; k < shape.cols; ++k) {
          size_t at = size_t(r) * groups * 32 + k, group = size_t(r) * groups + k / 32;
          double sub = read->sub.empty() ? 1 : read->sub[2 * group + k % 32 / 16];
          double value = !read->values.empty()
                             ? read->values[at]
                             : double(read->q[at]) * sub * read->wscale[group] +
                                   (read->wmin.empty() ? 0.0f : read->wmin[group]);
          most = std::max(most, std::fabs(value - model.values[size_t(r) * shape.cols + k]));
        }
      EXPECT_NEAR(most, report.maxError, 1e-6);
      if (format == AXM_FORMAT_F32)
        EXPECT_EQ(most, 0.0);
      else
        EXPECT_GT(most, 0.0);
    }
}

} // namespace
} // namespace axiom
