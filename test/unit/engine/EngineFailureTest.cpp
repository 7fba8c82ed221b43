// What goes wrong ends one request, with a message, and never the engine.
#include "test/unit/engine/FakeRunner.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::engine;

namespace {

struct Fixture {
  FakeRunner *runner;
  std::unique_ptr<Engine> engine;

  explicit Fixture(uint32_t blocks = 8, uint32_t context = 1024) {
    auto fake = std::make_unique<FakeRunner>(blocks);
    runner = fake.get();
    EngineOptions options;
    options.limits = {64, 4, 4};
    options.numBlocks = blocks;
    options.admission.maxRequests = 8;
    engine = std::move(Engine::create(FakeRunner::info(context), options, std::move(fake))).value();
  }
  RequestSpec spec(std::vector<int32_t> prompt, uint32_t maxTokens = 10) {
    RequestSpec s;
    s.prompt = std::move(prompt);
    s.maxTokens = maxTokens;
    s.sampling.temperature = 0;
    s.ignoreEos = true;
    return s;
  }
  Status refused(RequestSpec s) { return engine->submit(std::move(s)).status(); }
};

} // namespace

TEST(EngineFailure, RefusesWithCounts) {
  Fixture f(8, 600);
  EXPECT_EQ(f.refused(f.spec({})).code(), Code::InvalidArgument);
  EXPECT_EQ(f.refused(f.spec({1, 300})).code(), Code::InvalidArgument);
  EXPECT_EQ(f.refused(f.spec({-1})).code(), Code::InvalidArgument);
  Status status = f.refused(f.spec(std::vector<int32_t>(590, 1), 20));
  EXPECT_EQ(status.code(), Code::InvalidArgument);
  for (const char *number : {"590", "20", "610", "600"})
    EXPECT_NE(status.message().find(number), std::string::npos) << status.message();
  status = f.refused(f.spec(std::vector<int32_t>(500, 1), 14));
  EXPECT_EQ(status.code(), Code::Resource);
  EXPECT_NE(status.message().find("513"), std::string::npos) << status.message();
  EXPECT_TRUE(f.refused(f.spec(std::vector<int32_t>(500, 1), 13)).ok());
  RequestSpec s = f.spec({1});
  s.minTokens = 11;
  EXPECT_EQ(f.refused(s).code(), Code::InvalidArgument);
  s = f.spec({1});
  s.stopStrings = {"x"};
  EXPECT_EQ(f.refused(s).code(), Code::InvalidArgument) << "no tokenizer here";
  s = f.spec({1});
  s.sampling.topP = 0;
  EXPECT_EQ(f.refused(s).code(), Code::InvalidArgument);
  s.sampling.topP = std::nanf("");
  EXPECT_EQ(f.refused(s).code(), Code::InvalidArgument);
}

TEST(EngineFailure, MaxTokensDefaultsToWhatFits) {
  Fixture f(8, 600);
  auto events = collect(*f.engine, *f.engine->submit(f.spec(std::vector<int32_t>(500, 1), 0)));
  EXPECT_EQ(events.back().outputTokens, 13u); // 512 positions of KV, the last token needs none
  EXPECT_EQ(events.back().finish, Finish::Length);
}

TEST(EngineFailure, NonFiniteLogitsEndOneRequest) {
  Fixture f;
  f.runner->poison = 7;
  auto bad = *f.engine->submit(f.spec({7}));
  auto good = *f.engine->submit(f.spec({8}));
  auto events = collect(*f.engine, bad);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].finish, Finish::Error);
  EXPECT_NE(events[0].status.message().find("not finite"), std::string::npos);
  EXPECT_EQ(tokensOf(collect(*f.engine, good)).size(), 10u);
}

TEST(EngineFailure, FailedStepEndsItsRequestsOnly) {
  Fixture f;
  f.runner->failStep = 3;
  auto id = *f.engine->submit(f.spec({8}));
  auto events = collect(*f.engine, id);
  EXPECT_EQ(events.back().finish, Finish::Error);
  EXPECT_EQ(events.back().status.message(), "the fake device failed");
  EXPECT_EQ(f.engine->checkInvariants(), "");
  EXPECT_EQ(f.engine->stats().blocksUsed, 0u);
  EXPECT_EQ(tokensOf(collect(*f.engine, *f.engine->submit(f.spec({8})))),
            FakeRunner::greedy({8}, 10));
}

TEST(EngineFailure, CallbackThatThrows) {
  Fixture f;
  int calls = 0;
  auto bad = f.engine->submit(f.spec({1}, 100), [&](const Event &) {
    if (++calls == 3)
      throw 7;
  });
  ASSERT_TRUE(bad.ok());
  auto good = *f.engine->submit(f.spec({2}));
  EXPECT_EQ(tokensOf(collect(*f.engine, good)).size(), 10u);
  while (f.engine->step()) {
  }
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(f.engine->stats().failed, 1u);
  EXPECT_EQ(f.engine->stats().running, 0u);
}

