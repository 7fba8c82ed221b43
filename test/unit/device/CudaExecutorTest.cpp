// The executor on the fake driver: what it launches, with what, and that nothing is lost when calls
// fail.
#include "test/unit/device/GpuFixture.h"
#include "test/unit/device/StepData.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <set>

using namespace axiom;
using namespace axiom::cuda;
using namespace axiom::test;

namespace {

class CudaExecutorTest : public ::testing::Test {
protected:
  void open(bool graphs, uint32_t maxTokens = 48, uint32_t maxRows = 6) {
    auto loaded = f.load();
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    model = *loaded;
    CudaOptions options;
    options.maxTokens = maxTokens;
    options.maxRows = maxRows;
    options.numBlocks = 4;
    options.graphs = graphs;
    auto made = CudaExecutor::create(model, options);
    ASSERT_TRUE(made.ok()) << made.status().message();
    executor = std::move(made).value();
  }
  void close() {
    executor.reset();
    model.reset();
    EXPECT_EQ(f.fake.live(), 0u);
    EXPECT_EQ(f.fake.misuse, "");
  }
  /// Rows come in falling order of tokens; every token t has the id t.
  void expectResults(const StepData &data) {
    const ArtifactConfig &config = f.artifact->config();
    for (size_t r = 0; r < data.rows.size(); ++r) {
      // Two layers add to x.
      float x = static_cast<float>(data.tokens[data.rows[r]]) + 2000;
      EXPECT_EQ(data.input.logits[r * config.logitsStride()], x);
      EXPECT_EQ(data.input.logits[r * config.logitsStride() + 5], x + 5);
      EXPECT_EQ(data.input.tiles[r].max, x);
      EXPECT_EQ(data.input.tiles[r].argmax, static_cast<int32_t>(r));
    }
  }

