// Linear kernels with plain, residual, SwiGLU and head epilogues.
#include "test/unit/codegen/KernelCases.h"
#include "test/unit/codegen/RecipeArguments.h"

#include <bit>
#include <cmath>
#include <numeric>

namespace axiom::test {

using plan::Epilogue;
using plan::KernelSpec;
using plan::Prologue;

const std::vector<Shape> plainShapes = {{32, 8},
                                        {80, 12},
                                        {96, 131, {32}},
                                        {576, 64, {192}},
                                        {40, 40},
                                        {1536, 72, {768}},
                                        {3072, 24, {1024, 2048}},
                                        {640, 40, {288, 416}},
                                        {771, 16, {64, 192, 288, 416, 704}}};
const std::vector<Shape> swiGluShapes = {{160, 100}, {576, 64}, {80, 8}};
const std::vector<Shape> headShapes = {{160, 131}, {64, 1024}, {64, 2100, {32}}};

namespace {

constexpr uint32_t tokenCounts[] = {1, 2, 3, 4, 5, 8, 13, 49};
/// Rows enough for one last bit in a norm's sum of squares to reach the output.
constexpr uint32_t manyRows = 640;
constexpr float normEps = 1e-5f;

KernelSpec linearSpec(const Shape &shape, AxmFormat format, const std::string &name) {
  KernelSpec spec;
  spec.name = name;
  spec.inner = shape.inner;
  spec.cuts = shape.cuts;
  spec.prologue = Prologue::Quantize;
  spec.normEps = normEps;
  spec.ranges.push_back({format, shape.rows, 1, 8, false});
  return spec;
}

/// rms_norm of strided rows.
std::vector<float> normRows(const std::vector<float> &x, uint32_t inner,
                            const std::vector<float> &gain) {
  std::vector<float> y(x.size(), 0.0f);
  for (size_t at = 0; at < x.size(); at += plan::rowStride(inner))
    numerics::rmsNorm(&x[at], gain.data(), inner, normEps, &y[at]);
  return y;
}

/// Dense rows as QRows.
std::vector<uint8_t> qrows(const std::vector<float> &x, uint32_t tokens, uint32_t inner) {
  uint32_t stride = plan::rowStride(inner);
  size_t rowBytes = AXM_QROW_BYTES(stride);
  std::vector<uint8_t> all(rowBytes * tokens, 0xff);
  auto quantized = numerics::quantizeRows(x.data(), tokens, inner);
  for (uint32_t t = 0; t < tokens; ++t) {
    uint8_t *row = all.data() + t * rowBytes;
    std::memcpy(row, &quantized.q[t * stride], stride);
    for (uint32_t i = 0; i < stride / 32; ++i) {
      std::memcpy(row + stride + i * 8, &quantized.scale[t * (stride / 32) + i], 4);
      std::memcpy(row + stride + i * 8 + 4, &quantized.ssum[t * (stride / 32) + i], 4);
      int16_t sums[2] = {0, 0};
      for (uint32_t k = 0; k < 32; ++k)
        sums[k / 16] = static_cast<int16_t>(sums[k / 16] + quantized.q[t * stride + i * 32 + k]);
      std::memcpy(row + stride / 4 * 5 + i * 4, sums, 4);
    }
  }
  return all;
}

} // namespace

//===----------------------------------------------------------------------===//
// Store and residual
//===----------------------------------------------------------------------===//

KernelCase plainCase(AxmFormat format, const std::vector<Shape> &shapes) {
  KernelCase result{std::string("plain ") + formatName(format), {}, {}};
  std::mt19937 rng(7);
  for (const Shape &shape : shapes) {
    std::string size = std::to_string(shape.inner) + "x" + std::to_string(shape.rows);
    size_t store = result.specs.size();
    result.specs.push_back(linearSpec(shape, format, "store" + size));
    result.specs.push_back(linearSpec(shape, format, "residual" + size));
    result.specs.back().epilogue = Epilogue::Residual;
    result.specs.back().ranges[0].bias = true;
    for (Fill fill : {Fill::Random, Fill::Extreme}) {
      const plan::LinearRange &range = result.specs[store].ranges[0];
      Matrix matrix = randomMatrix(range, shape.inner, shape.cuts, fill, rng);
      Bytes weights = bytesOf(matrix.packed);
      uint32_t packed = plan::packedRows(range), stride = plan::rowStride(shape.rows);
      std::vector<float> bias = randomVector(shape.rows, plan::padTo(packed, 32), -1, 1, rng);
      for (uint32_t tokens : tokenCounts) {
        std::vector<float> x = randomRows(tokens, shape.inner, fill, rng);
        std::vector<float> plain = oracleLinear(x, tokens, matrix, shape.cuts, nullptr);
        std::vector<float> biased = oracleLinear(x, tokens, matrix, shape.cuts, bias.data());
        std::vector<float> before = randomRows(tokens, shape.rows, Fill::Random, rng);
        std::vector<float> y(size_t(tokens) * stride, std::nanf("")), sum = before;
        for (uint32_t t = 0; t < tokens; ++t)
          for (uint32_t n = 0; n < packed; ++n) {
            bool row = n < shape.rows;
            y[t * stride + n] = row ? plain[t * shape.rows + n] : 0.0f;
            sum[t * stride + n] += row ? biased[t * shape.rows + n] : 0.0f;
          }
        std::string what = std::to_string(tokens) + " tokens";
        Operand input("input", bytesOf(x)), w("weights", weights);
        result.launches.push_back(
            {store,
             what,
             {input, w, {"y", unwritten(y.size() * 4), bytesOf(y), stride * 4}},
             tokens,
             3});
        result.launches.push_back(
            {store + 1,
             what,
             {input, w, {"bias", bytesOf(bias)}, {"x", bytesOf(before), bytesOf(sum), stride * 4}},
             tokens,
             2});
      }
    }
  }
  return result;
}

KernelCase quantizedRowsCase(AxmFormat format, const Shape &shape) {
  KernelCase result{std::string("quantized rows ") + formatName(format), {}, {}};
  KernelSpec spec = linearSpec(shape, format, "rows" + std::to_string(shape.inner));
  spec.prologue = Prologue::None;
  result.specs.push_back(spec);
  std::mt19937 rng(9);
  Matrix matrix = randomMatrix(spec.ranges[0], shape.inner, shape.cuts, Fill::Random, rng);
  uint32_t packed = plan::packedRows(spec.ranges[0]), stride = plan::rowStride(shape.rows);
  uint32_t inStride = plan::rowStride(shape.inner);
  for (uint32_t tokens : tokenCounts) {
    std::vector<float> x = randomRows(tokens, shape.inner, Fill::Random, rng), dense;
    std::vector<float> plain = oracleLinear(x, tokens, matrix, shape.cuts, nullptr);
    std::vector<float> y(size_t(tokens) * stride, std::nanf(""));
    for (uint32_t t = 0; t < tokens; ++t) {
      dense.insert(dense.end(), &x[t * inStride], &x[t * inStride] + shape.inner);
      for (uint32_t n = 0; n < packed; ++n)
        y[t * stride + n] = n < shape.rows ? plain[t * shape.rows + n] : 0.0f;
    }
    result.launches.push_back({0,
                               std::to_string(tokens) + " tokens",
                               {{"input", bytesOf(qrows(dense, tokens, shape.inner))},
                                {"weights", bytesOf(matrix.packed)},
                                {"y", unwritten(y.size() * 4), bytesOf(y), stride * 4}},
                               tokens,
                               3});
  }
  return result;
}

KernelCase specialActivationsCase() {
  Shape shape = {64, 8};
  KernelCase result{"special activations", {linearSpec(shape, AXM_FORMAT_Q4F16, "special")}, {}};
  std::mt19937 rng(10);
  Matrix matrix = randomMatrix(result.specs[0].ranges[0], 64, {}, Fill::Random, rng);
  for (float special : {0.0f, 1e-40f, 1e-37f, 3e38f, HUGE_VALF, -HUGE_VALF, std::nanf("")}) {
    std::vector<float> x = randomRows(2, 64, Fill::Random, rng);
    for (int i = 0; i < 32; ++i)
      x[i] = special == 3e38f || special != special || special * 0 != 0 ? x[i] : 0.0f;
    x[5] = special;
    std::vector<float> expected = oracleLinear(x, 2, matrix, {}, nullptr), y(64, std::nanf(""));
    std::copy_n(expected.begin(), 8, y.begin());
    std::copy_n(expected.begin() + 8, 8, y.begin() + 32);
    result.launches.push_back({0,
                               "with " + std::to_string(special),
                               {{"input", bytesOf(x)},
                                {"weights", bytesOf(matrix.packed)},
                                {"y", unwritten(256), bytesOf(y), 128}},
                               2});
  }
  return result;
}

//===----------------------------------------------------------------------===//
// SwiGLU
//===----------------------------------------------------------------------===//

namespace {

struct SwiGluOperands {
  std::vector<float> x, norm, bias;
  Matrix gate, up;
};

KernelLaunch swiGluLaunch(const KernelSpec &spec, size_t kernel, const SwiGluOperands &in,
                          const std::string &what) {
  uint32_t rows = spec.ranges[0].rows, stride = plan::rowStride(rows);
  uint32_t tokens = static_cast<uint32_t>(in.x.size() / plan::rowStride(spec.inner));
  std::vector<float> normed = normRows(in.x, spec.inner, in.norm);
  std::vector<float> g = oracleLinear(normed, tokens, in.gate, {}, nullptr);
  std::vector<float> u = oracleLinear(normed, tokens, in.up, {}, in.bias.data());
  for (size_t i = 0; i < g.size(); ++i)
    g[i] = numerics::silu(g[i]) * u[i];
  size_t rowBytes = spec.quantizeOut ? AXM_QROW_BYTES(stride) : 4 * stride;
  std::vector<uint8_t> h;
  if (spec.quantizeOut) {
    h = qrows(g, tokens, rows);
  } else {
    h.resize(rowBytes * tokens, 0);
    for (uint32_t t = 0; t < tokens; ++t)
      std::memcpy(h.data() + t * rowBytes, &g[t * rows], rows * 4);
  }
  return {kernel,
          what,
          {{"input", bytesOf(in.x)},
           {"norm", bytesOf(in.norm)},
           {"gate", bytesOf(in.gate.packed)},
           {"up", bytesOf(in.up.packed)},
           {"bias", bytesOf(in.bias)},
           {"h", unwritten(h.size()), bytesOf(h), rowBytes, !spec.quantizeOut}},
          tokens,
          3};
}

/// Rows whose gates are exactly siluArguments: one feature of a row is not zero, and it is searched
/// for. Every output of a group of 32 sees the argument; a bias makes one of its four vectors hold
/// the group's maximum, so that the scale shows a last bit there.
SwiGluOperands chosenGates(const KernelSpec &spec, const Shape &shape, std::mt19937 &rng) {
  uint32_t stride = plan::rowStride(shape.rows), inStride = plan::rowStride(shape.inner);
  SwiGluOperands in;
  in.norm = randomVector(shape.inner, inStride, 12, 24, rng);
  in.gate = randomMatrix(spec.ranges[0], shape.inner, {}, Fill::Steps, rng);
  in.up = randomMatrix(spec.ranges[1], shape.inner, {}, Fill::Random, rng);
  in.bias = randomVector(shape.rows, stride, -1, 1, rng);
  for (uint32_t n = 0; n < shape.rows; ++n)
    if (n % 32 / 8 == (n / 32 + 1) % 4)
      in.bias[n] = 1e5f * (1.0f + in.bias[n] * 0.5f);
  plan::LinearRange one = spec.ranges[0];
  one.rows = 1;
  Matrix gate = randomMatrix(one, shape.inner, {}, Fill::Steps, rng);
  for (float target : siluArguments) {
    std::vector<float> row(inStride, 0.0f);
    for (uint32_t attempt = 0; attempt < 16; ++attempt) {
      uint32_t column = static_cast<uint32_t>(rng() % shape.inner);
      auto gateOf = [&](float x) {
        row[column] = x;
        return oracleLinear(normRows(row, shape.inner, in.norm), 1, gate, {}, nullptr)[0];
      };
      float x = solve(gateOf, std::fabs(target), 1e-8f, 1.0f);
      row[column] = target < 0 ? -x : x;
      if (x != 0)
        break;
      row[column] = 0;
    }
    in.x.insert(in.x.end(), row.begin(), row.end());
  }
  return in;
}

} // namespace

KernelCase swiGluCase(AxmFormat format, bool quantizeOut, const std::vector<Shape> &shapes,
                      AxmFormat up) {
  KernelCase result{
      std::string("swiglu ") + formatName(format) + (quantizeOut ? " to int8" : ""), {}, {}};
  std::mt19937 rng(8);
  for (const Shape &shape : shapes) {
    KernelSpec spec = linearSpec(shape, format, "swiglu" + std::to_string(shape.inner));
    spec.prologue = Prologue::Norm;
    spec.epilogue = Epilogue::SwiGlu;
    spec.quantizeOut = quantizeOut;
    spec.ranges = {{format, shape.rows, 1, 32, false}, {up, shape.rows, 1, 32, true}};
    auto add = [&](uint32_t tokens) {
      SwiGluOperands in;
      in.gate = randomMatrix(spec.ranges[0], shape.inner, {}, Fill::Random, rng);
      in.up = randomMatrix(spec.ranges[1], shape.inner, {}, Fill::Random, rng);
      in.x = randomRows(tokens, shape.inner, Fill::Random, rng);
      in.norm = randomVector(shape.inner, plan::rowStride(shape.inner), 0.5f, 1.5f, rng);
      in.bias = randomVector(shape.rows, plan::rowStride(shape.rows), -1, 1, rng);
      result.launches.push_back(
          swiGluLaunch(spec, result.specs.size(), in, std::to_string(tokens) + " tokens"));
    };
    for (uint32_t tokens : tokenCounts)
      add(tokens);
    result.launches.push_back(
        swiGluLaunch(spec, result.specs.size(), chosenGates(spec, shape, rng), "chosen gates"));
    add(manyRows);
    result.specs.push_back(spec);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Head
//===----------------------------------------------------------------------===//

namespace {

/// Rows `pick` of x through the norm and `matrix`.
KernelLaunch headLaunch(const KernelSpec &spec, size_t kernel, const std::vector<float> &x,
                        const std::vector<uint32_t> &pick, const std::vector<float> &norm,
                        const Matrix &matrix, const std::string &what,
                        const std::vector<float> &bias = {}) {
  uint32_t rows = static_cast<uint32_t>(pick.size()), vocab = spec.ranges[0].rows;
  uint32_t inStride = plan::rowStride(spec.inner), stride = plan::logitsStride(vocab);
  std::vector<float> picked;
  for (uint32_t row : pick)
    picked.insert(picked.end(), &x[row * inStride], &x[row * inStride] + inStride);
  std::vector<float> expected = oracleLinear(normRows(picked, spec.inner, norm), rows, matrix,
                                             spec.cuts, bias.empty() ? nullptr : bias.data());
  std::vector<float> logits(size_t(rows) * stride, -HUGE_VALF);
  uint32_t count = (vocab + AXM_TILE_IDS - 1) / AXM_TILE_IDS;
  std::vector<AxmTile> tiles(size_t(rows) * count);
  for (uint32_t r = 0; r < rows; ++r) {
    std::copy_n(&expected[size_t(r) * vocab], vocab, &logits[size_t(r) * stride]);
    numerics::tiles(&expected[size_t(r) * vocab], vocab, &tiles[r * count]);
  }
  std::vector<Operand> operands = {
      {"input", bytesOf(x)}, {"norm", bytesOf(norm)}, {"weights", bytesOf(matrix.packed)}};
  if (!bias.empty())
    operands.emplace_back("bias", bytesOf(bias));
  operands.emplace_back("rows", bytesOf(pick));
  operands.emplace_back("logits", unwritten(logits.size() * 4), bytesOf(logits), stride * 4);
  operands.emplace_back("tiles", unwritten(tiles.size() * sizeof(AxmTile)), bytesOf(tiles),
                        count * sizeof(AxmTile));
  return {kernel, what, operands, rows, 2};
}

KernelSpec headSpec(const Shape &shape, AxmFormat format) {
  KernelSpec spec = linearSpec(shape, format, "head" + std::to_string(shape.rows));
  spec.prologue = Prologue::Norm;
  spec.epilogue = Epilogue::Head;
  return spec;
}

} // namespace

KernelCase headCase(AxmFormat format, const std::vector<Shape> &shapes) {
  KernelCase result{std::string("head ") + formatName(format), {}, {}};
  std::mt19937 rng(9);
  for (const Shape &shape : shapes) {
    KernelSpec spec = headSpec(shape, format);
    std::vector<float> bias;
    if (!shape.cuts.empty()) {
      std::mt19937 own(10);
      spec.ranges[0].bias = true;
      bias =
          randomVector(shape.rows, plan::padTo(plan::packedRows(spec.ranges[0]), 32), -1, 1, own);
    }
    for (uint32_t rows : {1u, 7u, 9u, manyRows}) {
      Matrix matrix = randomMatrix(spec.ranges[0], shape.inner, shape.cuts, Fill::Random, rng);
      std::vector<float> x = randomRows(rows + 4, shape.inner, Fill::Random, rng);
      std::vector<float> norm =
          randomVector(shape.inner, plan::rowStride(shape.inner), 0.5f, 1.5f, rng);
      std::vector<uint32_t> pick;
      for (uint32_t r = 0; r < rows; ++r)
        pick.push_back((r * 5 + 2) % (rows + 4));
      result.launches.push_back(headLaunch(spec, result.specs.size(), x, pick, norm, matrix,
                                           std::to_string(rows) + " rows", bias));
    }
    result.specs.push_back(spec);
  }
  return result;
}

KernelCase chosenLogitsCase() {
  // A logit of 0 is the maximum, its exp 1 is in every sum: of another exp, the sum shows only what
  // it lacks to the next rounding. So a companion is searched for that brings the sum there.
  std::mt19937 rng(12);
  std::vector<float> rows;
  for (float argument : expArguments)
    for (uint32_t vector = 0; argument > -9 && vector < 8; ++vector)
      for (uint32_t up : {0, 1}) {
        // The two are joined first of all, while their last bits still count.
        uint32_t lane = 8 * vector + static_cast<uint32_t>(rng() % 8), companion = lane ^ 32;
        uint32_t top = (lane + 1 + static_cast<uint32_t>(rng() % 31)) % 64;
        float e = numerics::exp(argument), low = argument > -2 ? -1.0f : argument + 1;
        float moved = std::bit_cast<float>(std::bit_cast<uint32_t>(e) + (up ? 1 : -1));
        std::vector<float> row(64, -200.0f);
        for (int attempt = 0; attempt < 200000; ++attempt) {
          float logit = std::uniform_real_distribution<float>(low, low + 1)(rng);
          float lanes[64] = {}, others[64] = {};
          lanes[top] = others[top] = 1.0f;
          lanes[companion] = others[companion] = numerics::exp(logit);
          lanes[lane] = e;
          others[lane] = moved;
          if (numerics::joinLanes(lanes) == numerics::joinLanes(others))
            continue;
          row[top] = 0;
          row[companion] = logit;
          row[lane] = argument;
          rows.insert(rows.end(), row.begin(), row.end());
          break;
        }
      }
  // Row r of the input is one feature that the norm turns into 1: it picks column r of the weights.
  uint32_t count = static_cast<uint32_t>(rows.size() / 64), inner = plan::rowStride(count);
  std::vector<float> x(size_t(count) * inner, 0.0f), weights(64 * size_t(inner), 0.0f);
  std::vector<uint32_t> pick;
  for (uint32_t r = 0; r < count; ++r) {
    x[r * inner + r] = 1;
    pick.push_back(r);
    for (uint32_t id = 0; id < 64; ++id)
      weights[id * inner + r] = rows[r * 64 + id];
  }
  std::vector<float> gain(inner, 1.0f), normed(inner);
  float one = solve(
      [&](float w) {
        gain[0] = w;
        numerics::rmsNorm(x.data(), gain.data(), inner, normEps, normed.data());
        return normed[0];
      },
      1.0f, 1e-3f, 1.0f);
  KernelCase result{"chosen logits", {headSpec({inner, 64}, AXM_FORMAT_F32)}, {}};
  result.launches.push_back(headLaunch(result.specs[0], 0, x, pick, std::vector<float>(inner, one),
                                       givenMatrix(64, inner, weights), "chosen logits"));
  // The same kernel on rows where the norm counts.
  pick.resize(4 * manyRows);
  std::iota(pick.begin(), pick.end(), 0);
  result.launches.push_back(headLaunch(
      result.specs[0], 0, randomRows(4 * manyRows, inner, Fill::Random, rng), pick,
      randomVector(inner, inner, 0.5f, 1.5f, rng),
      randomMatrix(result.specs[0].ranges[0], inner, {}, Fill::Random, rng), "any rows"));
  return result;
}

KernelCase infiniteLogitsCase() {
  // In each lane, at the ends of tiles, and beside the padding of the last one.
  const Shape shape = {32, 1100};
  KernelCase result{"infinite logits", {headSpec(shape, AXM_FORMAT_F32)}, {}};
  std::mt19937 rng(13);
  std::vector<float> x = randomRows(2, 32, Fill::Random, rng), norm(32, 1.0f);
  auto add = [&](uint32_t id, float weight) {
    std::vector<float> weights = randomVector(1100 * 32, 1100 * 32, -1, 1, rng);
    weights[id * 32] = weight;
    result.launches.push_back(headLaunch(result.specs[0], 0, x, {1, 0}, norm,
                                         givenMatrix(1100, 32, weights),
                                         format("%g at %u", weight, id)));
  };
  for (uint32_t id : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 33u, 1023u, 1024u, 1099u})
    add(id, id % 2 ? HUGE_VALF : -HUGE_VALF);
  add(1099, -HUGE_VALF);
  add(1096, 1e30f);
  // The same kernel on rows enough that any order of the norm's sum shows.
  std::vector<uint32_t> pick(4 * manyRows);
  std::iota(pick.begin(), pick.end(), 0);
  result.launches.push_back(
      headLaunch(result.specs[0], 0, randomRows(4 * manyRows, 32, Fill::Random, rng), pick, norm,
                 randomMatrix(result.specs[0].ranges[0], 32, {}, Fill::Random, rng), "any rows"));
  return result;
}

} // namespace axiom::test
