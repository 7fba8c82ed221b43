#include "test/unit/engine/FakeRunner.h"

#include <gtest/gtest.h>
#include <random>

using namespace axiom;
using namespace axiom::engine;

namespace {

std::unique_ptr<Engine> makeEngine(SchedulerLimits limits, uint32_t blocks, bool text = false,
                                   FakeRunner **runner = nullptr, uint32_t context = 1024) {
  auto fake = std::make_unique<FakeRunner>(blocks);
  if (runner)
    *runner = fake.get();
  ModelInfo info = FakeRunner::info(context);
  if (text)
    info.newText = [](TextOptions) { return std::make_unique<FakeText>(); };
  EngineOptions options;
  options.limits = limits;
  options.numBlocks = blocks;
  auto engine = Engine::create(std::move(info), options, std::move(fake));
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return std::move(engine).value();
}

RequestSpec greedySpec(std::vector<int32_t> prompt, uint32_t maxTokens) {
  RequestSpec spec;
  spec.prompt = std::move(prompt);
  spec.maxTokens = maxTokens;
  spec.sampling.temperature = 0;
  spec.ignoreEos = true;
  return spec;
}

std::vector<int32_t> randomPrompt(std::mt19937 &random, uint32_t most) {
  std::vector<int32_t> prompt(1 + random() % most);
  for (auto &token : prompt)
    token = static_cast<int32_t>(random() % 299);
  return prompt;
}

RequestId submit(Engine &engine, RequestSpec spec, EventSink sink = {}) {
  auto id = engine.submit(std::move(spec), std::move(sink));
  EXPECT_TRUE(id.ok()) << id.status().message();
  return id.ok() ? *id : 0;
}

} // namespace

TEST(Engine, GreedyEqualsTheModelAlone) {
  auto engine = makeEngine({64, 4, 4}, 8);
  auto events = collect(*engine, submit(*engine, greedySpec({1, 2, 3}, 70)));
  EXPECT_EQ(tokensOf(events), FakeRunner::greedy({1, 2, 3}, 70));
  EXPECT_EQ(events.back().finish, Finish::Length);
  EXPECT_TRUE(events.back().last);
  EXPECT_EQ(events.back().promptTokens, 3u);
  EXPECT_EQ(events.back().outputTokens, 70u);
  EXPECT_EQ(engine->stats().blocksUsed, 0u);
}

// Any mix of requests gives each the tokens it has alone, with preemption, splits and cancels.
TEST(Engine, MixesAndPreemptionsChangeNothing) {
  uint64_t mixed = 0, split = 0, preempted = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    SchedulerLimits limits;
    limits.maxSequences = 1 + random() % 8;
    limits.maxRows = limits.maxSequences + random() % 3;
    limits.maxBatchedTokens = limits.maxRows + random() % 100;
    auto engine = makeEngine(limits, 7 + random() % 8);
    std::vector<std::pair<RequestId, RequestSpec>> requests;
    for (int i = 0; i < 12; ++i) {
      RequestSpec spec = greedySpec(randomPrompt(random, 200), 1 + random() % 200);
      requests.emplace_back(submit(*engine, spec), spec);
      for (uint32_t n = random() % 10; n > 0; --n) {
        engine->step();
        ASSERT_EQ(engine->checkInvariants(), "");
      }
    }
    engine->cancel(requests[3].first);
    for (auto &[id, spec] : requests) {
      auto tokens = tokensOf(collect(*engine, id));
      auto expected = FakeRunner::greedy(spec.prompt, spec.maxTokens);
      if (id == requests[3].first)
        expected.resize(tokens.size());
      ASSERT_EQ(tokens, expected);
    }
    Stats stats = engine->stats();
    EXPECT_EQ(stats.blocksUsed, 0u);
    EXPECT_EQ(stats.running + stats.queued, 0u);
    mixed += stats.mixedSteps;
    split += stats.splitPrompts;
    preempted += stats.preemptions;
  }
  EXPECT_GT(mixed, 1000u);
  EXPECT_GT(split, 100u);
  EXPECT_GT(preempted, 20u);
}