  GpuFixture f;
  std::shared_ptr<GpuModel> model;
  std::unique_ptr<CudaExecutor> executor;
};

TEST_F(CudaExecutorTest, StepsGiveTheirResults) {
  for (bool graphs : {false, true}) {
    open(graphs);
    for (uint32_t tokens : {1u, 2u, 3u, 8u, 9u, 17u, 48u, 1u, 9u, 40u})
      for (uint32_t rows : {1u, 3u, 0u}) {
        StepData data(f.artifact->program(), tokens, std::min(rows, tokens));
        Status status = executor->step(data.input);
        ASSERT_TRUE(status.ok()) << status.message();
        expectResults(data);
      }
    // 1, 2, 4, 8, 16, 32, 48 tokens with 0, 1, 4 rows; 2 tokens have 2 rows, 1 has 1.
    EXPECT_EQ(executor->numGraphs(), graphs ? 7u * 3 - 1 : 0u);
    close();
  }
}

TEST_F(CudaExecutorTest, ResultsMayStayWhereTheyCame) {
  open(true);
  StepData data(f.artifact->program(), 9, 3);
  ASSERT_TRUE(executor->step(data.input).ok());
  StepInput without = data.input;
  without.logits = nullptr;
  EXPECT_EQ(executor->step(without).code(), Code::InvalidArgument); // both or none
  without.tiles = nullptr;
  ASSERT_TRUE(executor->step(without).ok());
  StepResults results = executor->results();
  size_t logits = 3 * f.artifact->config().logitsStride();
  EXPECT_TRUE(std::equal(results.logits, results.logits + logits, data.input.logits));
  for (size_t r = 0; r < 3; ++r)
    EXPECT_EQ(results.tiles[r].max, data.input.tiles[r].max);
  f.fake.failAt("cuGraphLaunch", 1, kLaunchFailed, false);
  EXPECT_FALSE(executor->step(without).ok());
  EXPECT_EQ(executor->results().logits, nullptr);
  close();
}

TEST_F(CudaExecutorTest, LogitsComeOnlyWhereTheyAreWanted) {
  open(true);
  StepData all(f.artifact->program(), 9, 5), some(f.artifact->program(), 9, 5);
  ASSERT_TRUE(executor->step(all.input).ok());
  size_t stride = f.artifact->config().logitsStride();
  const uint8_t tilesOnly[] = {0, 1, 1, 0, 0};
  some.input.tilesOnly = tilesOnly;
  std::fill_n(some.input.logits, 5 * stride, -7.0f);
  uint64_t copies = f.fake.calls["cuMemcpyDtoHAsync"];
  ASSERT_TRUE(executor->step(some.input).ok());
  EXPECT_EQ(f.fake.calls["cuMemcpyDtoHAsync"], copies + 3); // row 0, rows 3 and 4, the tiles
  for (size_t r = 0; r < 5; ++r) {
    const float *row = some.input.logits + r * stride;
    if (tilesOnly[r])
      EXPECT_EQ(std::count(row, row + stride, -7.0f), static_cast<ptrdiff_t>(stride));
    else
      EXPECT_TRUE(std::equal(row, row + stride, all.input.logits + r * stride));
    EXPECT_EQ(some.input.tiles[r].max, all.input.tiles[r].max);
  }
  some.input.tilesOnly = std::span(tilesOnly).first(4);
  EXPECT_EQ(executor->step(some.input).code(), Code::InvalidArgument);
  close();
}

TEST_F(CudaExecutorTest, GridsAreForTheBucket) {
  open(true);
  struct Expected {
    uint32_t tokens, rows;
    std::map<std::string, unsigned> blocks;
  };
  // embed's five units, two or three a block, for each tile of 8 or 32 tokens.
  const Expected cases[] = {
      {1, 1, {{"embed2_few", 3}, {"qkv2_rows", 1}, {"head2_few", 3}, {"head2_rows", 1}}},
      {7, 3, {{"embed2_few", 3}, {"qkv2_rows", 2}, {"head2_few", 3}, {"head2_rows", 1}}},
      {17, 0, {{"embed2_many", 2}, {"qkv2_rows", 8}, {"qkv2_many", 2}}},
      {33, 6, {{"embed2_many", 4}, {"qkv2_rows", 12}, {"head2_few", 3}, {"head2_rows", 2}}}};
  for (const Expected &c : cases) {
    f.fake.launches.clear();
    StepData data(f.artifact->program(), c.tokens, c.rows);
    ASSERT_TRUE(executor->step(data.input).ok());
    std::map<std::string, unsigned> seen;
    for (const FakeLaunch &launch : f.fake.launches) {
      seen[launch.symbol] = launch.blocks;
      EXPECT_EQ(launch.threads, 64u);
      bool head = launch.symbol.rfind("head", 0) == 0;
      EXPECT_EQ(*launch.launch.tokens, head ? c.rows : c.tokens) << launch.symbol;
      for (uint32_t i = 0; i < AXM_CUDA_COUNTERS; ++i)
        ASSERT_EQ(launch.launch.counters[i], 0u);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(launch.launch.scratch) % 256, 0u);
    }
    for (const auto &[symbol, blocks] : c.blocks)
      EXPECT_EQ(seen[symbol], blocks) << symbol << " " << c.tokens;
    EXPECT_EQ(seen.count("head2_rows") + seen.count("head2_few"), c.rows ? 2u : 0u);
    // embed, angles; qkv with its rows, attention, o for two layers; head with its rows.
    EXPECT_EQ(f.fake.launches.size(), 2u + 2 * 4 + (c.rows ? 2 : 0));
  }
  executor.reset();
  close();
}

TEST_F(CudaExecutorTest, ArgumentsAreDeviceAddresses) {
  open(false);
  StepData data(f.artifact->program(), 3, 2);
  ASSERT_TRUE(executor->step(data.input).ok());
  std::vector<FakeLaunch> qkv;
  for (const FakeLaunch &launch : f.fake.launches)
    if (launch.symbol == "qkv2_few")
      qkv.push_back(launch);
  ASSERT_EQ(qkv.size(), 2u);
  const auto &bindings = f.artifact->program().plan.repeats[1].phases[0].tasks[0].bindings;
  auto *first = static_cast<uint8_t *>(qkv[0].launch.args[1]);
  auto *second = static_cast<uint8_t *>(qkv[1].launch.args[1]);
  EXPECT_EQ(second - first, static_cast<ptrdiff_t>(bindings[1].values[1] - bindings[1].values[0]));
  EXPECT_EQ(std::memcmp(first, f.artifact->program().weights + bindings[1].values[0], 160), 0);
  EXPECT_EQ(static_cast<uint8_t *>(qkv[1].launch.args[6]) -
                static_cast<uint8_t *>(qkv[0].launch.args[6]),
            static_cast<ptrdiff_t>(f.artifact->metadata().kv.layerBytes));
  for (size_t i = f.artifact->program().kernels[3 * Qkv].row.numArgs; i < AXM_MAX_ARGS; ++i)
    EXPECT_EQ(qkv[0].launch.args[i], nullptr);
  close();
}