TEST(EngineFailure, CancelFromCallbackAndElsewhere) {
  Fixture f;
  RequestId id = 0;
  std::vector<Event> events;
  id = *f.engine->submit(f.spec({1}, 100), [&](const Event &event) {
    events.push_back(event);
    if (events.size() == 5)
      f.engine->cancel(id);
  });
  auto other = *f.engine->submit(f.spec({2}, 100));
  for (int i = 0; i < 3; ++i)
    f.engine->step();
  f.engine->cancel(other);
  f.engine->cancel(999);
  auto rest = collect(*f.engine, other);
  EXPECT_EQ(rest.back().finish, Finish::Cancelled);
  while (f.engine->step()) {
  }
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(events.back().finish, Finish::Cancelled);
  EXPECT_TRUE(events.back().last);
  EXPECT_EQ(f.engine->stats().blocksUsed, 0u);
}

TEST(EngineFailure, ReleaseDropsEvents) {
  Fixture f;
  auto id = *f.engine->submit(f.spec({1}, 100));
  f.engine->step();
  f.engine->release(id);
  Event event;
  EXPECT_EQ(f.engine->poll(id, event), Engine::Next::Unknown);
  EXPECT_FALSE(f.engine->step());
  EXPECT_EQ(f.engine->stats().running, 0u);
}

TEST(EngineFailure, QueueIsBounded) {
  Fixture f;
  for (int i = 0; i < 8; ++i)
    EXPECT_TRUE(f.engine->submit(f.spec({1})).ok());
  EXPECT_EQ(f.refused(f.spec({1})).code(), Code::Overloaded);
}

TEST(EngineFailure, AFullQueueIsKnownBeforeThePromptIs) {
  EngineOptions options;
  options.numBlocks = 8;
  options.limits = {64, 1, 1};
  options.admission.maxQueuedRequests = 2;
  auto engine = std::move(Engine::create(FakeRunner::info(), options,
                                         std::make_unique<FakeRunner>(options.numBlocks)))
                    .value();
  RequestSpec spec;
  spec.prompt = {1};
  spec.maxTokens = 3;
  uint64_t retry = 0;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(engine->precheck(0).ok());
    EXPECT_TRUE(engine->submit(spec).ok());
  }
  EXPECT_EQ(engine->precheck(0, &retry).code(), Code::Overloaded);
  EXPECT_GT(retry, 0u);
  EXPECT_EQ(engine->stats().refused, 1u);
  EXPECT_TRUE(engine->precheck(7).ok()); // another key has its share
  EXPECT_TRUE(engine->step());
  EXPECT_TRUE(engine->precheck(0).ok());
  EXPECT_EQ(engine->submit(spec).ok(), true);
  EXPECT_EQ(engine->precheck(0).code(), Code::Overloaded);
  EXPECT_EQ(engine->stats().refused, 2u);
}

TEST(EngineFailure, AStepsAgeCountsAllOfIt) {
  uint64_t clock = 5'000'000;
  EngineOptions options;
  options.numBlocks = 8;
  options.limits = {64, 1, 1};
  options.clock = [&] { return clock; };
  auto engine = std::move(Engine::create(FakeRunner::info(), options,
                                         std::make_unique<FakeRunner>(options.numBlocks)))
                    .value();
  RequestSpec spec;
  spec.prompt = {1};
  spec.maxTokens = 1;
  uint64_t age = 0;
  ASSERT_TRUE(engine
                  ->submit(spec,
                           [&](const Event &) {
                             clock += 7'000'000; // a callback that hangs
                             age = engine->stepAgeMs();
                           })
                  .ok());
  EXPECT_EQ(engine->stepAgeMs(), 0u);
  engine->step();
  EXPECT_EQ(age, 7000u);
  clock += 1'000'000;
  EXPECT_EQ(engine->stepAgeMs(), 0u); // nothing runs
}

TEST(EngineFailure, DestroyEndsRequests) {
  std::atomic<int> cancelled{0};
  {
    Fixture f;
    ASSERT_TRUE(f.engine->start().ok());
    for (int i = 0; i < 6; ++i)
      ASSERT_TRUE(
          f.engine->submit(f.spec({1}, 500), [&](const Event &event) { cancelled += event.last; })
              .ok());
  }
  EXPECT_EQ(cancelled, 6);
}

TEST(EngineFailure, BrokenWeightsEndEveryRequest) {
  auto fake = std::make_unique<FakeRunner>(8);
  ModelInfo info = FakeRunner::info();
  bool broken = false;
  info.broken = [&] { return broken; };
  EngineOptions options;
  options.numBlocks = 8;
  options.limits = {64, 4, 4};
  auto engine = std::move(Engine::create(info, options, std::move(fake))).value();
  Fixture f;
  auto id = *engine->submit(f.spec({1}, 100));
  engine->step();
  broken = true;
  EXPECT_EQ(collect(*engine, id).back().finish, Finish::Error);
}
