// Constraints: what they forbid does not come, greedy or drawn, with drafts and without; they end a
// sample, and an end comes where nothing else may.
#include "test/unit/engine/FakeRunner.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::engine;

namespace {

constexpr uint32_t kVocab = 70; // not a multiple of 32
constexpr int32_t kEos = 69;

/// Logits that fall with the distance from the token that a circle of seven would bring.
class Circle : public StepRunner {
public:
  Status step(const StepInput &in) override {
    for (size_t r = 0; r < in.rows.size(); ++r) {
      std::span<float> row(in.logits + r * kVocab, kVocab);
      int32_t next = (in.tokens[in.rows[r]] + 1) % 7;
      for (size_t i = 0; i < kVocab; ++i)
        row[i] = -0.25f * static_cast<float>(std::abs(static_cast<int32_t>(i) - next));
      computeTiles(row, {in.tiles + r, 1});
    }
    return {};
  }
  void clearBlock(uint32_t) override {}
};

/// Even tokens alone; after `length` of them the end alone, or nothing.
class Even : public TokenConstraint {
public:
  Even(uint32_t length, bool endsByItself) : length_(length), endsByItself_(endsByItself) {}
  Status fill(std::span<uint32_t> mask) override {
    EXPECT_EQ(mask.size(), maskWords(kVocab));
    std::fill(mask.begin(), mask.end(), 0);
    for (uint32_t i = 0; i < kVocab && taken_ < length_; i += 2)
      mask[i / 32] |= 1u << (i % 32);
    if (taken_ == length_)
      mask[kEos / 32] |= 1u << (kEos % 32);
    return {};
  }
  Status accept(int32_t token) override {
    if (taken_ == length_ ? token != kEos : token % 2 != 0)
      return {Code::Internal, "a token that may not come"};
    ended_ = ++taken_ > length_ || (endsByItself_ && taken_ == length_);
    return {};
  }
  bool ended() const override { return ended_; }

private:
  uint32_t length_, taken_ = 0;
  bool endsByItself_, ended_ = false;
};

class EvenSource : public ConstraintSource {
public:
  EvenSource(uint32_t length, bool endsByItself) : length_(length), endsByItself_(endsByItself) {}
  Result<std::unique_ptr<TokenConstraint>> start() const override {
    return std::unique_ptr<TokenConstraint>(std::make_unique<Even>(length_, endsByItself_));
  }

private:
  uint32_t length_;
  bool endsByItself_;
};

struct Outcome {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
  Finish finish = Finish::None;
  Status status;
  Stats stats;
};

Outcome generate(float temperature, uint32_t drafts, bool endsByItself, uint32_t minTokens = 0,
                 uint32_t length = 60, bool logprobs = true) {
  ModelInfo info;
  info.vocab = info.logitsStride = kVocab;
  info.numTiles = 1;
  info.maxContext = 512;
  info.eos = {kEos};
  EngineOptions options;
  options.limits = {64, 2, 16};
  options.numBlocks = 16;
  options.maxDraftTokens = drafts;
  uint64_t clock = 0;
  options.clock = [&clock] { return clock += 1000; };
  auto engine = std::move(Engine::create(info, options, std::make_unique<Circle>())).value();
  RequestSpec spec;
  spec.prompt = {0, 2, 4, 6, 0, 2, 4, 6, 0, 2, 4, 6};
  spec.maxTokens = 100;
  spec.minTokens = minTokens;
  spec.sampling.temperature = temperature;
  spec.sampling.seed = 7;
  spec.sampling.wantLogprob = logprobs;
  spec.constraint = std::make_shared<EvenSource>(length, endsByItself);
  Outcome out;
  auto id = engine->submit(std::move(spec));
  EXPECT_TRUE(id.ok());
  for (Event event : collect(*engine, *id)) {
    if (event.token >= 0) {
      out.tokens.push_back(event.token);
      out.logprobs.push_back(event.logprob);
    }
    out.finish = event.finish;
    out.status = event.status;
  }
  out.stats = engine->stats();
  return out;
}

TEST(Constraint, ForbiddenTokensDoNotCome) {
  for (float temperature : {0.0f, 1.0f})
    for (bool byItself : {false, true}) {
      Outcome out = generate(temperature, 0, byItself);
      EXPECT_EQ(out.finish, Finish::Stop) << out.status.message();
      ASSERT_EQ(out.tokens.size(), byItself ? 60u : 61u);
      for (size_t i = 0; i < 60; ++i)
        EXPECT_EQ(out.tokens[i] % 2, 0);
      if (!byItself) {
        EXPECT_EQ(out.tokens.back(), kEos);
      }
    }
  // Greedy, and nothing reported: the tiles alone would not do.
  Outcome out = generate(0, 0, false, 0, 60, false);
  EXPECT_EQ(out.finish, Finish::Stop) << out.status.message();
  EXPECT_EQ(out.tokens.size(), 61u);
}

TEST(Constraint, DraftsChangeNothing) {
  for (float temperature : {0.0f, 0.2f, 1.0f}) {
    Outcome with = generate(temperature, 4, false), without = generate(temperature, 0, false);
    EXPECT_EQ(with.tokens, without.tokens);
    EXPECT_EQ(with.logprobs, without.logprobs);
    if (temperature == 0) {
      EXPECT_GT(with.stats.acceptedDraftTokens, 0u);
    }
  }
}

TEST(Constraint, AnEndComesWhereNothingElseMay) {
  Outcome out = generate(0, 0, false, 50, 5);
  EXPECT_EQ(out.finish, Finish::Stop) << out.status.message();
  EXPECT_EQ(out.tokens.size(), 6u);
}

} // namespace