TEST_F(CudaExecutorTest, AStepWaitsOnceAndTakesNoMemory) {
  open(true);
  StepData rows(f.artifact->program(), 3, 1), none(f.artifact->program(), 3, 0);
  ASSERT_TRUE(executor->step(none.input).ok());
  ASSERT_TRUE(executor->step(rows.input).ok());
  auto calls = f.fake.calls;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(executor->step(rows.input).ok());
  auto after = f.fake.calls;
  for (auto &[name, count] : after)
    count -= calls[name];
  std::erase_if(after, [](const auto &entry) { return entry.second == 0; });
  EXPECT_EQ(after, (std::map<std::string, uint64_t>{{"cuMemcpyHtoDAsync", 5},
                                                    {"cuGraphLaunch", 5},
                                                    {"cuMemcpyDtoHAsync", 10},
                                                    {"cuStreamSynchronize", 5}}));
  calls = f.fake.calls;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(executor->step(none.input).ok());
  EXPECT_EQ(f.fake.calls["cuStreamSynchronize"], calls["cuStreamSynchronize"]);
  // The buffer of the inputs is not written again before it was copied.
  EXPECT_EQ(f.fake.calls["cuEventSynchronize"], calls["cuEventSynchronize"] + 4);
  close();
}

TEST_F(CudaExecutorTest, BlocksAreZeroAfterClear) {
  open(true);
  auto first = [&] { // of block 0, as the last attention of the step left it
    for (auto launch = f.fake.launches.rbegin(); launch != f.fake.launches.rend(); ++launch)
      if (launch->symbol.rfind("attention", 0) == 0)
        return *static_cast<uint8_t *>(launch->launch.args[2]);
    return uint8_t(255);
  };
  StepData data(f.artifact->program(), 1, 1);
  for (uint8_t count = 1; count <= 3; ++count) {
    ASSERT_TRUE(executor->step(data.input).ok());
    EXPECT_EQ(first(), count);
  }
  executor->clearBlock(1);
  executor->clearBlock(4); // no such block
  ASSERT_TRUE(executor->step(data.input).ok());
  EXPECT_EQ(first(), 4);
  executor->clearBlock(0);
  ASSERT_TRUE(executor->step(data.input).ok());
  EXPECT_EQ(first(), 1);
  close();
}

TEST_F(CudaExecutorTest, TheHookSeesEachLayer) {
  open(true);
  std::vector<std::pair<uint32_t, float>> seen;
  executor->setLayerHook([&](uint32_t layer, const float *hidden, uint32_t tokens) {
    EXPECT_EQ(tokens, 5u);
    seen.emplace_back(layer, hidden[4 * f.artifact->config().hiddenStride()]);
  });
  StepData data(f.artifact->program(), 5, 1);
  ASSERT_TRUE(executor->step(data.input).ok());
  EXPECT_EQ(seen, (std::vector<std::pair<uint32_t, float>>{{0, 1004}, {1, 2004}}));
  expectResults(data);
  auto rows = executor->hidden(3, 2);
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  EXPECT_EQ((*rows)[0], 2003);
  EXPECT_EQ((*rows)[f.artifact->config().hiddenStride()], 2004);
  EXPECT_EQ(executor->hidden(3, 100000).status().code(), Code::InvalidArgument);
  executor->setLayerHook(
      [](uint32_t, const float *, uint32_t) { throw std::runtime_error("no more"); });
  Status status = executor->step(data.input);
  EXPECT_EQ(status.code(), Code::Internal);
  EXPECT_NE(status.message().find("no more"), std::string::npos);
  executor->setLayerHook({});
  uint64_t contexts = f.fake.calls["cuCtxCreate"];
  EXPECT_TRUE(executor->step(data.input).ok());
  EXPECT_EQ(f.fake.calls["cuCtxCreate"], contexts); // the device is not at fault
  EXPECT_EQ(**executor->hidden(4, 1), 2004) << "of a step that runs as a graph, too";
  close();
}

