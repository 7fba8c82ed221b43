// Rope angles, QKV with the KV write, attention, and the embedding.
#include "test/unit/codegen/KernelCases.h"
#include "test/unit/codegen/KvMemory.h"
#include "test/unit/codegen/RecipeArguments.h"

#include "runtime/base/Half.h"

#include <algorithm>

namespace axiom::test {

using plan::KernelKind;
using plan::KernelSpec;

const std::vector<Heads> headsShapes = {
    {9, 3, 64, 0, AXM_KV_F16, false, false}, {3, 1, 40, 0, AXM_KV_F16, true, true},
    {4, 4, 18, 70, AXM_KV_F32, false, true}, {8, 1, 128, 100, AXM_KV_F16, true, false},
    {14, 2, 64, 1, AXM_KV_F32, false, true}, {6, 3, 32, 0, AXM_KV_INT8, false, false},
    {5, 1, 20, 75, AXM_KV_INT8, true, true}};

namespace {

constexpr uint32_t hidden = 160;
constexpr float normEps = 1e-6f;

class HeadsBuilder {
public:
  explicit HeadsBuilder(const Heads &h)
      : h(h), half(h.dim / 2), padded(plan::headDimPadded(h.dim)),
        qScale(h.qkNorm ? 0x1p-2f : 0x1p-9f), rng(h.dim * 31 + h.heads) {
    for (KernelSpec *spec : {&angles, &qkv, &attention, &spans}) {
      spec->heads = h.heads;
      spec->kvHeads = h.kvHeads;
      spec->headDim = h.dim;
      spec->window = h.window;
      spec->kvType = h.type;
      spec->qScale = qScale;
      spec->kvHeadBytes = plan::kvHeadBytes(h.type, h.dim);
      spec->kvBlockBytes = spec->kvHeadBytes * h.kvHeads * 2;
    }
    angles.name = "angles";
    angles.kind = KernelKind::RopeAngles;
    qkv.name = "qkv";
    qkv.inner = hidden;
    qkv.prologue = plan::Prologue::Norm;
    qkv.normEps = normEps;
    qkv.epilogue = plan::Epilogue::Qkv;
    qkv.qkNorm = h.qkNorm;
    qkv.ranges = {{AXM_FORMAT_Q4F16, h.heads * h.dim, h.heads, 8, h.bias},
                  {AXM_FORMAT_F16, h.kvHeads * h.dim, h.kvHeads, 8, h.bias},
                  {AXM_FORMAT_Q8, h.kvHeads * h.dim, h.kvHeads, 8, h.bias}};
    attention.name = "attention";
    attention.kind = spans.kind = KernelKind::Attention;
    spans.name = "spans";
    spans.spanUnits = true;
  }

  KernelCase build() {
    result.name = "heads " + std::to_string(h.heads) + "/" + std::to_string(h.kvHeads) + " of " +
                  std::to_string(h.dim) + ", window " + std::to_string(h.window) + ", kv " +
                  (h.type == AXM_KV_F32   ? "f32"
                   : h.type == AXM_KV_F16 ? "f16"
                                          : "int8");
    result.specs = {angles, qkv, attention, spans};
    invFreq = randomVector(half, plan::padTo(half, 32), 1e-4f, 1.0f, rng);
    norm = randomVector(hidden, hidden, 0.5f, 1.5f, rng);
    qnorm = randomVector(h.dim, plan::padTo(h.dim, 32), 0.5f, 1.5f, rng);
    knorm = randomVector(h.dim, plan::padTo(h.dim, 32), 0.5f, 1.5f, rng);
    for (const plan::LinearRange &range : qkv.ranges) {
      matrices.push_back(randomMatrix(range, hidden, {}, Fill::Random, rng));
      biases.push_back(randomVector(range.rows, range.rows, -1, 1, rng));
    }
    // The sequence arrives in two chunks; each token attends to what is stored by then.
    numerics::KvStore store = emptyStore();
    chunk(store, {2, 0, 3}, 131, Rows::Attend);
    chunk(store, {2, 0, 3}, 45, Rows::Attend);
    if (h.window != 1)
      chosenScores();
    chosenAngles();
    // A last bit of a rotated key is rarely a bit of what f16 keeps of it: one in some thousand.
    uint32_t many = plan::padTo(std::max(1024u, (1u << 17) / (h.kvHeads * half)), AXM_KV_BLOCK);
    std::vector<uint32_t> table;
    for (uint32_t block = many / AXM_KV_BLOCK; block > 0; --block)
      table.push_back(block - 1);
    for (Rows rows : {Rows::Many, Rows::Small, Rows::Ties})
      if (rows == Rows::Many || h.qkNorm) {
        store = emptyStore();
        chunk(store, table, many, rows);
      }
    return std::move(result);
  }

private:
  const Heads h;
  const uint32_t half, padded;
  const float qScale; ///< makes scores of some units, so that every position has a weight
  std::mt19937 rng;
  KernelSpec angles, qkv, attention, spans;
  KernelCase result;
  std::vector<float> invFreq, norm, qnorm, knorm;
  std::vector<Matrix> matrices;
  std::vector<std::vector<float>> biases;