TEST(Engine, SeededSamplingDoesNotDependOnTheBatch) {
  auto spec = [](uint64_t seed) {
    RequestSpec s = greedySpec({5, 6, 7}, 40);
    s.sampling.temperature = 1.5f;
    s.sampling.topK = 40;
    s.sampling.repetitionPenalty = 1.2f;
    s.sampling.frequencyPenalty = 0.3f;
    s.sampling.seed = seed;
    return s;
  };
  auto alone = makeEngine({64, 4, 4}, 16);
  auto expected = tokensOf(collect(*alone, submit(*alone, spec(42))));
  EXPECT_NE(expected, tokensOf(collect(*alone, submit(*alone, spec(43)))));
  auto busy = makeEngine({10, 4, 4}, 16);
  std::vector<RequestId> ids;
  for (uint64_t seed : {1, 2, 42, 3})
    ids.push_back(submit(*busy, spec(seed)));
  EXPECT_EQ(tokensOf(collect(*busy, ids[2])), expected);
}

TEST(Engine, SamplesOfOneRequestDiffer) {
  auto engine = makeEngine({64, 2, 2}, 16);
  RequestSpec spec = greedySpec({9}, 20);
  spec.sampling.temperature = 2.0f;
  spec.numSamples = 3;
  auto events = collect(*engine, submit(*engine, spec));
  EXPECT_EQ(tokensOf(events, 0).size(), 20u);
  EXPECT_EQ(tokensOf(events, 2).size(), 20u);
  EXPECT_NE(tokensOf(events, 0), tokensOf(events, 1));
  EXPECT_EQ(std::count_if(events.begin(), events.end(), [](auto &e) { return e.last; }), 1);
  EXPECT_TRUE(events.back().last);
  spec.numSamples = 1;
  EXPECT_EQ(tokensOf(collect(*engine, submit(*engine, spec))), tokensOf(events, 0));
}

TEST(Engine, StopTokenEosAndMinTokens) {
  auto engine = makeEngine({64, 2, 2}, 16);
  auto all = FakeRunner::greedy({1}, 30);
  RequestSpec spec = greedySpec({1}, 30);
  spec.stopTokens = {all[10]};
  size_t first = static_cast<size_t>(std::find(all.begin(), all.end(), all[10]) - all.begin());
  auto events = collect(*engine, submit(*engine, spec));
  EXPECT_EQ(tokensOf(events),
            std::vector<int32_t>(all.begin(), all.begin() + static_cast<ptrdiff_t>(first) + 1));
  EXPECT_EQ(events.back().finish, Finish::Stop);
  spec.minTokens = 20;
  auto tokens = tokensOf(collect(*engine, submit(*engine, spec)));
  EXPECT_GE(tokens.size(), 20u);
  EXPECT_EQ(std::find(tokens.begin(), tokens.begin() + 20, all[10]), tokens.begin() + 20);
  // A bias makes the model's end token certain; ignoring it goes on.
  spec = greedySpec({1}, 5);
  spec.sampling.logitBias = {{299, 1000.0f}};
  EXPECT_EQ(tokensOf(collect(*engine, submit(*engine, spec))), std::vector<int32_t>(5, 299));
  spec.ignoreEos = false;
  events = collect(*engine, submit(*engine, spec));
  EXPECT_EQ(tokensOf(events), std::vector<int32_t>{299});
  EXPECT_EQ(events.back().finish, Finish::Stop);
}

TEST(Engine, StopStringsEndTheText) {
  auto engine = makeEngine({64, 2, 2}, 16, true);
  RequestSpec spec = greedySpec({1, 2}, 40);
  std::string whole;
  for (auto &event : collect(*engine, submit(*engine, spec)))
    whole += event.text;
  std::string stop = whole.substr(30, 7);
  size_t at = whole.find(stop);
  for (bool include : {false, true}) {
    spec.stopStrings = {"no such text", stop};
    spec.includeStop = include;
    std::string text;
    auto events = collect(*engine, submit(*engine, spec));
    for (auto &event : events)
      text += event.text;
    EXPECT_EQ(text, whole.substr(0, at + (include ? stop.size() : 0)));
    EXPECT_EQ(events.back().finish, Finish::Stop);
    EXPECT_EQ(events.back().stop, stop);
  }
}