TEST_F(CudaExecutorTest, PartsOfAStepMakeTheWhole) {
  open(true);
  StepData whole(f.artifact->program(), 9, 2), parts(f.artifact->program(), 9, 2);
  ASSERT_TRUE(executor->step(whole.input).ok());
  size_t launches = f.fake.launches.size();
  parts.input.endPhase = 3;
  ASSERT_TRUE(executor->step(parts.input).ok());
  EXPECT_LT(f.fake.launches.size(), 2 * launches);
  parts.input.firstPhase = 3;
  parts.input.endPhase = UINT32_MAX;
  ASSERT_TRUE(executor->step(parts.input).ok());
  EXPECT_EQ(f.fake.launches.size(), 2 * launches);
  expectResults(parts);
  close();
}

TEST_F(CudaExecutorTest, WrongInputsAreNamedAndNothingRuns) {
  open(true);
  auto refused = [&](const StepInput &input, const char *part) {
    Status status = executor->step(input);
    EXPECT_EQ(status.code(), Code::InvalidArgument) << part;
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
    EXPECT_TRUE(f.fake.launches.empty());
  };
  StepData many(f.artifact->program(), 49, 1), rows(f.artifact->program(), 9, 7);
  refused(many.input, "49 tokens");
  refused(rows.input, "7 rows");
  StepData data(f.artifact->program(), 9, 1);
  data.blockTables = {0, 1, 2, 3, 0};
  data.bind();
  refused(data.input, "5 entries of block tables");
  data.blockTables = {4};
  data.bind();
  refused(data.input, "block 4 of 4");
  close();
}

TEST_F(CudaExecutorTest, MemoryIsPlanned) {
  open(true);
  EXPECT_EQ(f.fake.freeBytes(),
            f.fake.totalBytes - executor->memory().total() - f.artifact->program().weightsSize);
  CudaOptions options;
  options.numBlocks = 3;
  options.maxTokens = 1;
  EXPECT_EQ(CudaExecutor::plan(*f.artifact, options).status().code(), Code::InvalidArgument);
  options.maxTokens = 65536;
  auto plan = CudaExecutor::plan(*f.artifact, options);
  ASSERT_TRUE(plan.ok());
  EXPECT_GE(plan->workspace, 65536u * (256 + 40 + 128 + 256));
  EXPECT_GE(plan->scratch, 65536u * (100 + 28 * Head));
  options.maxTokens = 65537;
  EXPECT_EQ(CudaExecutor::plan(*f.artifact, options).status().code(), Code::InvalidArgument);
  close();
}

/// Opens, makes an executor, runs some steps, and ends; the messages of what failed.
struct Story {
  bool opened = false, created = false;
  std::vector<Status> failures;
};

Story run(GpuFixture &f) {
  Story story;
  auto note = [&](const Status &status) {
    if (!status.ok())
      story.failures.push_back(status);
    return status.ok();
  };
  auto model = f.load();
  if (!note(model.ok() ? Status() : model.status()))
    return story;
  story.opened = true;
  CudaOptions options;
  options.maxTokens = 16;
  options.maxRows = 2;
  options.numBlocks = 2;
  auto executor = CudaExecutor::create(*model, options);
  if (!note(executor.ok() ? Status() : executor.status()))
    return story;
  story.created = true;
  for (uint32_t step = 0; step < 6; ++step) {
    (*executor)->clearBlock(0);
    StepData data(f.artifact->program(), step % 2 ? 9 : 2, step % 3);
    if (!note((*executor)->step(data.input)))
      continue;
    for (size_t r = 0; r < data.rows.size(); ++r)
      EXPECT_EQ(data.input.tiles[r].max, static_cast<float>(data.tokens[data.rows[r]]) + 2000);
  }
  return story;
}