  numerics::KvStore emptyStore() const {
    numerics::KvStore store;
    store.type = h.type;
    store.heads = h.kvHeads;
    store.dim = h.dim;
    return store;
  }

  std::vector<float> anglesOf(const std::vector<int32_t> &positions,
                              const std::vector<float> &frequencies) const {
    std::vector<float> out;
    for (int32_t position : positions) {
      size_t row = out.size();
      out.resize(row + h.dim);
      for (uint32_t i = 0; i < half; ++i)
        numerics::ropeAngle(static_cast<uint32_t>(position), frequencies[i], out[row + i],
                            out[row + half + i]);
    }
    return out;
  }

  void addAngles(const std::vector<int32_t> &positions, const std::vector<float> &frequencies,
                 const std::string &what) {
    Bytes out = bytesOf(anglesOf(positions, frequencies));
    result.launches.push_back({0,
                               what,
                               {{"positions", bytesOf(positions)},
                                {"invFreq", bytesOf(frequencies)},
                                {"angles", unwritten(out->size()), out, h.dim * 4}},
                               static_cast<uint32_t>(positions.size()),
                               2});
  }

  /// Position 1 makes the frequency the angle; far positions make large ones.
  void chosenAngles() {
    for (size_t at = 0; at < angleArguments.size(); at += half) {
      std::vector<float> frequencies(plan::padTo(half, 32), 0.0f);
      for (uint32_t i = 0; i < half; ++i)
        frequencies[i] = angleArguments[(at + i) % angleArguments.size()];
      addAngles({1, 1, 1}, frequencies, "chosen angles");
    }
    std::vector<int32_t> far;
    for (int i = 0; i < 200; ++i)
      far.push_back(static_cast<int32_t>(rng() % (1 << 20)));
    addAngles(far, invFreq, "far positions");
  }

  /// Attend: through attention, too. Small: heads so small, without biases, that eps counts in the
  /// QK-norm. Ties: nearly equal rows, without rotation, and a gain that puts their keys where f16
  /// rounds up or down, so that a last bit of the QK-norm of a key shows.
  enum class Rows { Attend, Many, Small, Ties };

