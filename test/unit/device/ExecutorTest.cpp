// The executor on kernels that are plain functions and write down how they were called.
#include "runtime/device/cpu/Executor.h"
#include "runtime/base/Memory.h"
#include "test/unit/artifact/TestArtifact.h"
#include "test/unit/device/AllocationCounter.h"
#include "test/unit/device/StepData.h"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace axiom;
using namespace axiom::test;

namespace {

struct Call {
  int kernel; ///< index in the kernel table
  bool prologue;
  AxmLaunch launch;
  std::vector<void *> args;
  std::thread::id thread;
  uint32_t csr;
};

struct Recorder {
  std::mutex mutex;
  std::vector<Call> calls;
  std::vector<uint32_t> numArgs;
  /// Extra work of a body; called outside the lock.
  void (*work)(int kernel, const AxmLaunch *launch) = nullptr;
  bool record = true;
} recorder;

uint32_t floatMode() {
#if defined(__x86_64__)
  return _mm_getcsr() & 0xffc0; // without the sticky flags
#else
  return 0;
#endif
}

template <int K, bool Prologue> void kernel(const AxmLaunch *launch) {
  if (recorder.record) {
    std::lock_guard<std::mutex> lock(recorder.mutex);
    recorder.calls.push_back({K, Prologue, *launch,
                              std::vector<void *>(launch->args, launch->args + recorder.numArgs[K]),
                              std::this_thread::get_id(), floatMode()});
  }
  if (recorder.work && !Prologue)
    recorder.work(K, launch);
}

template <size_t... K> void setEntries(LoadedProgram &program, std::index_sequence<K...>) {
  AxmKernelEntry bodies[] = {&kernel<int(K), false>...}, prologues[] = {&kernel<int(K), true>...};
  for (size_t k = 0; k < program.kernels.size(); ++k) {
    program.kernels[k].body = bodies[k];
    // Qkv and the head prepare scratch.
    if (k / 3 == Qkv || k / 3 == Head)
      program.kernels[k].prologue = prologues[k];
  }
}

class ExecutorTest : public ::testing::Test {
protected:
  void SetUp() override {
    program = makeTestProgram();
    weights.resize(program.weightsSize);
    program.weights = weights.data();
    setEntries(program, std::make_index_sequence<3 * NumTestKernels>());
    recorder.work = nullptr;
    recorder.record = true;
    recorder.calls.clear();
    recorder.numArgs.clear();
    for (const LoadedKernel &kernel : program.kernels)
      recorder.numArgs.push_back(kernel.row.numArgs);
  }

  std::unique_ptr<Executor> make(uint32_t threads, uint32_t maxTokens = 64) {
    ExecutorOptions options;
    options.threads = threads;
    options.oversubscribe = true;
    options.maxTokens = maxTokens;
    options.numBlocks = 8;
    auto executor = Executor::create(program, options);
    EXPECT_TRUE(executor.ok()) << executor.status().message();
    return std::move(executor).value();
  }