// Every call fails once, and in a second round all calls after it until the context is gone.
TEST(CudaFaults, EveryCallMayFail) {
  std::map<std::string, uint64_t> calls;
  {
    GpuFixture f;
    EXPECT_TRUE(run(f).failures.empty());
    EXPECT_EQ(f.fake.live(), 0u);
    calls = f.fake.calls;
  }
  size_t faults = 0;
  for (const auto &[function, count] : calls) {
    if (function == "cuCtxDestroy")
      continue;
    for (bool stays : {false, true})
      for (uint64_t n = 1; n <= count; ++n) {
        GpuFixture f;
        f.fake.failAt(function, n, kLaunchFailed, stays);
        Story story = run(f);
        std::string where = function + " " + std::to_string(n) + (stays ? " and on" : "");
        ASSERT_TRUE(f.fake.failed()) << where;
        // At the very end nothing is left to fail for.
        bool atEnd = function == "cuCtxSynchronize";
        ASSERT_EQ(story.failures.size(), atEnd ? 0u : 1u) << where;
        if (!atEnd) {
          const std::string &message = story.failures[0].message();
          EXPECT_NE(message.find(function + " on cuda:0"), std::string::npos) << message;
          EXPECT_NE(message.find("(719)"), std::string::npos) << message;
          EXPECT_NE(message.find("Xid"), std::string::npos) << message;
        }
        ASSERT_EQ(f.fake.live(), 0u) << where;
        ASSERT_EQ(f.fake.misuse, "") << where;
        ++faults;
      }
  }
  EXPECT_GE(faults, 100u);
}

// Out of memory at each allocation: a clear end, and nothing is kept.
TEST(CudaFaults, MemoryMayRunOut) {
  for (uint64_t n = 1; n <= 8; ++n) {
    GpuFixture f;
    f.fake.failAt("cuMemAlloc", n, kOutOfMemory, false);
    Story story = run(f);
    ASSERT_TRUE(f.fake.failed());
    EXPECT_TRUE(story.opened);
    EXPECT_FALSE(story.created);
    ASSERT_EQ(story.failures.size(), 1u);
    EXPECT_EQ(story.failures[0].code(), Code::Resource);
    EXPECT_NE(story.failures[0].message().find(" for "), std::string::npos);
    EXPECT_EQ(f.fake.live(), 0u);
  }
}

// Two executors of a model: what spoils the context ends both of their steps, and both go on.
TEST(CudaFaults, ASpoiledContextIsReplacedForAll) {
  GpuFixture f;
  {
    auto model = f.load().value();
    CudaOptions options;
    options.maxTokens = 16;
    options.numBlocks = 2;
    options.maxRows = 2;
    auto a = CudaExecutor::create(model, options).value();
    auto b = CudaExecutor::create(model, options).value();
    StepData data(f.artifact->program(), 3, 1);
    EXPECT_TRUE(a->step(data.input).ok());
    EXPECT_TRUE(b->step(data.input).ok());
    EXPECT_EQ(f.fake.calls["cuCtxCreate"], 1u);
    f.fake.failAt("cuGraphLaunch", 1, kLaunchFailed, true);
    EXPECT_FALSE(a->step(data.input).ok());
    EXPECT_FALSE(b->step(data.input).ok());
    EXPECT_TRUE(a->step(data.input).ok());
    EXPECT_TRUE(b->step(data.input).ok());
    EXPECT_EQ(f.fake.calls["cuCtxCreate"], 2u);
    // An error that does not stay costs the other nothing.
    f.fake.failAt("cuGraphLaunch", 1, kLaunchFailed, false);
    EXPECT_FALSE(a->step(data.input).ok());
    EXPECT_TRUE(b->step(data.input).ok());
    EXPECT_TRUE(a->step(data.input).ok());
    EXPECT_EQ(f.fake.calls["cuCtxCreate"], 2u);
  }
  EXPECT_EQ(f.fake.live(), 0u);
  EXPECT_EQ(f.fake.misuse, "");
}

} // namespace
