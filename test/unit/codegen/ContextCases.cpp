// Attention over contexts of some blocks and spans.
#include "test/unit/codegen/KernelCases.h"
#include "test/unit/codegen/KvMemory.h"

#include <algorithm>
#include <optional>

namespace axiom::test {

using plan::KernelSpec;

// Beside the heads of headsShapes: windows that start inside of blocks and spans; groups in one run
// of rows, in several, and so large that no two tokens make a tile.
const std::vector<Heads> contextShapes = {
    {8, 2, 32, 300, AXM_KV_F16, false, false}, {7, 1, 40, 257, AXM_KV_INT8, false, false},
    {2, 2, 20, 0, AXM_KV_F32, false, false},   {8, 1, 16, 70, AXM_KV_INT8, false, false},
    {33, 1, 16, 0, AXM_KV_F16, false, false},  {65, 1, 16, 256, AXM_KV_F32, false, false}};
const Heads largeHeads = {2, 1, 136, 0, AXM_KV_F16, false, false};

namespace {

class ContextsBuilder {
public:
  explicit ContextsBuilder(const Heads &h) : h(h), rng(h.dim * 37 + h.heads) {
    tiles.name = "attention";
    tiles.kind = plan::KernelKind::Attention;
    tiles.heads = h.heads;
    tiles.kvHeads = h.kvHeads;
    tiles.headDim = h.dim;
    tiles.window = h.window;
    tiles.kvType = h.type;
    tiles.kvHeadBytes = plan::kvHeadBytes(h.type, h.dim);
    tiles.kvBlockBytes = tiles.kvHeadBytes * h.kvHeads * 2;
    spans = tiles;
    spans.name = "spans";
    spans.spanUnits = true;
  }

  KernelCase build() {
    result.name = "contexts " + std::to_string(h.heads) + "/" + std::to_string(h.kvHeads) + " of " +
                  std::to_string(h.dim) + ", window " + std::to_string(h.window);
    result.specs = {tiles, spans};
    // Blocks in no order; entry 0 belongs to nobody.
    uint32_t next = 0;
    for (uint32_t length : {1101u, 300u}) {
      stores.push_back({});
      stores.back().type = h.type;
      stores.back().heads = h.kvHeads;
      stores.back().dim = h.dim;
      std::vector<uint32_t> blocks;
      for (uint32_t position = 0; position < length; ++position) {
        if (position % AXM_KV_BLOCK == 0)
          blocks.insert(blocks.begin(), next++);
        std::vector<float> k = randomVector(h.kvHeads * h.dim, h.kvHeads * h.dim, -2, 2, rng);
        std::vector<float> v = randomVector(h.kvHeads * h.dim, h.kvHeads * h.dim, -2, 2, rng);
        stores.back().write(position, k.data(), v.data());
      }
      offsets.push_back(static_cast<uint32_t>(entries.size()));
      entries.insert(entries.end(), blocks.begin(), blocks.end());
      tables.push_back(blocks);
    }
    kv = bytesOf(kvMemory(tiles, {&stores[0], &stores[1]}, tables));

    for (uint32_t position : {0u, 1u, 63u, 64u, 65u, 255u, 256u, 257u, 511u, 512u, 513u, 1100u})
      add({{0, position}}, "position " + std::to_string(position));
    add({{0, 1100}, {1, 299}, {0, 256}, {1, 0}, {0, 511}, {1, 255}, {0, 63}, {0, 700}}, "8 tokens");
    add(run(0, 254, 8), "8 tokens around a border");
    // Neighbours of one sequence, broken off by the end of a tile, another sequence, and a gap.
    // More than 64 of them.
    Tokens ragged = run(0, 237, 38);
    for (const Tokens &more : {run(1, 0, 3), run(1, 290, 10), run(0, 505, 1), run(0, 506, 12),
                               run(1, 63, 2), run(1, 64, 1), run(1, 64, 1)})
      ragged.insert(ragged.end(), more.begin(), more.end());
    add(ragged, "ragged tokens");
    add(run(1, 0, 300), "a whole sequence");
    Tokens mixed;
    for (uint32_t i = 0; i < 20; ++i)
      mixed.push_back(i % 3 ? Token{1, uint32_t(rng() % 300)} : Token{0, uint32_t(rng() % 1101)});
    add(mixed, "20 sequences");
    // Each slot of a block is the last one that a token sees, or the first one, alone and in tiles;
    // its score is the largest, so that a mask that leaves it out shows. GPUs have another form for
    // more than 64 tokens.
    const Tokens rising = run(0, 640, 66);
    for (uint32_t back : {0u, h.window ? h.window - 1 : 0})
      for (const Tokens &tokens : {run(0, 640, 64), rising, Tokens(rising.rbegin(), rising.rend())})
        add(tokens, "each slot, key " + std::to_string(back) + " back", back);
    return std::move(result);
  }

private:
  struct Token {
    size_t sequence;
    uint32_t position;
  };
  using Tokens = std::vector<Token>;