  LoadedProgram program;
  std::vector<uint8_t> weights;
};

TEST_F(ExecutorTest, EveryUnitOnceWithOnePrologueAThread) {
  for (uint32_t threads : {1u, 2u, 3u, 4u, 7u}) {
    auto executor = make(threads);
    ASSERT_EQ(executor->threads(), threads);
    for (uint32_t tokens : {1u, 2u, 8u, 9u, 64u}) {
      recorder.calls.clear();
      StepData data(program, tokens, 1);
      ASSERT_TRUE(executor->step(data.input).ok());
      size_t variant = tokens == 1 ? 0 : tokens <= 8 ? 1 : 2;
      for (int k = 0; k < NumTestKernels; ++k) {
        size_t index = 3 * k + (k == Head ? 0 : variant); // one row reaches the head
        const AxmKernelRow &row = program.kernels[index].row;
        uint32_t n = k == Head ? 1 : tokens;
        uint32_t units = row.unitCount * (row.unitKind == AXM_UNITS_FIXED ? 1 : n); // one span
        uint32_t repetitions = k == Qkv || k == Attention || k == Output ? 2 : 1;
        std::vector<uint32_t> covered(units);
        // By thread, its scratch and the repetition, which the weights tell.
        std::map<std::tuple<std::thread::id, void *, void *>, int> prologues, bodies;
        for (const Call &call : recorder.calls) {
          if (call.kernel != static_cast<int>(index)) {
            EXPECT_NE(call.kernel / 3, k) << "another variant ran";
            continue;
          }
          EXPECT_EQ(call.launch.numTokens, n);
          EXPECT_EQ(reinterpret_cast<uintptr_t>(call.launch.scratch) % 64, 0u);
          auto &calls = call.prologue ? prologues : bodies;
          ++calls[{call.thread, call.launch.scratch, call.args[1]}];
          if (!call.prologue) {
            ASSERT_LT(call.launch.begin, call.launch.end);
            ASSERT_LE(call.launch.end, units);
            for (uint32_t u = call.launch.begin; u < call.launch.end; ++u)
              ++covered[u];
          }
        }
        EXPECT_EQ(covered, std::vector<uint32_t>(units, repetitions)) << k << " " << threads;
        EXPECT_LE(bodies.size(), threads * repetitions);
        if (k == Qkv || k == Head) { // one prologue for all that a thread gets of a launch
          for (const auto &[who, count] : prologues) {
            EXPECT_EQ(count, 1);
            EXPECT_TRUE(bodies.count(who));
          }
          EXPECT_EQ(prologues.size(), bodies.size());
        } else {
          EXPECT_TRUE(prologues.empty());
        }
      }
    }
  }
}

std::atomic<uint32_t> unitsDone;
std::atomic<bool> someoneWaits;

// Who comes first waits until the other thread has done all but its slice.
void slowFirst(int kernel, const AxmLaunch *launch) {
  if (kernel / 3 != Head)
    return;
  if (!someoneWaits.exchange(true))
    for (int i = 0; i < 20000 && unitsDone < 64 - 24; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  else
    unitsDone += launch->end - launch->begin;
}

TEST_F(ExecutorTest, LastUnitsGoToWhoIsFree) {
  for (size_t v = 0; v < 3; ++v)
    program.kernels[3 * Head + v].row.unitCount = 64;
  recorder.record = false;
  recorder.work = slowFirst;
  auto executor = make(2);
  for (int step = 0; step < 20; ++step) {
    unitsDone = 0;
    someoneWaits = false;
    StepData data(program, 3, 1);
    ASSERT_TRUE(executor->step(data.input).ok());
    ASSERT_EQ(unitsDone, 40u); // its slice of 24 and the 16 that belong to nobody
  }
}

TEST_F(ExecutorTest, SpansFollowThePositions) {
  program.config.maxContext = 512;
  auto executor = make(2);
  const struct {
    uint32_t tokens, last, variant, spans;
  } cases[] = {{1, 0, 0, 1},   {1, 255, 0, 1}, {1, 256, 0, 2}, {1, 511, 0, 2},
               {5, 511, 1, 2}, {6, 511, 2, 0}, {6, 255, 1, 1}, {8, 300, 2, 0}, // at most 10 spans
               {9, 511, 2, 0}};
  for (const auto &c : cases) {
    recorder.calls.clear();
    StepData data(program, c.tokens, 1);
    data.blockTables = {0, 1, 2, 3, 4, 5, 6, 7};
    for (uint32_t t = 0; t < c.tokens; ++t)
      data.positions[t] = static_cast<int32_t>(c.last - (c.tokens - 1 - t));
    data.bind();
    Status status = executor->step(data.input);
    ASSERT_TRUE(status.ok()) << status.message();
    uint32_t units = 0;
    for (const Call &call : recorder.calls)
      if (call.kernel / 3 == Attention) {
        EXPECT_EQ(call.kernel, static_cast<int>(3 * Attention + c.variant)) << c.tokens;
        EXPECT_EQ(call.launch.spans, c.spans) << c.tokens;
        units += call.launch.end - call.launch.begin;
      } else {
        EXPECT_EQ(call.launch.spans, 0u);
      }
    EXPECT_EQ(units, 2 * c.tokens * std::max(c.spans, 1u)) << c.tokens; // two layers
  }
}

TEST_F(ExecutorTest, ScratchIsPrivateAndLargeEnough) {
  auto executor = make(4, 16);
  recorder.calls.clear();
  StepData data(program, 16, 16);
  ASSERT_TRUE(executor->step(data.input).ok());
  std::map<std::thread::id, void *> scratch;
  std::vector<uintptr_t> starts;
  for (const Call &call : recorder.calls) {
    auto [it, fresh] = scratch.insert({call.thread, call.launch.scratch});
    EXPECT_EQ(it->second, call.launch.scratch);
    if (fresh)
      starts.push_back(reinterpret_cast<uintptr_t>(call.launch.scratch));
  }
  std::sort(starts.begin(), starts.end());
  // The largest: the head's 64 + 100 * 16, rounded up to 64.
  for (size_t i = 1; i < starts.size(); ++i)
    EXPECT_GE(starts[i] - starts[i - 1], 1664u);
  EXPECT_EQ(executor->memory().scratch, 4 * 1664u);
}

TEST_F(ExecutorTest, PartsOfAStepMakeTheWhole) {
  auto launches = [&] {
    std::vector<std::pair<int, std::vector<void *>>> list;
    for (const Call &call : recorder.calls)
      list.push_back({call.kernel, call.args});
    return list;
  };
  for (uint32_t threads : {1u, 3u}) {
    auto executor = make(threads);
    StepData data(program, 12, 2);
    recorder.calls.clear();
    ASSERT_TRUE(executor->step(data.input).ok());
    auto whole = launches();
    uint32_t phases = 0;
    for (const RepeatInfo &repeat : program.plan.repeats)
      phases += repeat.count * static_cast<uint32_t>(repeat.phases.size());
    for (uint32_t cut = 1; cut < phases; ++cut) {
      recorder.calls.clear();
      data.input.firstPhase = 0;
      data.input.endPhase = cut;
      ASSERT_TRUE(executor->step(data.input).ok());
      size_t first = recorder.calls.size();
      EXPECT_GT(first, 0u);
      data.input.firstPhase = cut;
      data.input.endPhase = UINT32_MAX;
      ASSERT_TRUE(executor->step(data.input).ok());
      EXPECT_GT(recorder.calls.size(), first);
      auto parts = launches();
      if (threads > 1) { // within a phase threads come in any order
        std::sort(parts.begin(), parts.end());
        std::sort(whole.begin(), whole.end());
      }
      EXPECT_EQ(parts, whole) << "cut before phase " << cut;
    }
  }
}

TEST_F(ExecutorTest, SlotsAreWhatKernelsGet) {
  auto executor = make(1);
  StepData data(program, 3, 2);
  ASSERT_TRUE(executor->step(data.input).ok());
  std::span<uint8_t> hidden = executor->slot(program.plan.residualSlot);
  EXPECT_EQ(hidden.size(), 64u * 256);
  for (const Call &call : recorder.calls)
    if (call.kernel / 3 == Head)
      EXPECT_EQ(call.args[0], hidden.data());
  EXPECT_TRUE(executor->slot(static_cast<uint32_t>(program.plan.slots.size())).empty());
}

TEST_F(ExecutorTest, ArgumentsOfEachRepetition) {
  auto executor = make(1);
  StepData data(program, 3, 2);
  ASSERT_TRUE(executor->step(data.input).ok());
  std::vector<Call> qkv, attention, head;
  for (const Call &call : recorder.calls)
    if (!call.prologue)
      (call.kernel / 3 == Qkv         ? qkv
       : call.kernel / 3 == Attention ? attention
                                      : head)
          .push_back(call);
  ASSERT_EQ(qkv.size(), 2u);
  ASSERT_EQ(attention.size(), 2u);
  const auto &bindings = program.plan.repeats[1].phases[0].tasks[0].bindings;
  for (uint32_t layer = 0; layer < 2; ++layer) {
    for (int arg = 1; arg <= 3; ++arg)
      EXPECT_EQ(qkv[layer].args[arg], weights.data() + bindings[arg].values[layer]);
    EXPECT_EQ(qkv[layer].args[6], attention[layer].args[2]); // the KV cache of the layer
    EXPECT_EQ(qkv[layer].args[5], attention[layer].args[0]); // q
    EXPECT_EQ(qkv[layer].args[7], data.positions.data());
    EXPECT_EQ(qkv[layer].args[8], data.tableOffsets.data());
    EXPECT_EQ(qkv[layer].args[9], data.blockTables.data());
  }
  EXPECT_EQ(static_cast<uint8_t *>(qkv[1].args[6]) - static_cast<uint8_t *>(qkv[0].args[6]),
            static_cast<ptrdiff_t>(program.kv.layerBytes));
  const Call &last = head.back();
  ASSERT_EQ(last.kernel / 3, static_cast<int>(Head));
  EXPECT_EQ(last.kernel, 3 * Head + 1); // two rows
  EXPECT_EQ(last.launch.numTokens, 2u);
  EXPECT_EQ(last.args[0], qkv[0].args[0]); // x
  EXPECT_EQ(last.args[3], data.rows.data());
  EXPECT_EQ(last.args[4], data.input.logits);
  EXPECT_EQ(last.args[5], data.input.tiles);
  // Slots do not overlap and hold what 64 tokens need.
  auto at = [](void *p) { return reinterpret_cast<uintptr_t>(p); };
  EXPECT_GE(at(qkv[0].args[4]) - at(qkv[0].args[0]), 64u * 256);
  EXPECT_GE(at(attention[0].args[1]) - at(attention[0].args[0]), 64u * 128);
}

TEST_F(ExecutorTest, WithoutRowsTheHeadIsSkipped) {
  auto executor = make(2);
  StepData data(program, 5, 0);
  data.input.logits = nullptr;
  data.input.tiles = nullptr;
  ASSERT_TRUE(executor->step(data.input).ok());
  EXPECT_FALSE(recorder.calls.empty());
  for (const Call &call : recorder.calls)
    EXPECT_NE(call.kernel / 3, static_cast<int>(Head));
}

// Work that shows a missing barrier: each phase checks that the one before is complete.
std::atomic<int> phaseUnits[4];
std::atomic<int> phaseErrors;

void phaseWork(int kernel, const AxmLaunch *launch) {
  int phase = kernel / 3 == Qkv ? 0 : kernel / 3 == Attention ? 1 : kernel / 3 == Output ? 2 : 3;
  if (phase == 3)
    return;
  const int expected[] = {4, static_cast<int>(launch->numTokens), 5};
  int layerRound = phaseUnits[3].load();
  if (phase > 0 && phaseUnits[phase - 1].load() != expected[phase - 1] * (layerRound + 1))
    ++phaseErrors;
  if (launch->begin % 2 == 0)
    std::this_thread::yield();
  int done = phaseUnits[phase] += static_cast<int>(launch->end - launch->begin);
  if (phase == 2 && done == expected[2] * (layerRound + 1))
    ++phaseUnits[3];
}

TEST_F(ExecutorTest, PhasesAreSeparatedByBarriers) {
  recorder.record = false;
  recorder.work = phaseWork;
  for (uint32_t threads : {2u, 3u, 5u}) {
    auto executor = make(threads);
    for (int step = 0; step < 200; ++step) {
      for (auto &count : phaseUnits)
        count = 0;
      phaseErrors = 0;
      StepData data(program, 1 + step % 20, step % 2);
      ASSERT_TRUE(executor->step(data.input).ok());
      ASSERT_EQ(phaseErrors, 0);
      ASSERT_EQ(phaseUnits[2], 10);
      if (step % 50 == 0) // the workers fall asleep
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  }
}

TEST_F(ExecutorTest, BalancedTasksAreSharedOutInChunks) {
  auto executor = make(2);
  StepData data(program, 64, 0);
  ASSERT_TRUE(executor->step(data.input).ok());
  size_t bodies = 0;
  for (const Call &call : recorder.calls)
    if (call.kernel / 3 == Attention) {
      ++bodies;
      EXPECT_EQ(call.launch.end - call.launch.begin, 8u); // 64 units, 2 threads, 4 chunks each
    }
  EXPECT_EQ(bodies, 16u);
}

#if defined(__x86_64__)
TEST_F(ExecutorTest, FloatModeIsSetAndRestored) {
  auto executor = make(3);
  const uint32_t strange = 0x1f80 | 0x8040 | 0x6000; // FTZ, DAZ, round to zero
  uint32_t before = _mm_getcsr();
  _mm_setcsr(strange);
  StepData data(program, 9, 1);
  Status status = executor->step(data.input);
  uint32_t after = _mm_getcsr();
  _mm_setcsr(before);
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(after, strange);
  for (const Call &call : recorder.calls)
    ASSERT_EQ(call.csr, 0x1f80u);
}
#endif

std::atomic<int> outputUnits;

TEST_F(ExecutorTest, LayerHookSeesEachLayerWhileOthersWait) {
  recorder.work = [](int kernel, const AxmLaunch *launch) {
    if (kernel / 3 != Output)
      return;
    outputUnits += static_cast<int>(launch->end - launch->begin);
    static_cast<float *>(launch->args[2])[0] += 1;
  };
  auto executor = make(1);
  std::vector<uint32_t> layers;
  std::vector<float> values;
  executor->setLayerHook([&](uint32_t layer, const float *hidden, uint32_t tokens) {
    EXPECT_EQ(tokens, 6u);
    EXPECT_EQ(outputUnits, static_cast<int>(5 * (layer + 1)));
    layers.push_back(layer);
    values.push_back(hidden[0]);
  });
  outputUnits = 0;
  StepData data(program, 6, 1);
  ASSERT_TRUE(executor->step(data.input).ok());
  EXPECT_EQ(layers, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(values, (std::vector<float>{1, 2}));
  auto rows = executor->hidden(0, 6);
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ((*rows)[0], 2);
  EXPECT_EQ(*executor->hidden(2, 1), *rows + 2 * program.config.hiddenStride());
  EXPECT_EQ(executor->hidden(0, 7).status().code(), Code::InvalidArgument);
  EXPECT_EQ(executor->hidden(7, 0).status().code(), Code::InvalidArgument);
  executor->setLayerHook(
      [](uint32_t, const float *, uint32_t) { throw std::runtime_error("disk full"); });
  Status status = executor->step(data.input);
  EXPECT_EQ(status.code(), Code::Internal);
  EXPECT_NE(status.message().find("disk full"), std::string::npos);
  executor->setLayerHook({});
  EXPECT_TRUE(executor->step(data.input).ok());

  recorder.work = [](int kernel, const AxmLaunch *launch) {
    if (kernel / 3 == Output)
      outputUnits += static_cast<int>(launch->end - launch->begin);
  };
  auto team = make(4);
  outputUnits = 0;
  int calls = 0;
  team->setLayerHook([&](uint32_t layer, const float *, uint32_t) {
    EXPECT_EQ(outputUnits, static_cast<int>(5 * (layer + 1)));
    ++calls;
  });
  ASSERT_TRUE(team->step(data.input).ok());
  EXPECT_EQ(calls, 2);
}

TEST_F(ExecutorTest, AStepAllocatesNothing) {
  if (!allocationCount())
    GTEST_SKIP() << "allocations are counted in builds without sanitizers";
  recorder.record = false;
  auto executor = make(3);
  StepData data(program, 9, 3), single(program, 1, 1);
  ASSERT_TRUE(executor->step(data.input).ok());
  auto before = allocationCount();
  for (int i = 0; i < 10; ++i) {
    Status first = executor->step(data.input), second = executor->step(single.input);
    executor->clearBlock(0);
    ASSERT_TRUE(first.ok() && second.ok());
  }
  EXPECT_EQ(allocationCount(), before);
}

TEST_F(ExecutorTest, BlocksAreZeroAfterClear) {
  recorder.work = [](int kernel, const AxmLaunch *launch) {
    if (kernel / 3 != Qkv || launch->begin != 0)
      return;
    auto *kv = static_cast<uint8_t *>(launch->args[6]);
    const auto *tables = static_cast<const uint32_t *>(launch->args[9]);
    static const uint64_t layerBytes = makeTestProgram().kv.layerBytes,
                          block = makeTestProgram().kv.blockBytes;
    for (uint64_t i = 0; i < layerBytes; ++i) {
      EXPECT_EQ(kv[tables[0] * block + i], 0);
      kv[tables[0] * block + i] = 0xff;
    }
  };
  auto executor = make(2);
  StepData data(program, 1, 0);
  for (int round = 0; round < 3; ++round)
    for (uint32_t block : {7u, 0u, 3u}) {
      executor->clearBlock(block);
      data.blockTables.assign(data.blockTables.size(), block);
      ASSERT_TRUE(executor->step(data.input).ok());
    }
  executor->clearBlock(8); // no such block: nothing happens
}

} // namespace