  /// The next `tokens` tokens of a sequence.
  void chunk(numerics::KvStore &store, const std::vector<uint32_t> &table, uint32_t tokens,
             Rows rows) {
    bool attend = rows == Rows::Attend, biased = h.bias && rows != Rows::Small;
    uint32_t first = store.length();
    std::string what =
        rows == Rows::Small ? "small rows" : "positions from " + std::to_string(first);
    std::vector<float> x = randomRows(tokens, hidden, Fill::Random, rng), normed = x;
    for (size_t i = 0; i < x.size(); ++i)
      if (rows == Rows::Small)
        x[i] *= 0x1p-24f;
      else if (rows == Rows::Ties)
        x[i] = i < hidden ? x[i] : x[i % hidden] + x[i] * 0x1p-20f;
    std::vector<int32_t> positions;
    for (uint32_t t = 0; t < tokens; ++t) {
      positions.push_back(static_cast<int32_t>(first + t));
      numerics::rmsNorm(&x[t * hidden], norm.data(), hidden, normEps, &normed[t * hidden]);
    }
    if (attend)
      addAngles(positions, invFreq, what);
    std::vector<float> part[3];
    for (size_t i = 0; i < 3; ++i)
      part[i] = oracleLinear(normed, tokens, matrices[i], {}, biased ? biases[i].data() : nullptr);
    const std::vector<float> gain = rows == Rows::Ties ? tieGain(part[1]) : knorm;
    std::vector<float> q(size_t(tokens) * h.heads * padded, 0.0f);
    for (uint32_t t = 0; t < tokens; ++t)
      for (size_t i = 0; i < 2; ++i) {
        uint32_t heads = i ? h.kvHeads : h.heads, width = heads * h.dim;
        float *row = &part[i][t * width];
        for (uint32_t head = 0; h.qkNorm && head < heads; ++head)
          numerics::rmsNorm(row + head * h.dim, (i ? gain : qnorm).data(), h.dim, normEps,
                            row + head * h.dim);
        numerics::rope(row, width, {invFreq.data(), half}, rows == Rows::Ties ? 0 : first + t);
        for (uint32_t n = 0; i == 0 && n < width; ++n)
          q[(t * h.heads + n / h.dim) * padded + n % h.dim] = row[n] * qScale;
      }
    Bytes before = bytesOf(kvMemory(qkv, {&store}, {table}));
    for (uint32_t t = 0; t < tokens; ++t)
      store.write(first + t, &part[1][t * h.kvHeads * h.dim], &part[2][t * h.kvHeads * h.dim]);
    Bytes after = bytesOf(kvMemory(qkv, {&store}, {table}));

    std::vector<Operand> operands = {{"input", bytesOf(x)}, {"norm", bytesOf(norm)}};
    for (size_t i = 0; i < 3; ++i) {
      operands.push_back({"weights", bytesOf(matrices[i].packed)});
      if (h.bias)
        operands.push_back({"bias", bytesOf(packedBias(i, biased))});
    }
    std::vector<int32_t> turns = rows == Rows::Ties ? std::vector<int32_t>(tokens, 0) : positions;
    operands.push_back({"angles", bytesOf(anglesOf(turns, invFreq))});
    operands.push_back({"q", unwritten(q.size() * 4), bytesOf(q), padded * 4});
    operands.push_back({"kv", before, after, qkv.kvHeadBytes, false});
    addTables(operands, positions, table);
    if (h.qkNorm) {
      operands.push_back({"qnorm", bytesOf(qnorm)});
      operands.push_back({"knorm", bytesOf(gain)});
    }
    result.launches.push_back({1, what, operands, tokens, 3});
    if (attend)
      addAttention(part[0], store, positions, table, what);
  }

  /// A gain with which the first head of `keys` lies halfway between two f16.
  std::vector<float> tieGain(const std::vector<float> &keys) const {
    std::vector<float> gain(knorm.size(), 0.0f), ones(h.dim, 1.0f), normed(h.dim);
    numerics::rmsNorm(keys.data(), ones.data(), h.dim, normEps, normed.data());
    for (uint32_t i = 0; i < h.dim; ++i) {
      uint16_t half16 = f32ToF16(normed[i]);
      gain[i] = (f16ToF32(half16) + f16ToF32(half16 + 1)) * 0.5f / normed[i];
    }
    return gain;
  }

  std::vector<float> packedBias(size_t i, bool biased) const {
    const plan::LinearRange &range = qkv.ranges[i];
    std::vector<float> packed(plan::padTo(plan::packedRows(range), 32), 0.0f);
    for (uint32_t n = 0; biased && n < range.rows; ++n)
      packed[n / h.dim * padded + n % h.dim] = biases[i][n];
    return packed;
  }

