// An engine on the fake driver's GPU: memory is planned and refused, requests survive what the
// device does, devices are named.
#include "runtime/engine/Setup.h"
#include "test/unit/device/GpuFixture.h"
#include "test/unit/engine/FakeRunner.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::engine;
using namespace axiom::test;

namespace {

struct Served {
  GpuFixture f;
  LoadedModel model;
  EngineSettings settings;

  Served() {
    model.artifact = f.artifact;
    model.gpu = f.load().value();
    settings.maxBatchedTokens = 32;
    settings.maxSequences = 4;
    settings.kvPositions = 640;
  }
  std::unique_ptr<Engine> engine() {
    auto made = createEngine(model, settings, {});
    EXPECT_TRUE(made.ok()) << made.status().message();
    return std::move(made).value();
  }
  static RequestSpec request(uint32_t tokens) {
    RequestSpec spec;
    spec.prompt = {5, 6, 7};
    spec.maxTokens = tokens;
    spec.ignoreEos = true;
    spec.sampling.temperature = 0;
    return spec;
  }
};

TEST(GpuMemoryPlan, CountsInTheDevicesMemory) {
  Served s;
  s.f.fake.totalBytes = 1ull << 30;
  MemoryPlan plan = planMemory(s.model, s.settings).value();
  EXPECT_TRUE(plan.fits());
  EXPECT_EQ(plan.limitSource, "free memory of cuda:0 (Fake GPU)");
  EXPECT_EQ(plan.limit, (1ull << 30) - (1ull << 25)); // less a 32nd
  EXPECT_EQ(plan.kvPositions, 640u);
  { // with the weights there, and an engine's memory taken
    auto engine = s.engine();
    EXPECT_EQ(planMemory(s.model, s.settings)->limit, plan.limit + plan.weights - plan.total());
  }
  s.settings.kvPositions = 0; // what fits, and it does
  s.f.fake.totalBytes = 64ull << 20;
  plan = planMemory(s.model, s.settings).value();
  ASSERT_TRUE(plan.fits());
  EXPECT_LE(plan.total(), plan.limit);
  EXPECT_EQ(plan.kvPositions, 4u * 256); // a context for each sequence
  s.settings.maxSequences = 100000;
  s.settings.maxRows = 4;
  plan = planMemory(s.model, s.settings).value();
  ASSERT_TRUE(plan.fits());
  EXPECT_EQ(plan.kvPositions, plan.largestPositions);
  s.settings.maxSequences = 4;
  s.settings.kvPositions = planMemory(s.model, s.settings)->largestPositions;
  plan = planMemory(s.model, s.settings).value();
  EXPECT_LE(plan.total(), plan.limit);
  EXPECT_NE(s.engine(), nullptr);

  s.settings.kvPositions += 64;
  uint64_t allocations = s.f.fake.calls["cuMemAlloc"];
  auto refused = createEngine(s.model, s.settings, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::Resource);
  for (const char *part : {"not enough memory: weights", "free memory of cuda:0", "would fit"})
    EXPECT_NE(refused.status().message().find(part), std::string::npos)
        << refused.status().message();
  EXPECT_EQ(s.f.fake.calls["cuMemAlloc"], allocations);
  s.settings.memoryLimit = 1000;
  EXPECT_EQ(planMemory(s.model, s.settings)->limitSource, "--memory");
}

TEST(GpuEngine, GreedyRequestsTakeTilesFromTheDevice) {
  Served s;
  auto engine = s.engine();
  auto copiesOf = [&](RequestSpec spec) {
    uint64_t before = s.f.fake.calls["cuMemcpyDtoHAsync"];
    EXPECT_EQ(tokensOf(collect(*engine, engine->submit(std::move(spec)).value())).size(), 4u);
    return s.f.fake.calls["cuMemcpyDtoHAsync"] - before;
  };
  RequestSpec greedy = s.request(4), drawn = greedy, reported = greedy, seen = greedy;
  drawn.sampling.temperature = 0.8f;
  reported.sampling.wantLogprob = true;
  seen.rows = [](uint32_t, uint32_t, std::span<const float> row) { EXPECT_FALSE(row.empty()); };
  EXPECT_EQ(copiesOf(greedy), 4u);
  for (const RequestSpec &other : {drawn, reported, seen})
    EXPECT_EQ(copiesOf(other), 8u);
  RequestSpec later = greedy; // the stop token may not come at first
  later.minTokens = 2;
  later.stopTokens = {1};
  EXPECT_EQ(copiesOf(later), 6u);
  // A row of each kind in one step.
  RequestId first = engine->submit(greedy).value(), second = engine->submit(drawn).value();
  EXPECT_EQ(tokensOf(collect(*engine, first)),
            tokensOf(collect(*engine, engine->submit(greedy).value())));
  EXPECT_EQ(tokensOf(collect(*engine, second)),
            tokensOf(collect(*engine, engine->submit(drawn).value())));
}

TEST(GpuEngine, RequestsEndWithTheReasonAndTheEngineGoesOn) {
  for (bool stays : {false, true})
    for (const char *function : {"cuGraphLaunch", "cuMemcpyHtoDAsync", "cuStreamSynchronize"}) {
      Served s;
      auto engine = s.engine();
      auto expected = tokensOf(collect(*engine, engine->submit(s.request(6)).value()));
      ASSERT_EQ(expected.size(), 6u);
      RequestId first = engine->submit(s.request(6)).value();
      engine->step();
      engine->step();
      RequestId second = engine->submit(s.request(6)).value();
      s.f.fake.failAt(function, 1, cuda::kLaunchFailed, stays);
      auto failed = collect(*engine, first), alsoFailed = collect(*engine, second);
      for (const Event *last : {&failed.back(), &alsoFailed.back()}) {
        EXPECT_EQ(last->finish, Finish::Error);
        EXPECT_NE(last->status.message().find(std::string(function) + " on cuda:0 (Fake GPU)"),
                  std::string::npos)
            << last->status.message();
      }
      EXPECT_EQ(tokensOf(collect(*engine, engine->submit(s.request(6)).value())), expected);
      EXPECT_EQ(engine->stats().failed, 2u);
      engine.reset();
      s.model.gpu.reset();
      EXPECT_EQ(s.f.fake.live(), 0u);
      EXPECT_EQ(s.f.fake.misuse, "");
    }
}

TEST(GpuEngine, ADeviceThatStaysGoneFailsEachRequestAlone) {
  Served s;
  auto engine = s.engine();
  s.f.fake.devices = {"Fake GPU"};
  for (int round = 0; round < 3; ++round) {
    s.f.fake.failAt(round == 0 ? "cuGraphLaunch" : "cuCtxCreate", 1, 46, true);
    auto events = collect(*engine, engine->submit(s.request(3)).value());
    ASSERT_EQ(events.back().finish, Finish::Error);
    EXPECT_NE(events.back().status.message().find("compute mode"), std::string::npos)
        << events.back().status.message();
  }
  s.f.fake.failAt("", 0, 0, false);
  s.f.fake.calm();
  EXPECT_EQ(tokensOf(collect(*engine, engine->submit(s.request(3)).value())).size(), 3u);
}

TEST(Devices, AreWrittenAsCpuOrCuda) {
  EXPECT_EQ(parseDevice("").value(), std::nullopt);
  EXPECT_EQ(parseDevice("cpu").value(), std::nullopt);
  EXPECT_EQ(parseDevice("cuda").value(), 0u);
  EXPECT_EQ(parseDevice("cuda:0").value(), 0u);
  EXPECT_EQ(parseDevice("cuda:12").value(), 12u);
  for (const char *wrong :
       {"gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda:1 ", "cuda:99999", "cuda1", "cpu:0"}) {
    auto parsed = parseDevice(wrong);
    ASSERT_FALSE(parsed.ok()) << wrong;
    EXPECT_EQ(parsed.status().code(), Code::InvalidArgument);
    EXPECT_NE(parsed.status().message().find(wrong), std::string::npos);
  }
}

} // namespace
