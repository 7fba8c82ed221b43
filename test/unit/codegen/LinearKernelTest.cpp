// Linear kernels with plain, residual, SwiGLU and head epilogues against the interpreter's rules.
#include "test/unit/codegen/KernelHarness.h"

#include "gtest/gtest.h"

namespace axiom::test {
namespace {

using plan::Epilogue;
using plan::KernelSpec;
using plan::Prologue;

struct Shape {
  uint32_t inner, rows;
  std::vector<uint32_t> cuts;
};
const std::vector<Shape> shapes = {
    {32, 8, {}},  {80, 12, {}},      {96, 131, {32}},          {576, 64, {192}},
    {40, 40, {}}, {1536, 72, {768}}, {3072, 24, {1024, 2048}}, {640, 40, {288, 416}}};
const uint32_t tokenCounts[] = {1, 2, 3, 5, 8, 13, 17};

KernelSpec linearSpec(const Shape &shape, AxmFormat format, size_t index) {
  KernelSpec spec;
  spec.name = "k" + std::to_string(index);
  spec.inner = shape.inner;
  spec.cuts = shape.cuts;
  spec.prologue = Prologue::Quantize;
  spec.normEps = 1e-5f;
  spec.ranges.push_back({format, shape.rows, 1, 8, false});
  return spec;
}

class LinearKernel : public testing::TestWithParam<AxmFormat> {};

TEST_P(LinearKernel, StoreAndResidualEqualTheInterpreter) {
  std::vector<KernelSpec> specs;
  for (const Shape &shape : shapes) {
    specs.push_back(linearSpec(shape, GetParam(), specs.size()));
    specs.push_back(linearSpec(shape, GetParam(), specs.size()));
    specs.back().epilogue = Epilogue::Residual;
    specs.back().ranges[0].bias = true;
  }
  KernelImage image(specs);
  std::mt19937 rng(7);
  for (size_t i = 0; i < shapes.size(); ++i)
    for (Fill fill : {Fill::Random, Fill::Extreme}) {
      const Shape &shape = shapes[i];
      Matrix matrix = randomMatrix(specs[2 * i].ranges[0], shape.inner, shape.cuts, fill, rng);
      Guarded weights = guardedCopy(matrix.packed);
      uint32_t padded = plan::padTo(plan::packedRows(specs[2 * i].ranges[0]), 32);
      std::vector<float> bias = randomVector(shape.rows, padded, -1, 1, rng);
      Guarded biasMemory = guardedCopy(bias);
      for (uint32_t tokens : tokenCounts) {
        std::vector<float> x = randomRows(tokens, shape.inner, fill, rng);
        Guarded input = guardedCopy(x);
        uint32_t stride = plan::rowStride(shape.rows);
        Guarded y(size_t(tokens) * stride * 4);
        image.run(2 * i, {input.as(), weights.as(), y.as()}, tokens, 3, tokens);
        std::vector<float> expected = oracleLinear(x, tokens, matrix, shape.cuts, nullptr);
        std::vector<float> before = randomRows(tokens, shape.rows, Fill::Random, rng);
        Guarded residual = guardedCopy(before);
        image.run(2 * i + 1, {input.as(), weights.as(), biasMemory.as(), residual.as()}, tokens, 2,
                  tokens);
        std::vector<float> biased = oracleLinear(x, tokens, matrix, shape.cuts, bias.data());
        for (uint32_t t = 0; t < tokens; ++t)
          for (uint32_t n = 0; n < shape.rows; ++n) {
            float e = expected[t * shape.rows + n],
                  sum = before[t * stride + n] + biased[t * shape.rows + n];
            ASSERT_TRUE(sameBits(y.as<float>()[t * stride + n], e))
                << "K " << shape.inner << " T " << tokens << " token " << t << " row " << n;
            ASSERT_TRUE(sameBits(residual.as<float>()[t * stride + n], sum))
                << "residual, K " << shape.inner << " T " << tokens << " token " << t << " row "
                << n;
          }
      }
    }
}

TEST_P(LinearKernel, SwiGluEqualsTheInterpreter) {
  std::mt19937 rng(8);
  for (bool quantizeOut : {false, true}) {
    std::vector<KernelSpec> specs;
    const std::vector<Shape> few = {{96, 100, {}}, {576, 64, {}}, {80, 8, {}}};
    for (const Shape &shape : few) {
      KernelSpec spec = linearSpec(shape, GetParam(), specs.size());
      spec.prologue = Prologue::Norm;
      spec.epilogue = Epilogue::SwiGlu;
      spec.quantizeOut = quantizeOut;
      spec.ranges = {{GetParam(), shape.rows, 1, 32, false},
                     {AXM_FORMAT_Q8, shape.rows, 1, 32, true}};
      specs.push_back(spec);
    }
    KernelImage image(specs);
    for (size_t i = 0; i < few.size(); ++i)
      for (uint32_t tokens : tokenCounts) {
        const Shape &shape = few[i];
        Matrix gate = randomMatrix(specs[i].ranges[0], shape.inner, {}, Fill::Random, rng);
        Matrix up = randomMatrix(specs[i].ranges[1], shape.inner, {}, Fill::Random, rng);
        uint32_t stride = plan::rowStride(shape.rows), inStride = plan::rowStride(shape.inner);
        std::vector<float> x = randomRows(tokens, shape.inner, Fill::Random, rng), normed = x;
        std::vector<float> norm = randomVector(shape.inner, inStride, 0.5f, 1.5f, rng);
        std::vector<float> bias = randomVector(shape.rows, stride, -1, 1, rng);
        for (uint32_t t = 0; t < tokens; ++t)
          numerics::rmsNorm(&x[t * inStride], norm.data(), shape.inner, 1e-5f,
                            &normed[t * inStride]);
        std::vector<float> g = oracleLinear(normed, tokens, gate, {}, nullptr);
        std::vector<float> u = oracleLinear(normed, tokens, up, {}, bias.data());
        std::vector<float> h(g.size());
        for (size_t j = 0; j < h.size(); ++j)
          h[j] = numerics::silu(g[j]) * u[j];

        Guarded input = guardedCopy(x), gain = guardedCopy(norm), wg = guardedCopy(gate.packed),
                wu = guardedCopy(up.packed), b = guardedCopy(bias);
        size_t rowBytes = quantizeOut ? AXM_QROW_BYTES(stride) : 4 * stride;
        Guarded out(rowBytes * tokens);
        image.run(i, {input.as(), gain.as(), wg.as(), wu.as(), b.as(), out.as()}, tokens, 3,
                  tokens);
        auto expected = numerics::quantizeRows(h.data(), tokens, shape.rows);
        for (uint32_t t = 0; t < tokens; ++t) {
          const uint8_t *row = out.as() + t * rowBytes;
          for (uint32_t n = 0; n < shape.rows; ++n) {
            if (quantizeOut)
              ASSERT_EQ(static_cast<int8_t>(row[n]), expected.q[t * stride + n]) << t << " " << n;
            else
              ASSERT_TRUE(sameBits(reinterpret_cast<const float *>(row)[n], h[t * shape.rows + n]))
                  << t << " " << n;
          }
          for (uint32_t group = 0; quantizeOut && group < stride / 32; ++group) {
            float pair[2];
            std::memcpy(pair, row + stride + group * 8, 8);
            ASSERT_TRUE(sameBits(pair[0], expected.scale[t * expected.groups + group]));
            ASSERT_TRUE(sameBits(pair[1], expected.ssum[t * expected.groups + group]));
          }
        }
      }
  }
}

TEST_P(LinearKernel, HeadEqualsTheInterpreter) {
  std::mt19937 rng(9);
  const std::vector<Shape> few = {{96, 131, {}}, {64, 1024, {}}, {64, 2100, {32}}};
  std::vector<KernelSpec> specs;
  for (const Shape &shape : few) {
    KernelSpec spec = linearSpec(shape, GetParam(), specs.size());
    spec.prologue = Prologue::Norm;
    spec.epilogue = Epilogue::Head;
    specs.push_back(spec);
  }
  KernelImage image(specs);
  for (size_t i = 0; i < few.size(); ++i)
    for (uint32_t rows : {1u, 3u, 9u}) {
      const Shape &shape = few[i];
      Matrix matrix = randomMatrix(specs[i].ranges[0], shape.inner, shape.cuts, Fill::Random, rng);
      uint32_t inStride = plan::rowStride(shape.inner), stride = plan::logitsStride(shape.rows);
      std::vector<float> x = randomRows(rows + 4, shape.inner, Fill::Random, rng);
      std::vector<float> norm = randomVector(shape.inner, inStride, 0.5f, 1.5f, rng);
      std::vector<uint32_t> pick;
      std::vector<float> normed(size_t(rows) * inStride, 0.0f);
      for (uint32_t r = 0; r < rows; ++r) {
        pick.push_back((r * 5 + 2) % (rows + 4));
        numerics::rmsNorm(&x[pick[r] * inStride], norm.data(), shape.inner, 1e-5f,
                          &normed[r * inStride]);
      }
      std::vector<float> expected = oracleLinear(normed, rows, matrix, shape.cuts, nullptr);
      uint32_t tiles = (shape.rows + 1023) / 1024;
      Guarded input = guardedCopy(x), gain = guardedCopy(norm), w = guardedCopy(matrix.packed),
              logits(size_t(rows) * stride * 4), stats(size_t(rows) * tiles * sizeof(AxmTile)),
              picked(rows * 4);
      std::memcpy(picked.as(), pick.data(), rows * 4);
      image.run(i, {input.as(), gain.as(), w.as(), picked.as(), logits.as(), stats.as()}, rows, 2,
                rows);
      for (uint32_t r = 0; r < rows; ++r) {
        for (uint32_t n = 0; n < stride; ++n) {
          float want = n < shape.rows ? expected[r * shape.rows + n] : -HUGE_VALF;
          ASSERT_TRUE(sameBits(logits.as<float>()[r * stride + n], want)) << r << " " << n;
        }
        std::vector<AxmTile> want(tiles);
        numerics::tiles(&expected[size_t(r) * shape.rows], shape.rows, want.data());
        for (uint32_t t = 0; t < tiles; ++t) {
          const AxmTile &got = stats.as<AxmTile>()[r * tiles + t];
          ASSERT_TRUE(sameBits(got.max, want[t].max));
          ASSERT_EQ(got.argmax, want[t].argmax);
          ASSERT_TRUE(sameBits(got.sumExp, want[t].sumExp));
        }
      }
    }
}

INSTANTIATE_TEST_SUITE_P(AllFormats, LinearKernel, testing::ValuesIn(allFormats),
                         [](const auto &info) { return std::string(formatName(info.param)); });

// Activations that the quantization rule treats apart: zeros, subnormal scales, infinities, NaN.
TEST(LinearKernelEdges, SpecialActivations) {
  Shape shape = {64, 8, {}};
  KernelSpec spec = linearSpec(shape, AXM_FORMAT_Q4F16, 0);
  KernelImage image({spec});
  std::mt19937 rng(10);
  Matrix matrix = randomMatrix(spec.ranges[0], 64, {}, Fill::Random, rng);
  Guarded weights = guardedCopy(matrix.packed);
  for (float special : {0.0f, 1e-40f, 1e-37f, 3e38f, HUGE_VALF, -HUGE_VALF, std::nanf("")}) {
    std::vector<float> x = randomRows(2, 64, Fill::Random, rng);
    for (int i = 0; i < 32; ++i)
      x[i] = special == 3e38f || special != special || special * 0 != 0 ? x[i] : 0.0f;
    x[5] = special;
    Guarded input = guardedCopy(x), y(2 * 32 * 4);
    image.run(0, {input.as(), weights.as(), y.as()}, 2);
    std::vector<float> expected = oracleLinear(x, 2, matrix, {}, nullptr);
    for (int t = 0; t < 2; ++t)
      for (int n = 0; n < 8; ++n)
        EXPECT_TRUE(sameBits(y.as<float>()[t * 32 + n], expected[t * 8 + n]))
            << special << " " << t;
  }
}

} // namespace
} // namespace axiom::test