  /// The sequence's blocks start at entry 1 of the block tables.
  static void addTables(std::vector<Operand> &operands, const std::vector<int32_t> &positions,
                        std::vector<uint32_t> table) {
    table.insert(table.begin(), 77);
    operands.push_back({"positions", bytesOf(positions)});
    operands.push_back({"tableOffsets", bytesOf(std::vector<uint32_t>(positions.size(), 1))});
    operands.push_back({"blockTables", bytesOf(table)});
  }

  /// `queries` are [token][head][dim], before qScale.
  void addAttention(const std::vector<float> &queries, const numerics::KvStore &store,
                    const std::vector<int32_t> &positions, const std::vector<uint32_t> &table,
                    const std::string &what) {
    uint32_t features = h.heads * h.dim, stride = plan::rowStride(features);
    uint32_t tokens = static_cast<uint32_t>(positions.size());
    std::vector<float> q(size_t(tokens) * h.heads * padded, 0.0f);
    std::vector<float> out(size_t(tokens) * stride, 0.0f), row(features);
    for (uint32_t t = 0; t < tokens; ++t) {
      for (uint32_t n = 0; n < features; ++n) {
        row[n] = queries[t * features + n] * qScale;
        q[(t * h.heads + n / h.dim) * padded + n % h.dim] = row[n];
      }
      numerics::attention(row.data(), h.heads, store, static_cast<uint32_t>(positions[t]), h.window,
                          &out[t * stride]);
    }
    std::vector<Operand> operands = {{"q", bytesOf(q)},
                                     {"out", unwritten(out.size() * 4), bytesOf(out), stride * 4},
                                     {"kv", bytesOf(kvMemory(attention, {&store}, {table}))}};
    addTables(operands, positions, table);
    operands.push_back({"spans", bytesOf(std::vector<uint8_t>(64))});
    for (uint32_t calls : {1u, 3u})
      result.launches.push_back({2, what, operands, tokens, calls});
    operands.back() = spansOperand(spans);
    result.launches.push_back({3, what, operands, tokens, 3});
  }