TEST(Engine, LogprobsAreTheModelsOwn) {
  auto engine = makeEngine({64, 2, 2}, 16);
  RequestSpec spec = greedySpec({3, 4}, 1);
  spec.sampling.numLogprobs = 5;
  auto events = collect(*engine, submit(*engine, spec));
  std::vector<float> logits(FakeRunner::kVocab);
  FakeRunner::fillLogits({3, 4}, logits);
  double sum = 0, max = *std::max_element(logits.begin(), logits.end());
  for (float l : logits)
    sum += std::exp(l - max);
  ASSERT_EQ(events[0].top.size(), 5u);
  for (auto &[token, logprob] : events[0].top)
    EXPECT_NEAR(logprob, logits[static_cast<size_t>(token)] - max - std::log(sum), 1e-5);
  EXPECT_EQ(events[0].top[0].token, events[0].token);
  EXPECT_EQ(events[0].top[0].logprob, events[0].logprob);
  EXPECT_GE(events[0].top[3].logprob, events[0].top[4].logprob);
}

TEST(Engine, RowsComeOnceAndInOrder) {
  for (uint32_t rows : {3u, 50u}) {
    auto engine = makeEngine({64, 3, rows}, 7);
    std::mt19937 random(rows);
    std::vector<std::vector<int32_t>> prompts;
    std::vector<std::vector<uint32_t>> seen(4);
    std::vector<RequestId> ids;
    for (size_t i = 0; i < 4; ++i) {
      prompts.push_back(randomPrompt(random, 300));
      RequestSpec spec;
      spec.prompt = prompts[i];
      spec.generate = false;
      spec.rowsFrom = static_cast<uint32_t>(prompts[i].size() / 2);
      spec.rows = [&, i](uint32_t, uint32_t position, std::span<const float> logits) {
        seen[i].push_back(position);
        std::vector<float> expected(FakeRunner::kVocab);
        FakeRunner::fillLogits({prompts[i].begin(), prompts[i].begin() + position + 1}, expected);
        EXPECT_TRUE(std::equal(logits.begin(), logits.end(), expected.begin(), expected.end()));
      };
      ids.push_back(submit(*engine, spec));
    }
    for (size_t i = 0; i < 4; ++i) {
      auto events = collect(*engine, ids[i]);
      ASSERT_EQ(events.size(), 1u);
      EXPECT_EQ(events[0].finish, Finish::Length);
      std::vector<uint32_t> expected;
      for (size_t p = prompts[i].size() / 2; p < prompts[i].size(); ++p)
        expected.push_back(static_cast<uint32_t>(p));
      EXPECT_EQ(seen[i], expected);
    }
  }
}

// Whoever comes while another one computes the same prompt waits for its blocks; the others do not.
TEST(Engine, EqualPromptsThatComeTogetherAreComputedOnce) {
  std::vector<int32_t> prompt;
  for (int32_t i = 0; i < 150; ++i)
    prompt.push_back(i % 11);
  auto engine = makeEngine({80, 8, 8}, 40);
  RequestSpec four = greedySpec(prompt, 3), salted = greedySpec(prompt, 3);
  four.numSamples = 4;
  salted.cacheSalt = std::make_shared<const std::string>("mine");
  RequestSpec other = greedySpec({1, 2, 3}, 3);
  RequestId id = submit(*engine, four);
  RequestId behind = submit(*engine, other);
  engine
      ->step(); // 64 tokens: the first sample's first block, or a part of it, and the other prompt
  EXPECT_EQ(engine->stats().running, 2u);
  auto events = collect(*engine, id);
  for (uint32_t n = 0; n < 4; ++n) {
    std::vector<int32_t> tokens;
    for (const Event &event : events) {
      if (event.sample == n)
        tokens.push_back(event.token);
      EXPECT_EQ(event.cachedTokens, event.sample == 0 ? 0u : 128u);
    }
    EXPECT_EQ(tokens, FakeRunner::greedy(prompt, 3)) << n;
  }
  collect(*engine, behind);
  EXPECT_EQ(engine->stats().promptTokens, 150u + 3 * (150 - 128) + 3);
  // Another salt computes it for itself, beside those that share it.
  uint64_t before = engine->stats().promptTokens;
  RequestSpec fresh = greedySpec(prompt, 3);
  fresh.prompt[0] = 12; // nothing of it is there
  salted.prompt = fresh.prompt;
  RequestId a = submit(*engine, fresh), b = submit(*engine, salted), c = submit(*engine, fresh);
  for (RequestId one : {a, b, c})
    EXPECT_EQ(tokensOf(collect(*engine, one)), FakeRunner::greedy(fresh.prompt, 3));
  EXPECT_EQ(engine->stats().promptTokens - before, 150u + 150 + (150 - 128));
}

