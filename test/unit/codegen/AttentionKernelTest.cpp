// QKV (with rope, QK-norm and the KV write), attention, embedding and rope angles against the
// interpreter's rules. The QKV kernel fills the KV memory that the attention kernel then reads.
#include "test/unit/codegen/KernelHarness.h"

#include "gtest/gtest.h"

namespace axiom::test {
namespace {

using plan::KernelKind;
using plan::KernelSpec;

struct Heads {
  uint32_t heads, kvHeads, dim, window;
  AxmKvType type;
  bool qkNorm, bias;
};

constexpr uint32_t hidden = 96;

void kvFields(KernelSpec &spec, const Heads &h) {
  spec.heads = h.heads;
  spec.kvHeads = h.kvHeads;
  spec.headDim = h.dim;
  spec.window = h.window;
  spec.kvType = h.type;
  spec.qScale = 0.25f;
  spec.kvHeadBytes = plan::kvHeadBytes(h.type, h.dim);
  spec.kvBlockBytes = spec.kvHeadBytes * h.kvHeads * 2;
}

class AttentionKernels : public testing::TestWithParam<Heads> {};

TEST_P(AttentionKernels, QkvThenAttentionEqualTheInterpreter) {
  const Heads h = GetParam();
  KernelSpec angles, qkv, attention;
  angles.name = "angles";
  angles.kind = KernelKind::RopeAngles;
  kvFields(angles, h);
  qkv.name = "qkv";
  qkv.inner = hidden;
  qkv.prologue = plan::Prologue::Norm;
  qkv.normEps = 1e-6f;
  qkv.epilogue = plan::Epilogue::Qkv;
  qkv.qkNorm = h.qkNorm;
  kvFields(qkv, h);
  qkv.ranges = {{AXM_FORMAT_Q4F16, h.heads * h.dim, h.heads, 8, h.bias},
                {AXM_FORMAT_F16, h.kvHeads * h.dim, h.kvHeads, 8, h.bias},
                {AXM_FORMAT_Q8, h.kvHeads * h.dim, h.kvHeads, 8, h.bias}};
  attention.name = "attention";
  attention.kind = KernelKind::Attention;
  kvFields(attention, h);
  KernelImage image({angles, qkv, attention});

  std::mt19937 rng(h.dim * 31 + h.heads);
  const uint32_t half = h.dim / 2, padded = plan::headDimPadded(h.dim), length = 150;
  std::vector<float> invFreq = randomVector(half, plan::padTo(half, 32), 1e-4f, 1.0f, rng);
  std::vector<float> norm = randomVector(hidden, hidden, 0.5f, 1.5f, rng);
  uint32_t dimPadded = plan::padTo(h.dim, 32);
  std::vector<float> qnorm = randomVector(h.dim, dimPadded, 0.5f, 1.5f, rng);
  std::vector<float> knorm = randomVector(h.dim, dimPadded, 0.5f, 1.5f, rng);
  std::vector<Matrix> matrices;
  std::vector<std::vector<float>> biases, packedBiases;
  for (const plan::LinearRange &range : qkv.ranges) {
    matrices.push_back(randomMatrix(range, hidden, {}, Fill::Random, rng));
    std::vector<float> bias = randomVector(range.rows, range.rows, -1, 1, rng);
    std::vector<float> packed(plan::padTo(plan::packedRows(range), 32), 0.0f);
    for (uint32_t i = 0; i < range.rows; ++i)
      packed[i / h.dim * padded + i % h.dim] = bias[i];
    biases.push_back(bias);
    packedBiases.push_back(packed);
  }

  // The sequence arrives in two chunks, then attention runs for single tokens of both.
  const std::vector<uint32_t> table = {77, 2, 0, 3};
  Guarded kv(qkv.kvBlockBytes * 4 - qkv.kvHeadBytes * h.kvHeads);
  Guarded tables(16), frequencies = guardedCopy(invFreq), gain = guardedCopy(norm),
                      qn = guardedCopy(qnorm), kn = guardedCopy(knorm);
  std::memcpy(tables.as(), table.data(), 16);
  std::vector<Guarded> weights, biasMemory;
  for (size_t i = 0; i < 3; ++i) {
    weights.push_back(guardedCopy(matrices[i].packed));
    biasMemory.push_back(guardedCopy(packedBiases[i]));
  }
  numerics::KvStore store;
  store.type = h.type;
  store.heads = h.kvHeads;
  store.dim = h.dim;

  for (auto [first, tokens] : {std::pair<uint32_t, uint32_t>{0, 131}, {131, length - 131}}) {
    std::vector<float> x = randomRows(tokens, hidden, Fill::Random, rng), normed = x;
    Guarded input = guardedCopy(x), positions(tokens * 4), offsets(tokens * 4),
            angleMemory(tokens * h.dim * 4), q(size_t(tokens) * h.heads * padded * 4);
    for (uint32_t t = 0; t < tokens; ++t) {
      positions.as<int32_t>()[t] = static_cast<int32_t>(first + t);
      offsets.as<uint32_t>()[t] = 1;
      numerics::rmsNorm(&x[t * hidden], norm.data(), hidden, 1e-6f, &normed[t * hidden]);
    }
    image.run(0, {positions.as(), frequencies.as(), angleMemory.as()}, tokens, 2);
    std::vector<void *> args = {input.as(), gain.as()};
    for (size_t i = 0; i < 3; ++i) {
      args.push_back(weights[i].as());
      if (h.bias)
        args.push_back(biasMemory[i].as());
    }
    for (const Guarded *memory : {&angleMemory, &q, &kv, &positions, &offsets, &tables})
      args.push_back(memory->as());
    if (h.qkNorm)
      args.insert(args.end(), {qn.as(), kn.as()});
    image.run(1, args, tokens, 3, first);

    std::vector<float> part[3];
    for (size_t i = 0; i < 3; ++i)
      part[i] = oracleLinear(normed, tokens, matrices[i], {}, h.bias ? biases[i].data() : nullptr);
    for (uint32_t t = 0; t < tokens; ++t)
      for (size_t i = 0; i < 2; ++i) {
        uint32_t heads = i ? h.kvHeads : h.heads, width = heads * h.dim;
        float *row = &part[i][t * width];
        for (uint32_t head = 0; h.qkNorm && head < heads; ++head)
          numerics::rmsNorm(row + head * h.dim, (i ? knorm : qnorm).data(), h.dim, 1e-6f,
                            row + head * h.dim);
        numerics::rope(row, width, {invFreq.data(), half}, first + t);
        for (uint32_t n = 0; i == 0 && n < width; ++n) {
          row[n] *= 0.25f;
          float got = q.as<float>()[(t * h.heads + n / h.dim) * padded + n % h.dim];
          ASSERT_TRUE(sameBits(got, row[n])) << "q token " << t << " " << n;
        }
      }
    for (uint32_t t = 0; t < tokens; ++t)
      store.write(first + t, &part[1][t * h.kvHeads * h.dim], &part[2][t * h.kvHeads * h.dim]);

    uint32_t features = h.heads * h.dim, stride = plan::rowStride(features);
    Guarded out(size_t(tokens) * stride * 4);
    std::memset(out.as(), 0xee, out.size());
    image.run(2, {q.as(), out.as(), kv.as(), positions.as(), offsets.as(), tables.as()}, tokens, 3,
              first);
    std::vector<float> expected(features);
    for (uint32_t t = 0; t < tokens; ++t) {
      numerics::attention(&part[0][t * features], h.heads, store, first + t, h.window,
                          expected.data());
      for (uint32_t n = 0; n < stride; ++n)
        ASSERT_TRUE(sameBits(out.as<float>()[t * stride + n], n < features ? expected[n] : 0.0f))
            << "attention token " << t << " feature " << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Heads, AttentionKernels,
                         testing::Values(Heads{9, 3, 64, 0, AXM_KV_F16, false, false},
                                         Heads{3, 1, 40, 0, AXM_KV_F16, true, true},
                                         Heads{4, 4, 18, 70, AXM_KV_F32, false, true},
                                         Heads{8, 1, 128, 100, AXM_KV_F16, true, false},
                                         Heads{14, 2, 64, 1, AXM_KV_F32, false, true},
                                         Heads{6, 3, 32, 0, AXM_KV_INT8, false, false},
                                         Heads{5, 1, 20, 65, AXM_KV_INT8, true, true}));

TEST(EmbedKernel, DecodesRowsOfEveryFormat) {
  std::mt19937 rng(11);
  for (AxmFormat format : allFormats) {
    std::vector<KernelSpec> specs;
    for (uint32_t inner : {32u, 80u, 576u, 1000u}) {
      KernelSpec spec;
      spec.name = "embed" + std::to_string(inner);
      spec.kind = KernelKind::Embed;
      spec.inner = inner;
      if (inner == 1000)
        spec.cuts = {320};
      spec.ranges.push_back({format, 131, 1, 8, false});
      specs.push_back(spec);
    }
    KernelImage image(specs);
    for (size_t i = 0; i < specs.size(); ++i) {
      uint32_t inner = specs[i].inner, stride = plan::rowStride(inner);
      Matrix table = randomMatrix(specs[i].ranges[0], inner, specs[i].cuts, Fill::Random, rng);
      Guarded ids(5 * 4), packed = guardedCopy(table.packed), x(5ull * stride * 4);
      const int32_t tokens[5] = {0, 130, 7, 8, 64};
      std::memcpy(ids.as(), tokens, sizeof tokens);
      image.run(i, {ids.as(), packed.as(), x.as()}, 5, 2);
      std::vector<float> expected(stride, 0.0f);
      for (int t = 0; t < 5; ++t) {
        numerics::embedding(table.logical, static_cast<uint32_t>(tokens[t]), expected.data());
        for (uint32_t k = 0; k < stride; ++k)
          ASSERT_TRUE(sameBits(x.as<float>()[t * stride + k], k < inner ? expected[k] : 0.0f))
              << formatName(format) << " K " << inner << " token " << t << " k " << k;
      }
    }
  }
}

} // namespace
} // namespace axiom::test
