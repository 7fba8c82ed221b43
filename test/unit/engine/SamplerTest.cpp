#include "runtime/engine/Sampler.h"

#include "runtime/engine/Philox.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <map>

using namespace axiom;
using namespace axiom::engine;

namespace {

struct Row {
  std::vector<float> logits;
  std::vector<AxmTile> tiles;
  explicit Row(std::vector<float> values) : logits(std::move(values)) {
    tiles.resize((logits.size() + AXM_TILE_IDS - 1) / AXM_TILE_IDS);
    computeTiles(logits, tiles);
  }
  SampleInput input(uint32_t position = 0, const TokenHistory *history = nullptr) const {
    SampleInput in;
    in.logits = logits;
    in.tiles = tiles;
    in.position = position;
    in.history = history;
    return in;
  }
};

int32_t pick(const SamplingParams &params, const SampleInput &input) {
  auto choice = Sampler().sample(params, input);
  EXPECT_TRUE(choice.ok()) << choice.status().message();
  return choice.ok() ? choice->token : -1;
}

std::map<int32_t, double> shares(const SamplingParams &params, const Row &row, int draws = 40000) {
  std::map<int32_t, double> counts;
  Sampler sampler;
  for (int i = 0; i < draws; ++i)
    counts[sampler.sample(params, row.input(static_cast<uint32_t>(i)))->token] += 1.0 / draws;
  return counts;
}

SamplingParams at(float temperature) {
  SamplingParams p;
  p.temperature = temperature;
  return p;
}

} // namespace

TEST(Sampler, GreedyNeedsTilesOnly) {
  Row row(std::vector<float>(2000, 0.5f));
  row.logits[1500] = 2.0f;
  computeTiles(row.logits, row.tiles);
  SampleInput in = row.input();
  in.logits = {};
  EXPECT_EQ(pick(at(0), in), 1500);
  for (float wrong : {HUGE_VALF, -HUGE_VALF, std::nanf("")})
    for (size_t id : {0u, 3u, 1023u, 1024u, 1999u}) {
      Row bad(row.logits);
      bad.logits[id] = wrong;
      computeTiles(bad.logits, bad.tiles);
      in = bad.input();
      in.logits = {};
      auto choice = Sampler().sample(at(0), in);
      ASSERT_FALSE(choice.ok());
      EXPECT_NE(choice.status().message().find("not finite"), std::string::npos);
    }
  // Whatever else is asked for needs logits, and says so.
  in = row.input();
  in.logits = {};
  std::vector<SamplingParams> others(5, at(0));
  others[0].temperature = 0.5f;
  others[1].numLogprobs = 1;
  others[2].wantLogprob = true;
  others[3].logitBias = {{1, 2.0f}};
  others[4].presencePenalty = 1;
  for (const SamplingParams &params : others)
    EXPECT_EQ(Sampler().sample(params, in).status().code(), Code::Internal);
  std::vector<int32_t> excluded = {1500};
  in.excluded = excluded;
  EXPECT_EQ(Sampler().sample(at(0), in).status().code(), Code::Internal);
}

// The known answers that the authors of Philox publish with it.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Sampler, GreedyTakesTheLowestOfTies) {
  std::vector<float> logits(3000, 1.0f);
  logits[2500] = logits[1400] = logits[1023] = 5.0f;
  EXPECT_EQ(pick(at(0), Row(logits).input()), 1023);
  logits[1023] = 0;
  EXPECT_EQ(pick(at(0), Row(logits).input()), 1400);
}

TEST(Sampler, FollowsTheDistribution) {
  Row row({0.0f, std::log(2.0f), std::log(5.0f), -30.0f});
  auto s = shares(at(1), row);
  EXPECT_NEAR(s[0], 1.0 / 8, 0.01);
  EXPECT_NEAR(s[1], 2.0 / 8, 0.01);
  EXPECT_NEAR(s[2], 5.0 / 8, 0.01);
  EXPECT_EQ(s.count(3), 0u);
  auto hot = shares(at(2), row); // sqrt of the odds
  EXPECT_NEAR(hot[2] / hot[0], std::sqrt(5.0), 0.15);
}

