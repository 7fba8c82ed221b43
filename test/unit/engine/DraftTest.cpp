// Drafts: what is guessed, when it pays, and that it changes nothing.
#include "test/unit/engine/FakeRunner.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::engine;

namespace {

using Tokens = std::vector<int32_t>;

/// A model that says its prompt's tokens again, in a circle, but for every `odd`th position; with
/// odd = 1, tokens that nobody can guess.
class Parrot : public StepRunner {
public:
  static constexpr uint32_t kVocab = 64;
  explicit Parrot(uint32_t odd, uint64_t &clock, uint64_t perToken)
      : odd_(odd), clock_(clock), perToken_(perToken) {}

  static int32_t next(int32_t token, uint32_t position, uint32_t odd) {
    if (odd == 1)
      return static_cast<int32_t>(mix(position) % 12);
    return position % odd == 0 ? 60 : (token + 1) % 7;
  }
  Status step(const StepInput &in) override {
    clock_ += 1000 + perToken_ * in.tokens.size();
    tokens += in.tokens.size();
    ++steps;
    for (size_t r = 0; r < in.rows.size(); ++r) {
      std::span<float> row(in.logits + r * kVocab, kVocab);
      std::fill(row.begin(), row.end(), 0.0f);
      size_t i = in.rows[r];
      row[static_cast<size_t>(
          next(in.tokens[i], static_cast<uint32_t>(in.positions[i]) + 1, odd_))] = 9.0f;
      computeTiles(row, {in.tiles + r, 1});
    }
    return {};
  }
  void clearBlock(uint32_t) override {}

  uint64_t tokens = 0, steps = 0;

private:
  uint32_t odd_;
  uint64_t &clock_;
  uint64_t perToken_;
};

struct Outcome {
  Tokens tokens;
  std::vector<float> logprobs;
  Stats stats;
};

Outcome generate(uint32_t maxDraftTokens, uint32_t odd, uint64_t perToken, uint32_t count = 200) {
  uint64_t clock = 0;
  ModelInfo info;
  info.vocab = info.logitsStride = Parrot::kVocab;
  info.numTiles = 1;
  info.maxContext = 1024;
  EngineOptions options;
  options.limits = {64, 2, 16};
  options.numBlocks = 16;
  options.maxDraftTokens = maxDraftTokens;
  options.clock = [&clock] { return clock; };
  auto engine =
      std::move(Engine::create(info, options, std::make_unique<Parrot>(odd, clock, perToken)))
          .value();
  RequestSpec spec;
  spec.prompt = {0, 1, 2, 3, 4, 5, 6, 0, 1, 2};
  spec.maxTokens = count;
  spec.sampling.wantLogprob = true;
  spec.sampling.seed = 5;
  spec.sampling.repetitionPenalty = 1.01f;
  Outcome outcome;
  auto id = engine->submit(std::move(spec));
  EXPECT_TRUE(id.ok());
  for (Event event : collect(*engine, *id)) {
    outcome.tokens.push_back(event.token);
    outcome.logprobs.push_back(event.logprob);
  }
  outcome.stats = engine->stats();
  EXPECT_EQ(engine->checkInvariants(), "");
  return outcome;
}

} // namespace

TEST(Drafter, SaysWhatFollowedTheLastTime) {
  Drafter drafter;
  EXPECT_EQ(drafter.draft(Tokens{}, 4), Tokens{});
  EXPECT_EQ(drafter.draft(Tokens{1}, 4), Tokens{});
  EXPECT_EQ(drafter.draft(Tokens{1, 2}, 4), Tokens{});
  EXPECT_EQ(drafter.draft(Tokens{1, 2, 3, 1}, 4), Tokens{});
  EXPECT_EQ(drafter.draft(Tokens{1, 2, 3, 1, 2}, 4), (Tokens{3, 1, 2}));
  EXPECT_EQ(drafter.draft(Tokens{1, 2, 3, 1, 2, 9}, 4), Tokens{});
  EXPECT_EQ(drafter.draft(Tokens{1, 2, 3, 1, 2, 9, 1, 2}, 2), (Tokens{9, 1})) << "the last one";
}

TEST(Drafter, LongerRunsDecide) {
  Drafter drafter;
  EXPECT_EQ(drafter.draft(Tokens{5, 1, 2, 7, 6, 1, 2, 8, 5, 1, 2}, 1), (Tokens{7}));
}

TEST(Drafter, ChangesNothingButTheNumberOfSteps) {
  for (uint32_t odd : {1000u, 17u, 5u, 1u}) {
    Outcome without = generate(0, odd, 10);
    EXPECT_EQ(without.stats.drafts, 0u);
    for (uint32_t most : {1u, 4u, 8u}) {
      Outcome with = generate(most, odd, 10);
      EXPECT_EQ(with.tokens, without.tokens);
      EXPECT_EQ(with.logprobs, without.logprobs);
      EXPECT_EQ(with.stats.outputTokens, without.stats.outputTokens);
      EXPECT_LE(with.stats.acceptedDraftTokens, with.stats.draftTokens);
      if (odd == 1000) {
        EXPECT_LT(with.stats.steps, without.stats.steps * 2 / 3);
        EXPECT_GT(with.stats.acceptedDraftTokens, 60u);
      }
    }
  }
}

TEST(Drafter, StopsWhereItDoesNotPay) {
  // A token costs as much as a whole step without it: nothing is gained by a draft that is wrong.
  Outcome outcome = generate(4, 1, 1000, 600);
  EXPECT_LT(outcome.stats.draftTokens, 120u);
  EXPECT_GT(outcome.stats.draftTokens, 8u) << "it is tried again now and then";
  Outcome cheap = generate(4, 1000, 10, 600);
  EXPECT_GT(cheap.stats.draftTokens, 300u);
}
