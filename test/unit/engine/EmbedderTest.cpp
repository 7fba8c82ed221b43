// From hidden states to embeddings: the numbers, and that portions, company and preemption change
// nothing.
#include "runtime/engine/Embedder.h"

#include "test/unit/engine/FakeRunner.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace axiom;
using namespace axiom::engine;

namespace {

constexpr uint32_t kHidden = 70, kRow = 96; // more than the lanes, and not a multiple of them

/// The hidden state of a token is a hash of it and of its position.
void fillHidden(int32_t token, int32_t position, float *row) {
  for (uint32_t i = 0; i < kRow; ++i)
    row[i] = i >= kHidden ? std::nanf("") // nobody may read it
                          : static_cast<float>(mix(static_cast<uint64_t>(token) * 1000 +
                                                   static_cast<uint64_t>(position) * 100000 + i) %
                                               2001) /
                                    500.0f -
                                2.0f;
}

FinalNorm makeNorm() {
  FinalNorm norm;
  for (uint32_t i = 0; i < kHidden; ++i)
    norm.gain.push_back(0.5f + static_cast<float>(i) / 50.0f);
  norm.eps = 1e-5f;
  norm.stride = kRow;
  return norm;
}

class HiddenRunner : public FakeRunner {
public:
  using FakeRunner::FakeRunner;
  Status step(const StepInput &in) override {
    rows_.resize(in.tokens.size() * kRow);
    for (size_t i = 0; i < in.tokens.size(); ++i)
      fillHidden(in.tokens[i], in.positions[i], &rows_[i * kRow]);
    embedRows += in.rows.size();
    return FakeRunner::step(in);
  }
  Result<const float *> hidden(uint32_t first, uint32_t) override {
    return rows_.data() + size_t(first) * kRow;
  }
  uint64_t embedRows = 0; ///< rows that reached the head

private:
  std::vector<float> rows_;
};

/// In double, by the book.
std::vector<double> expectedOf(const std::vector<int32_t> &prompt, Pooling pooling, bool unit) {
  FinalNorm norm = makeNorm();
  std::vector<double> sum(kHidden);
  for (size_t p = 0; p < prompt.size(); ++p) {
    float row[kRow];
    fillHidden(prompt[p], static_cast<int32_t>(p), row);
    double squares = 0;
    for (uint32_t i = 0; i < kHidden; ++i)
      squares += double(row[i]) * double(row[i]);
    double r = 1 / std::sqrt(squares / kHidden + double(norm.eps));
    for (uint32_t i = 0; i < kHidden; ++i)
      if (pooling == Pooling::Mean || p + 1 == prompt.size())
        sum[i] += double(row[i]) * r * double(norm.gain[i]) /
                  (pooling == Pooling::Mean ? double(prompt.size()) : 1.0);
  }
  double length = std::sqrt(std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0));
  for (double &value : sum)
    value = unit ? value / length : value;
  return sum;
}

std::vector<float> embedded(Engine &engine, RequestId id) {
  auto events = collect(engine, id);
  EXPECT_EQ(events.size(), 1u);
  EXPECT_TRUE(events.back().last);
  EXPECT_EQ(events.back().token, -1);
  EXPECT_EQ(events.back().cachedTokens, 0u);
  EXPECT_TRUE(events.back().embedding) << events.back().status.message();
  return events.back().embedding ? *events.back().embedding : std::vector<float>();
}

RequestSpec embedding(std::vector<int32_t> prompt, Pooling pooling, bool unit = true) {
  RequestSpec spec;
  spec.prompt = std::move(prompt);
  spec.pooling = pooling;
  spec.normalize = unit;
  return spec;
}

std::unique_ptr<Engine> makeEngine(SchedulerLimits limits, uint32_t blocks, bool known = true,
                                   HiddenRunner **runner = nullptr) {
  auto fake = std::make_unique<HiddenRunner>(blocks);
  if (runner)
    *runner = fake.get();
  ModelInfo info = FakeRunner::info();
  if (known)
    info.finalNorm = makeNorm();
  EngineOptions options;
  options.limits = limits;
  options.numBlocks = blocks;
  auto engine = Engine::create(std::move(info), options, std::move(fake));
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return std::move(engine).value();
}