TEST(Sampler, TopKTopPMinP) {
  Row row(
      {std::log(1.0f), std::log(4.0f), std::log(2.0f), std::log(4.0f), std::log(5.0f)}); // of 16
  SamplingParams p = at(1);
  p.topK = 2; // 5 and the first of the two 4s
  auto s = shares(p, row);
  EXPECT_EQ(s.size(), 2u);
  EXPECT_NEAR(s[4], 5.0 / 9, 0.01);
  EXPECT_NEAR(s[1], 4.0 / 9, 0.01);
  p = at(1);
  p.topP = 0.6f; // 5 + 4 = 9/16 < 0.6, with the next 4: 13/16
  s = shares(p, row);
  EXPECT_EQ(s.size(), 3u);
  EXPECT_EQ(s.count(0) + s.count(2), 0u);
  p.topP = 0.5f;
  EXPECT_EQ(shares(p, row).size(), 2u);
  p = at(1);
  p.minP = 0.5f; // at least 2.5 of 5
  EXPECT_EQ(shares(p, row).size(), 3u);
  p.minP = 1.0f;
  EXPECT_EQ(shares(p, row).size(), 1u);
}

TEST(Sampler, TopKComesBeforeTopP) {
  // Of 5, 4, 4, 2, 1: top-k 3 leaves 13; 0.7 of that is 9.1, so all three stay. Top-p first would
  // give 0.7 * 16 = 11.2 and three too; 0.69: 8.97 <= 9 keeps two, while top-p first keeps three.
  Row row({std::log(5.0f), std::log(4.0f), std::log(4.0f), std::log(2.0f), std::log(1.0f)});
  SamplingParams p = at(1);
  p.topK = 3;
  p.topP = 0.69f;
  EXPECT_EQ(shares(p, row).size(), 2u);
}

TEST(Sampler, TemperatureComesBeforeTopP) {
  // At T = 2 the odds 16 : 1 : 1 become 4 : 1 : 1: 0.8 needs a second token; at T = 1 it would not.
  Row row({std::log(16.0f), 0.0f, 0.0f});
  SamplingParams p = at(2);
  p.topP = 0.8f;
  EXPECT_EQ(shares(p, row).size(), 2u);
  p.temperature = 1;
  EXPECT_EQ(shares(p, row).size(), 1u);
}

TEST(Sampler, FiltersThatKeepAllChangeNothing) {
  std::vector<float> logits;
  for (int i = 0; i < 2000; ++i)
    logits.push_back(static_cast<float>((i * 7919) % 2000) / 250.0f);
  Row row(logits);
  SamplingParams plain = at(1.3f), wide = at(1.3f);
  wide.topK = 2000;
  wide.topP = 0.99999999f;
  wide.minP = 1e-9f;
  for (uint32_t i = 0; i < 300; ++i)
    EXPECT_EQ(pick(plain, row.input(i)), pick(wide, row.input(i)));
}

TEST(Sampler, PenaltiesAndBias) {
  TokenHistory history;
  history.addPrompt(0);
  history.addOutput(1);
  history.addOutput(1);
  SamplingParams p = at(0);
  Row row({2.0f, 2.2f, 1.9f, -1.0f});
  EXPECT_EQ(pick(p, row.input(0, &history)), 1);
  p.repetitionPenalty = 1.1f; // 1.818, 2.0, 1.9
  EXPECT_EQ(pick(p, row.input(0, &history)), 1);
  p.repetitionPenalty = 1.3f; // 1.54, 1.69, 1.9
  EXPECT_EQ(pick(p, row.input(0, &history)), 2);
  p = at(0);
  p.presencePenalty = 0.25f; // output only: token 1 falls to 1.95
  EXPECT_EQ(pick(p, row.input(0, &history)), 0);
  p = at(0);
  p.frequencyPenalty = 0.11f; // twice: 1.98
  EXPECT_EQ(pick(p, row.input(0, &history)), 0);
  p = at(0);
  p.logitBias = {{3, 4.0f}};
  EXPECT_EQ(pick(p, row.input(0, &history)), 3);
  // A negative logit is pushed down too: -1 * 3 < -2.
  TokenHistory negative;
  negative.addPrompt(0);
  p = at(0);
  p.repetitionPenalty = 3;
  EXPECT_EQ(pick(p, Row({-1.0f, -2.0f}).input(0, &negative)), 1);
}