  /// Queries whose softmax, or fold of two blocks or spans, takes exp of exactly the expArguments.
  /// Keys are ones and zeros, so that a query's features are scores of chosen positions: feature
  /// Each scores one position in each vector of 8 positions, Rest the positions that no other
  /// feature scores. Each chosen position's value is a feature of the output of its own.
  void chosenScores() {
    // First and Second of every block, Last of blocks 0 and 3, two positions of block 1, two of the
    // second span.
    enum Feature { Each, Rest, Filler, First, Second, Last, BlockA, BlockB, SpanA, SpanB };
    numerics::KvStore store = emptyStore();
    for (uint32_t j = 0; j < 320; ++j) {
      std::vector<float> k(h.dim, 0.0f), v(h.dim, 0.0f);
      // int8 keeps small integers as they are when the largest is 127.
      k[Filler] = v[h.dim - 1] = 127.0f;
      uint32_t block = j / AXM_KV_BLOCK, slot = j % AXM_KV_BLOCK;
      uint32_t each = slot == 57 ? 7 : slot < 63 && slot % 9 == 0 ? slot / 9 : 8;
      bool last = slot == 63 && block % 3 == 0, pair = block == 1 || block == 4;
      uint32_t feature = each < 8            ? Each
                         : slot == 1         ? First
                         : slot == 2         ? Second
                         : last              ? Last
                         : pair && slot == 3 ? (block == 1 ? BlockA : SpanA)
                         : pair && slot == 4 ? (block == 1 ? BlockB : SpanB)
                                             : Rest;
      k[feature] = 1.0f;
      if (feature != Rest)
        v[feature == Each ? each : 8 + (feature < SpanA ? feature : feature - 2)] = 1.0f;
      std::vector<float> keys, values;
      for (uint32_t head = 0; head < h.kvHeads; ++head) {
        keys.insert(keys.end(), k.begin(), k.end());
        values.insert(values.end(), v.begin(), v.end());
      }
      store.write(j, keys.data(), values.data());
    }
    std::vector<float> queries;
    std::vector<int32_t> positions;
    enum Kind { Within, Rising, Falling };
    auto add = [&](float argument, Kind kind, bool spansMeet, std::vector<int32_t> at) {
      const float out = -1000;
      for (int32_t position : at) {
        positions.push_back(position);
        for (uint32_t head = 0; head < h.heads; ++head) {
          std::vector<float> q(h.dim, 0.0f);
          // Another exp below the chosen one: a sum of its own for every head.
          float more = argument - std::uniform_real_distribution<float>(0, 1)(rng);
          std::fill_n(q.begin(), SpanB + 1, out);
          q[Filler] = 0.0f;
          if (kind == Within) {
            q[Each] = argument;
            q[First] = 0.0f;
            q[Second] = more;
          } else {
            q[Last] = kind == Rising ? argument : 0.0f;
            q[spansMeet ? SpanA : BlockA] = kind == Rising ? 0.0f : argument;
            q[spansMeet ? SpanB : BlockB] = kind == Rising ? more - argument : more;
          }
          for (float &value : q)
            value /= qScale; // a power of two
          queries.insert(queries.end(), q.begin(), q.end());
        }
      }
    };
    auto launch = [&] {
      addAttention(queries, store, positions, {4, 2, 0, 1, 3}, "chosen scores");
      queries.clear();
      positions.clear();
    };
    // Factors of a fold are those of sums and outputs alike: a wrong power of two in all of them
    // shows only where products are so small that bits are lost.
    for (float argument : {-86.1f, -86.3f, -86.5f, -86.7f, -86.9f}) {
      for (int repeat = 0; repeat < 20; ++repeat)
        for (std::vector<int32_t> at : {std::vector<int32_t>{127}, {126, 127}, {319}, {318, 319}})
          add(argument, Falling, at.back() > 127, at);
      launch();
    }
    for (size_t i = 0; i < expArguments.size(); ++i) {
      // Blocks that are seen whole and in part; tokens alone and, in rising order, side by side.
      for (std::vector<int32_t> at : {std::vector<int32_t>{63}, {62}, {62, 63}, {128}, {128, 129}})
        add(expArguments[i], Within, false, at);
      for (Kind kind : {Rising, Falling}) {
        for (std::vector<int32_t> at : {std::vector<int32_t>{127}, {126, 127}})
          add(expArguments[i], kind, false, at);
        for (std::vector<int32_t> at : {std::vector<int32_t>{319}, {318, 319}})
          add(expArguments[i], kind, true, at);
      }
      // The memory for spans bounds a step's tokens.
      if (i % 6 == 5 || i + 1 == expArguments.size())
        launch();
    }
  }
};

} // namespace

KernelCase headsCase(const Heads &heads) { return HeadsBuilder(heads).build(); }

KernelCase embedCase(AxmFormat format) {
  KernelCase result{std::string("embed ") + formatName(format), {}, {}};
  std::mt19937 rng(11);
  for (uint32_t inner : {32u, 80u, 576u, 640u, 1000u}) {
    KernelSpec spec;
    spec.name = "embed" + std::to_string(inner);
    spec.kind = KernelKind::Embed;
    spec.inner = inner;
    if (inner == 640 || inner == 1000)
      spec.cuts = {320};
    spec.ranges.push_back({format, 131, 1, 8, false});
    uint32_t stride = plan::rowStride(inner);
    Matrix table = randomMatrix(spec.ranges[0], inner, spec.cuts, Fill::Random, rng);
    const std::vector<int32_t> tokens = {0, 130, 7, 8, 64};
    std::vector<float> x(tokens.size() * stride, 0.0f);
    for (size_t t = 0; t < tokens.size(); ++t)
      numerics::embedding(table.logical, static_cast<uint32_t>(tokens[t]), &x[t * stride]);
    result.launches.push_back({result.specs.size(),
                               "5 tokens",
                               {{"tokens", bytesOf(tokens)},
                                {"table", bytesOf(table.packed)},
                                {"x", unwritten(x.size() * 4), bytesOf(x), stride * 4}},
                               5,
                               2});
    result.specs.push_back(spec);
  }
  return result;
}

} // namespace axiom::test