  const Heads h;
  std::mt19937 rng;
  KernelSpec tiles, spans;
  KernelCase result;
  std::vector<numerics::KvStore> stores;
  std::vector<std::vector<uint32_t>> tables;
  std::vector<uint32_t> offsets, entries = {77};
  Bytes kv;

  static Tokens run(size_t sequence, uint32_t first, uint32_t count) {
    Tokens tokens;
    for (uint32_t i = 0; i < count; ++i)
      tokens.push_back({sequence, first + i});
    return tokens;
  }

  /// Queries are random, or like the key so many positions `back`.
  void add(const Tokens &tokens, const std::string &what, std::optional<uint32_t> back = {}) {
    auto count = static_cast<uint32_t>(tokens.size());
    uint32_t features = h.heads * h.dim, stride = plan::rowStride(features),
             padded = plan::headDimPadded(h.dim), last = 0;
    std::vector<float> q(size_t(count) * h.heads * padded, 0.0f);
    std::vector<float> out(size_t(count) * stride, 0.0f);
    std::vector<int32_t> positions;
    std::vector<uint32_t> tableOffsets;
    for (uint32_t t = 0; t < count; ++t) {
      // Scores of some units: every position has a weight.
      std::vector<float> row = randomVector(features, features, -1, 1, rng);
      const numerics::KvStore &store = stores[tokens[t].sequence];
      for (uint32_t n = 0; n < features; ++n) {
        if (back) {
          size_t head =
              size_t(tokens[t].position - *back) * h.kvHeads + n / h.dim * h.kvHeads / h.heads;
          row[n] = store.k[head * h.dim + n % h.dim];
          if (h.type == AXM_KV_INT8)
            row[n] *= store.kscale[head];
        }
        row[n] /= static_cast<float>(h.dim) / 8;
        q[(t * h.heads + n / h.dim) * padded + n % h.dim] = row[n];
      }
      const Token &token = tokens[t];
      numerics::attention(row.data(), h.heads, stores[token.sequence], token.position, h.window,
                          &out[size_t(t) * stride]);
      positions.push_back(static_cast<int32_t>(token.position));
      tableOffsets.push_back(offsets[token.sequence]);
      last = std::max(last, token.position);
    }
    std::vector<Operand> operands = {{"q", bytesOf(q)},
                                     {"out", unwritten(out.size() * 4), bytesOf(out), stride * 4},
                                     {"kv", kv},
                                     {"positions", bytesOf(positions)},
                                     {"tableOffsets", bytesOf(tableOffsets)},
                                     {"blockTables", bytesOf(entries)},
                                     {"spans", bytesOf(std::vector<uint8_t>(64))}};
    uint32_t all = count * h.kvHeads;
    for (uint32_t calls : {1u, 3u, all})
      if (calls <= all)
        result.launches.push_back({0, what, operands, count, calls});
    AxmKernelRow row = plan::kernelRow(spans);
    uint32_t most = std::min(last / AXM_ATTENTION_SPAN + 1, row.spansPerToken);
    if (count * most > row.maxSpans)
      return;
    operands.back() = spansOperand(spans);
    for (uint32_t calls : {1u, 5u, all * most})
      result.launches.push_back({1, what, operands, count, calls});
  }
};

} // namespace

KernelCase contextsCase(const Heads &heads) { return ContextsBuilder(heads).build(); }

} // namespace axiom::test