// Whether found, split, preempted or beside others: what is said of a prompt is what its rows say.
TEST(Engine, PromptLogprobs) {
  std::vector<int32_t> prompt;
  for (int32_t i = 0; i < 150; ++i)
    prompt.push_back(i % 7);
  auto engine = makeEngine({40, 4, 6}, 5);
  collect(*engine, submit(*engine, greedySpec(prompt, 2))); // its blocks could be found
  RequestSpec spec = greedySpec(prompt, 3);
  spec.promptLogprobs = 2;
  spec.numSamples = 2;
  RequestSpec alone = spec;
  alone.generate = false;
  alone.numSamples = 1;
  // It grows until the others have to give way.
  RequestId other = submit(*engine, greedySpec(std::vector<int32_t>(120, 1), 200));
  std::vector<RequestId> ids = {submit(*engine, spec), submit(*engine, alone)};
  for (RequestId id : ids) {
    auto events = collect(*engine, id);
    std::vector<const Event *> with;
    for (const Event &event : events)
      if (event.promptLogprobs)
        with.push_back(&event);
    ASSERT_EQ(with.size(), 1u);
    EXPECT_EQ(with[0]->sample, 0u);
    EXPECT_EQ(with[0]->outputTokens, id == ids[0] ? 1u : 0u) << "the first event";
    EXPECT_EQ(with[0]->cachedTokens, 0u);
    ASSERT_EQ(with[0]->promptLogprobs->size(), prompt.size() - 1);
    Sampler sampler;
    AxmTile tile;
    std::vector<float> row(FakeRunner::kVocab);
    for (size_t i = 1; i < prompt.size(); ++i) {
      FakeRunner::fillLogits({prompt.begin(), prompt.begin() + static_cast<ptrdiff_t>(i)}, row);
      computeTiles(row, {&tile, 1});
      auto expected = sampler.report(row, {&tile, 1}, prompt[i], 2);
      ASSERT_EQ((*with[0]->promptLogprobs)[i - 1], *expected) << i;
    }
    if (id == ids[0])
      EXPECT_EQ(tokensOf(events), FakeRunner::greedy(prompt, 3));
  }
  collect(*engine, other);
  EXPECT_GT(engine->stats().preemptions, 0u);
  // One token has nothing before it.
  spec = greedySpec({5}, 1);
  spec.promptLogprobs = 0;
  auto events = collect(*engine, submit(*engine, spec));
  ASSERT_TRUE(events[0].promptLogprobs);
  EXPECT_TRUE(events[0].promptLogprobs->empty());
  spec.promptLogprobs = 129;
  EXPECT_FALSE(engine->submit(spec).ok());
}

TEST(Engine, BadWordsAreSequencesOfTheOutput) {
  // The model alone says a, b, ...: without b, after a.
  std::vector<int32_t> prompt{1, 2, 3}, own = FakeRunner::greedy(prompt, 2);
  auto engine = makeEngine({64, 4, 4}, 8);
  RequestSpec spec = greedySpec(prompt, 2);
  spec.sampling.badWords = {{3, own[0]}, {own[0], own[1]}};
  auto tokens = tokensOf(collect(*engine, submit(*engine, spec)));
  EXPECT_EQ(tokens[0], own[0]) << "3 is in the prompt, not in the output";
  EXPECT_NE(tokens[1], own[1]);
  spec.sampling.badWords = {};
  spec.sampling.allowed = {7, 8};
  for (int32_t token : tokensOf(collect(*engine, submit(*engine, spec))))
    EXPECT_TRUE(token == 7 || token == 8);
}

TEST(Engine, ThreadServesManyCallers) {
  auto engine = makeEngine({64, 8, 8}, 20);
  ASSERT_TRUE(engine->start().ok());
  std::vector<std::thread> callers;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&, t] {
      std::mt19937 random(static_cast<uint32_t>(t));
      for (int i = 0; i < 10; ++i) {
        RequestSpec spec = greedySpec(randomPrompt(random, 100), 1 + random() % 60);
        auto tokens = tokensOf(collect(*engine, submit(*engine, spec)));
        right += tokens == FakeRunner::greedy(spec.prompt, spec.maxTokens);
      }
    });
  for (auto &caller : callers)
    caller.join();
  EXPECT_EQ(right, 40);
  EXPECT_EQ(engine->stats().finished, 40u);
}
