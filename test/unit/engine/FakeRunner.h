// A model without weights: the logits of a row are a hash of all tokens of its sequence, read back
// through the block tables. A wrong table, position, order or uncleared block changes them.
#ifndef AXIOM_TEST_UNIT_ENGINE_FAKERUNNER_H
#define AXIOM_TEST_UNIT_ENGINE_FAKERUNNER_H

#include "runtime/engine/Engine.h"

#include <cmath>
#include <limits>
#include <map>

namespace axiom::engine {

inline uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdull;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ull;
  return x ^ x >> 33;
}

class FakeRunner : public StepRunner {
public:
  static constexpr uint32_t kVocab = 300, kStride = 320, kTiles = 1;

  explicit FakeRunner(uint32_t numBlocks) : kv_(numBlocks, std::vector<int32_t>(64, -1)) {}

  static ModelInfo info(uint32_t maxContext = 1024) {
    ModelInfo info;
    info.vocab = kVocab;
    info.logitsStride = kStride;
    info.numTiles = kTiles;
    info.maxContext = maxContext;
    info.eos = {299};
    return info;
  }
  static void fillLogits(const std::vector<int32_t> &tokens, std::span<float> logits) {
    uint64_t hash = 1;
    for (int32_t token : tokens)
      hash = mix(hash * 31 + static_cast<uint64_t>(token));
    for (uint32_t i = 0; i < kVocab; ++i)
      logits[i] = static_cast<float>(mix(hash + i) % 4096) / 256.0f;
    logits[299] -= 8.0f; // the end token is rare
  }
  /// What greedy decoding gives without an engine.
  static std::vector<int32_t> greedy(std::vector<int32_t> tokens, uint32_t count) {
    std::vector<int32_t> out;
    std::vector<float> logits(kVocab);
    while (out.size() < count) {
      fillLogits(tokens, logits);
      auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      out.push_back(static_cast<int32_t>(best));
      tokens.push_back(static_cast<int32_t>(best));
    }
    return out;
  }

  Status step(const StepInput &in) override {
    ++steps;
    if (failStep == steps)
      return {Code::Internal, "the fake device failed"};
    for (size_t i = 0; i < in.tokens.size(); ++i)
      cell(in, i, static_cast<uint32_t>(in.positions[i])) = in.tokens[i];
    for (size_t r = 0; r < in.rows.size(); ++r) {
      size_t i = in.rows[r];
      std::vector<int32_t> tokens;
      for (uint32_t p = 0; p <= static_cast<uint32_t>(in.positions[i]); ++p) {
        tokens.push_back(cell(in, i, p));
        if (tokens.back() < 0)
          return {Code::Internal, "a position was read before it was written"};
      }
      std::span<float> row(in.logits + r * kStride, kStride);
      std::fill(row.begin(), row.end(), -std::numeric_limits<float>::infinity());
      fillLogits(tokens, row);
      for (int32_t token : tokens)
        if (token == poison)
          row[17] = std::numeric_limits<float>::quiet_NaN();
      computeTiles(row.first(kVocab), {in.tiles + r * kTiles, kTiles});
    }
    return {};
  }
  void clearBlock(uint32_t block) override { kv_[block].assign(64, -1); }

  uint64_t steps = 0, failStep = 0;
  int32_t poison = -1; ///< sequences with this token get a NaN

private:
  int32_t &cell(const StepInput &in, size_t i, uint32_t position) {
    return kv_.at(in.blockTables[in.tableOffsets[i] + position / 64])[position % 64];
  }
  std::vector<std::vector<int32_t>> kv_;
};

/// Token 65 is "A" and so on; tokens from 128 on are "<n>".
class FakeText : public TextStream {
public:
  std::string add(int32_t token) override {
    return token < 128 ? std::string(1, static_cast<char>('A' + token % 26))
                       : "<" + std::to_string(token) + ">";
  }
  std::string flush() override { return {}; }
};

/// All events of a request of an engine that the test drives itself.
inline std::vector<Event> collect(Engine &engine, RequestId id) {
  std::vector<Event> events;
  for (Event event; engine.wait(id, -1, event) == Engine::Next::Event;)
    events.push_back(event);
  return events;
}

inline std::vector<int32_t> tokensOf(const std::vector<Event> &events, uint32_t sample = 0) {
  std::vector<int32_t> tokens;
  for (auto &event : events)
    if (event.token >= 0 && event.sample == sample)
      tokens.push_back(event.token);
  return tokens;
}

} // namespace axiom::engine

#endif