std::vector<int32_t> prompt(size_t length) {
  std::vector<int32_t> tokens(length);
  for (size_t i = 0; i < length; ++i)
    tokens[i] = static_cast<int32_t>(mix(i) % 290);
  return tokens;
}

} // namespace

TEST(Embedder, GivesTheNormalizedMeanOrTheLastRow) {
  HiddenRunner *runner = nullptr;
  auto engine = makeEngine({256, 4, 4}, 8, true, &runner);
  for (Pooling pooling : {Pooling::Mean, Pooling::Last})
    for (bool unit : {true, false})
      for (size_t length : {1u, 7u, 150u}) {
        auto id = engine->submit(embedding(prompt(length), pooling, unit));
        ASSERT_TRUE(id.ok()) << id.status().message();
        auto got = embedded(*engine, *id);
        auto expected = expectedOf(prompt(length), pooling, unit);
        ASSERT_EQ(got.size(), expected.size());
        for (size_t i = 0; i < got.size(); ++i)
          ASSERT_NEAR(got[i], expected[i], 2e-6) << length << " tokens, element " << i;
      }
  EXPECT_EQ(runner->embedRows, 0u) << "nothing goes through the head";
}

TEST(Embedder, PortionsCompanyAndPreemptionChangeNoBit) {
  auto alone = makeEngine({512, 1, 1}, 8);
  auto expected = embedded(*alone, *alone->submit(embedding(prompt(150), Pooling::Mean)));
  auto last = embedded(*alone, *alone->submit(embedding(prompt(150), Pooling::Last)));
  uint64_t preempted = 0;
  for (uint32_t tokens : {5u, 17u, 40u, 100u}) {
    auto engine = makeEngine({tokens, 4, 4}, 5);
    RequestSpec other;
    other.prompt = std::vector<int32_t>(120, 1); // grows until the others have to give way
    other.maxTokens = 200;
    other.sampling.temperature = 0;
    other.ignoreEos = true;
    auto first = *engine->submit(other);
    auto id = *engine->submit(embedding(prompt(150), Pooling::Mean));
    auto again = *engine->submit(embedding(prompt(150), Pooling::Mean));
    auto of = *engine->submit(embedding(prompt(150), Pooling::Last));
    EXPECT_EQ(embedded(*engine, id), expected) << tokens;
    EXPECT_EQ(embedded(*engine, again), expected) << tokens;
    EXPECT_EQ(embedded(*engine, of), last) << tokens;
    EXPECT_EQ(tokensOf(collect(*engine, first)), FakeRunner::greedy(other.prompt, 200));
    EXPECT_EQ(engine->checkInvariants(), "");
    preempted += engine->stats().preemptions;
  }
  EXPECT_GT(preempted, 0u);
}

TEST(Embedder, RefusesWhatItCannotGive) {
  auto unknown = makeEngine({64, 2, 2}, 4, /*known=*/false);
  EXPECT_EQ(unknown->submit(embedding({1, 2}, Pooling::Mean)).status().code(), Code::Unsupported);
  auto engine = makeEngine({64, 2, 2}, 4);
  EXPECT_FALSE(engine->submit(embedding({}, Pooling::Mean)).ok());
  EXPECT_FALSE(engine->submit(embedding(prompt(300), Pooling::Mean)).ok()) << "4 blocks";
  RequestSpec both = embedding({1, 2}, Pooling::Mean);
  both.promptLogprobs = 1;
  EXPECT_FALSE(engine->submit(both).ok());
}

TEST(Embedder, ANumberThatIsNotFiniteIsAnError) {
  FinalNorm norm = makeNorm();
  std::vector<float> row(kRow, 1.0f);
  row[3] = INFINITY;
  for (Pooling pooling : {Pooling::Mean, Pooling::Last}) {
    Embedder embedder(norm, pooling);
    embedder.add(0, row.data(), true);
    EXPECT_EQ(embedder.finish(true).status().code(), Code::Internal);
  }
}