TEST(Sampler, PenaltiesComeBeforeTemperatureAndTopK) {
  TokenHistory history;
  history.addOutput(0);
  SamplingParams p = at(1);
  p.topK = 1;
  p.presencePenalty = 5;
  EXPECT_EQ(pick(p, Row({4.0f, 3.0f, 0.0f}).input(0, &history)), 1);
}

TEST(Sampler, SeedSampleAndPositionDecide) {
  std::vector<float> logits(1000, 0.0f);
  Row row(logits);
  SamplingParams p = at(1);
  p.seed = 11;
  int same = 0;
  for (uint32_t i = 0; i < 200; ++i) {
    SampleInput input = row.input(i);
    int32_t token = pick(p, input);
    EXPECT_EQ(token, pick(p, input));
    input.sample = 1;
    same += pick(p, input) == token;
    SamplingParams other = p;
    other.seed = 12;
    same += pick(other, row.input(i)) == token;
  }
  EXPECT_LT(same, 8);
}

TEST(Sampler, RefusesNonFiniteAndExcluded) {
  for (float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    std::vector<float> logits(2000, 0.5f);
    logits[1500] = bad;
    EXPECT_FALSE(Sampler().sample(at(0), Row(logits).input()).ok());
  }
  Row row({1.0f, 2.0f});
  SampleInput input = row.input();
  std::vector<int32_t> excluded{1};
  input.excluded = excluded;
  EXPECT_EQ(pick(at(0), input), 0);
  EXPECT_EQ(pick(at(1), input), 0);
  excluded = {0, 1};
  input.excluded = excluded;
  EXPECT_FALSE(Sampler().sample(at(0), input).ok());
}

TEST(Sampler, TheMostLikelyAreThoseOfASort) {
  uint64_t state = 1;
  for (uint32_t size : {1u, 5u, 1000u, 3000u}) {
    std::vector<float> logits(size);
    for (float &l : logits) // few values: many ties
      l = static_cast<float>(
          (state = state * 6364136223846793005ull + 1442695040888963407ull) >> 40 & 63);
    Row row(logits);
    std::vector<int32_t> ids(size);
    for (uint32_t i = 0; i < size; ++i)
      ids[i] = static_cast<int32_t>(i);
    std::ranges::sort(ids, [&](int32_t a, int32_t b) {
      float la = logits[size_t(a)], lb = logits[size_t(b)];
      return la != lb ? la > lb : a < b;
    });
    for (uint32_t count : {1u, 2u, 20u, 128u}) {
      auto report = Sampler().report(row.logits, row.tiles, ids[size / 2], count);
      ASSERT_TRUE(report.ok());
      EXPECT_EQ(report->rank, size / 2 + 1);
      ASSERT_EQ(report->top.size(), std::min(count, size));
      for (size_t i = 0; i < report->top.size(); ++i)
        ASSERT_EQ(report->top[i].token, ids[i]) << size << " " << count << " " << i;
    }
  }
}

TEST(Sampler, OnlyAllowedTokensCome) {
  std::vector<float> logits(2000, 1.0f);
  logits[700] = 5.0f;
  Row row(logits);
  SamplingParams p = at(0);
  p.allowed = {0, 3, 1999};
  EXPECT_EQ(pick(p, row.input()), 0);
  p.logitBias = {{1999, 1.0f}, {700, 100.0f}};
  EXPECT_EQ(pick(p, row.input()), 1999) << "a bias allows nothing";
  p = at(2);
  p.allowed = {3, 700, 1999};
  auto s = shares(p, row, 4000);
  EXPECT_EQ(s.size(), 3u);
  EXPECT_GT(s[700], s[3]);
  // What is reported stays the model's own distribution.
  p.wantLogprob = true;
  p.temperature = 0;
  p.allowed = {3};
  auto choice = Sampler().sample(p, row.input());
  EXPECT_NEAR(choice->logprob, 1.0 - std::log(1999 * std::exp(1.0) + std::exp(5.0)), 1e-5);
  std::vector<int32_t> excluded{3};
  SampleInput input = row.input();
  input.excluded = excluded;
  EXPECT_EQ(Sampler().sample(p, input).status().code(), Code::InvalidArgument);
  p.allowed = {5, 2};
  EXPECT_FALSE(checkSampling(p, 2000).ok());
  p.allowed = {2000};
  EXPECT_FALSE(checkSampling(p, 2000).ok());
}

TEST(Sampler, BadWordsDoNotEnd) {
  Row row({1.0f, 2.0f, 3.0f, 4.0f});
  SamplingParams p = at(0);
  p.badWords = {{3}, {0, 1, 2}};
  auto after = [&](std::vector<int32_t> output) {
    SampleInput input = row.input();
    input.output = output;
    return pick(p, input);
  };
  EXPECT_EQ(after({}), 2);
  EXPECT_EQ(after({1}), 2) << "shorter than what comes before the word's last token";
  EXPECT_EQ(after({0, 1}), 1);
  EXPECT_EQ(after({3, 0, 1}), 1);
  EXPECT_EQ(after({0, 1, 1}), 2);
  EXPECT_FALSE(tilesSuffice(p, {}));
  p.badWords = {{}};
  EXPECT_FALSE(checkSampling(p, 4).ok());
  p.badWords = {{4}};
  EXPECT_FALSE(checkSampling(p, 4).ok());
}

TEST(Sampler, ReportsAToken) {
  Row row({1.0f, 3.0f, 2.0f, 3.0f});
  auto report = Sampler().report(row.logits, row.tiles, 3, 3);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->rank, 2u) << "of equal ones the lower id comes first";
  ASSERT_EQ(report->top.size(), 3u);
  EXPECT_EQ(report->top[0].token, 1);
  EXPECT_EQ(report->top[1], report->token);
  EXPECT_EQ(report->top[2].token, 2);
  // To the bit what is said of a token that is sampled.
  SamplingParams p = at(0);
  p.numLogprobs = 3;
  auto choice = Sampler().sample(p, row.input());
  EXPECT_EQ(choice->logprob, report->top[0].logprob);
  EXPECT_EQ(choice->top, report->top);
  EXPECT_EQ(Sampler().report(row.logits, row.tiles, 0, 0)->rank, 4u);
  Row bad({1.0f, NAN});
  EXPECT_FALSE(Sampler().report(bad.logits, bad.tiles, 0, 1).ok());
}

TEST(Sampler, LogprobsSumToOne) {
  std::vector<float> logits;
  for (int i = 0; i < 2500; ++i)
    logits.push_back(std::sin(static_cast<float>(i)) * 6.0f);
  Row row(logits);
  RowStats stats = joinTiles(row.tiles);
  double sum = 0;
  for (float l : logits)
    sum += std::exp(logProbability(stats, l));
  EXPECT_NEAR(sum, 1.0, 1e-6);
}

TEST(Sampler, ContractExp) {
  EXPECT_EQ(contractExp(0.0f), 1.0f);
  EXPECT_EQ(contractExp(-INFINITY), 0.0f);
  for (float x = -80; x < 80; x += 0.37f)
    EXPECT_NEAR(contractExp(x) / std::exp(static_cast<double>(x)), 1.0, 4e-7);
}
