#include "runtime/device/cpu/Executor.h"

#include "runtime/base/Checked.h"
#include "runtime/base/Memory.h"
#include "runtime/base/RunDelay.h"
#include "runtime/base/Threads.h"
#include "runtime/device/cpu/ActiveThreads.h"
#include "runtime/device/cpu/FloatMode.h"
#include "runtime/device/cpu/Launch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>

namespace axiom {

namespace {

using ull = unsigned long long;

constexpr uint32_t kMaxThreads = 4096;
constexpr uint64_t kAlign = 64;      ///< of slots and scratch
constexpr uint64_t kAskBytes = 4096; ///< of a weight, before the phase that reads it
constexpr uint32_t kLoose = 4;       ///< one in so many units is left to whoever is free

/// How the units of a launch reach the threads: the first `fixed` in one slice a thread, the others
/// in chunks that whoever is free takes, which shrink to `chunk` towards the end.
struct Sharing {
  uint32_t fixed, chunk;
  uint32_t parts; ///< a chunk is one in so many of what is left
};

/// Where units differ in cost (`balance`) all are taken in chunks: small ones even the end out, but
/// neighbouring tokens can be cheaper together, and the blocks of neighbouring spans are
/// prefetched. Elsewhere most of them go in slices, which read weights as one long stream, and the
/// last ones make up for cores that are not equally fast: others use their memory, their caches or
/// themselves.
Sharing sharingOf(const LaunchShape &shape, bool balance, uint32_t threads) {
  constexpr uint32_t kTogether = 16, kWhole = UINT32_MAX;
  auto parts = [&](uint32_t perThread) { return shape.units / (threads * perThread); };
  if (!balance)
    return {shape.units - shape.units / kLoose, 1, 2 * threads};
  if (shape.spans)
    return {0, std::max(1u, parts(8)), kWhole};
  if (parts(16) >= kTogether)
    return {0, static_cast<uint32_t>(alignUp(parts(16), kTogether)), kWhole};
  return {0, std::clamp(parts(4), 1u, kTogether), kWhole};
}

uint32_t teamSize(const ExecutorOptions &options) {
  uint32_t cores = usableCores();
  uint32_t threads = options.threads == 0 ? cores : options.threads;
  if (!options.oversubscribe)
    threads = std::min(threads, cores);
  return std::clamp(threads, 1u, kMaxThreads);
}

/// Slot sizes and scratch are at most 2^40 fixed and 2^40 a token: no overflow below 2^17 tokens.
uint64_t scaled(uint64_t fixed, uint64_t perToken, uint32_t tokens) {
  return alignUp(fixed + perToken * tokens, kAlign);
}

uint64_t scratchBytes(const LoadedProgram &program, uint32_t maxTokens) {
  uint64_t bytes = kAlign;
  for (const LoadedKernel &kernel : program.kernels)
    bytes = std::max(bytes, scaled(kernel.row.scratchFixed, kernel.row.scratchPerToken, maxTokens));
  return bytes;
}

Status checkOptions(const LoadedProgram &program, const ExecutorOptions &options) {
  if (options.maxTokens == 0 || options.maxTokens > kMaxStepTokens)
    return Status(Code::InvalidArgument, format("%u tokens a step; 1 to %u are possible",
                                                options.maxTokens, kMaxStepTokens));
  for (const LoadedKernel &kernel : program.kernels)
    if (kernel.row.unitKind == AXM_UNITS_PER_TOKEN &&
        uint64_t(kernel.row.unitCount) * options.maxTokens > 1u << 31)
      return Status(Code::InvalidArgument,
                    format("%u tokens a step give a kernel more than 2^31 units; use fewer",
                           options.maxTokens));
  return Status::okStatus();
}

/// Loose units of a launch that threads have taken.
using Counter = std::atomic<uint32_t>;

} // namespace

struct Executor::Impl {
  std::shared_ptr<const Artifact> artifact; ///< null in tests
  const LoadedProgram *program = nullptr;
  ExecutorOptions options;
  ExecutorMemory memory;
  Pages workspace, scratch, kv;
  uint64_t scratchStride = 0;
  std::vector<uint8_t *> slots;
  LaunchTable table;
  std::vector<Counter> counters; ///< one a launch
  std::vector<uint8_t> used;     ///< per block: some step may have written it
  std::unique_ptr<ThreadTeam> team;
  std::unique_ptr<Barrier> barrier;
  LayerHook hook;
  std::unique_ptr<Profiler> profiler; ///< null: off
  ActiveThreads activeThreads{1};
  std::unique_ptr<RunDelay> runDelay; ///< null: all threads work always
  uint64_t delayBefore = 0;

  // The step that runs.
  uint32_t numTokens = 0, numRows = 0, lastPosition = 0;
  size_t firstPhase = 0, endPhase = 0;
  uint32_t active = 1; ///< threads that work
  Status hookStatus;

  void bindInput(const StepInput &input);
  void runTeam();
  void runThread(uint32_t thread);
  void runLaunch(size_t index, uint32_t thread);
  void askForWeights(size_t phase, uint32_t thread) const;
  void callHook(uint32_t layer);
  uint32_t tokensOf(const Launch &launch) const { return launch.perRow ? numRows : numTokens; }
};

Result<ExecutorMemory> Executor::plan(const LoadedProgram &program,
                                      const ExecutorOptions &options) {
  AXIOM_RETURN_IF_ERROR(checkOptions(program, options));
  ExecutorMemory memory;
  std::optional<uint64_t> sum = 0;
  for (const SlotInfo &slot : program.plan.slots) {
    sum = sum ? checkedAdd(*sum, scaled(slot.fixed, slot.perToken, options.maxTokens)) : sum;
  }
  auto kv = checkedMul(options.numBlocks, program.kv.blockBytes);
  auto scratch = checkedMul(scratchBytes(program, options.maxTokens), teamSize(options));
  constexpr uint64_t kMost = 1ull << 60;
  if (!sum || !kv || !scratch || *sum > kMost || *kv > kMost || *scratch > kMost)
    return Status(Code::Resource,
                  format("%u tokens a step and %u KV blocks need more memory than can be addressed",
                         options.maxTokens, options.numBlocks));
  memory.workspace = *sum;
  memory.scratch = *scratch;
  memory.kv = *kv;
  memory.tables = launchTableBytes(program);
  return memory;
}

Result<std::unique_ptr<Executor>> Executor::create(std::shared_ptr<const Artifact> artifact,
                                                   const ExecutorOptions &options) {
  const LoadedProgram &program = artifact->program();
  if (program.kernels.empty())
    return Status(Code::InvalidArgument, "the artifact was opened without its code");
  if (artifact->cuda())
    return Status(Code::InvalidArgument, "the artifact was opened for a GPU, not for the CPU");
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<Executor> executor, create(program, options));
  executor->impl_->artifact = std::move(artifact);
  return executor;
}

Result<std::unique_ptr<Executor>> Executor::create(const LoadedProgram &program,
                                                   const ExecutorOptions &options) {
  try {
    auto impl = std::make_unique<Impl>();
    impl->program = &program;
    impl->options = options;
    AXIOM_ASSIGN_OR_RETURN(impl->memory, plan(program, options));
    const ExecutorMemory &memory = impl->memory;
    if (options.memoryLimit != 0 && memory.total() > options.memoryLimit) {
      uint64_t others = memory.total() - memory.kv;
      uint64_t fit = others < options.memoryLimit && program.kv.blockBytes != 0
                         ? (options.memoryLimit - others) / program.kv.blockBytes
                         : 0;
      return Status(
          Code::Resource,
          format("%s are needed (workspace %s, scratch %s, KV cache %s) and %s are allowed; "
                 "%llu KV blocks of 64 positions would fit",
                 formatBytes(memory.total()).c_str(), formatBytes(memory.workspace).c_str(),
                 formatBytes(memory.scratch).c_str(), formatBytes(memory.kv).c_str(),
                 formatBytes(options.memoryLimit).c_str(), static_cast<ull>(fit)));
    }
    AXIOM_ASSIGN_OR_RETURN(impl->workspace, Pages::allocate(memory.workspace, "the workspace"));
    AXIOM_ASSIGN_OR_RETURN(impl->scratch, Pages::allocate(memory.scratch, "thread scratch"));
    AXIOM_ASSIGN_OR_RETURN(impl->kv, Pages::allocate(memory.kv, "the KV cache"));
    impl->scratchStride = scratchBytes(program, options.maxTokens);
    uint64_t offset = 0;
    for (const SlotInfo &slot : program.plan.slots) {
      impl->slots.push_back(impl->workspace.data() + offset);
      offset += scaled(slot.fixed, slot.perToken, options.maxTokens);
    }
    impl->table = buildLaunchTable(program, impl->slots, impl->kv.data());
    impl->counters = std::vector<Counter>(impl->table.launches.size());
    impl->used.assign(options.numBlocks, 0);
    AXIOM_ASSIGN_OR_RETURN(impl->team, ThreadTeam::create(teamSize(options)));
    uint32_t threads = impl->team->threads();
    impl->barrier = std::make_unique<Barrier>(threads);
    impl->activeThreads = ActiveThreads(threads);
    if (threads > 1 && !options.oversubscribe) {
      auto delay = std::make_unique<RunDelay>(impl->team->workerIds());
      if (auto now = delay->read()) {
        impl->runDelay = std::move(delay);
        impl->delayBefore = *now;
      }
    }
    return std::unique_ptr<Executor>(new Executor(std::move(impl)));
  } catch (const std::exception &error) {
    return Status(Code::Resource, format("cannot set up the executor: %s", error.what()));
  }
}

Executor::Executor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Executor::~Executor() = default;

uint32_t Executor::threads() const { return impl_->team->threads(); }
uint32_t Executor::maxTokens() const { return impl_->options.maxTokens; }
uint32_t Executor::numBlocks() const { return impl_->options.numBlocks; }
const ExecutorMemory &Executor::memory() const { return impl_->memory; }
void Executor::setLayerHook(LayerHook hook) { impl_->hook = std::move(hook); }
const StepProfile *Executor::profile() const {
  return impl_->profiler ? &impl_->profiler->profile() : nullptr;
}

void Executor::setProfiling(bool on) {
  impl_->profiler = on ? std::make_unique<Profiler>(*impl_->program, threads()) : nullptr;
}

std::span<uint8_t> Executor::slot(uint32_t index) {
  const std::vector<SlotInfo> &slots = impl_->program->plan.slots;
  if (index >= slots.size())
    return {};
  return {impl_->slots[index],
          scaled(slots[index].fixed, slots[index].perToken, impl_->options.maxTokens)};
}

Result<const float *> Executor::hidden(uint32_t first, uint32_t count) const {
  if (first > impl_->numTokens || count > impl_->numTokens - first)
    return Status(Code::InvalidArgument,
                  format("hidden state of %u tokens from %u on; the step had "
                         "%u",
                         count, first, impl_->numTokens));
  const auto *rows =
      reinterpret_cast<const float *>(impl_->slots[impl_->program->plan.residualSlot]);
  return rows + size_t(first) * impl_->program->config.hiddenStride();
}

void Executor::clearBlock(uint32_t block) {
  if (block >= impl_->used.size())
    return;
  // A block that no step has seen still has the zeros of its fresh pages.
  if (impl_->used[block])
    std::memset(impl_->kv.data() + block * impl_->program->kv.blockBytes, 0,
                impl_->program->kv.blockBytes);
  impl_->used[block] = 0;
}

void Executor::releaseBlocks() {
  impl_->kv.release();
  std::fill(impl_->used.begin(), impl_->used.end(), 0);
}

void Executor::Impl::bindInput(const StepInput &in) {
  numTokens = static_cast<uint32_t>(in.tokens.size());
  numRows = static_cast<uint32_t>(in.rows.size());
  lastPosition = static_cast<uint32_t>(*std::max_element(in.positions.begin(), in.positions.end()));
  firstPhase = in.firstPhase;
  endPhase = std::min<size_t>(in.endPhase, table.phases.size());
  void *addresses[AXM_SPACE_TILES + 1] = {};
  auto set = [&](AxmSpace space, const void *address) {
    addresses[space] = const_cast<void *>(address);
  };
  set(AXM_SPACE_TOKENS, in.tokens.data());
  set(AXM_SPACE_POSITIONS, in.positions.data());
  set(AXM_SPACE_TABLE_OFFSETS, in.tableOffsets.data());
  set(AXM_SPACE_BLOCK_TABLES, in.blockTables.data());
  set(AXM_SPACE_ROWS, in.rows.data());
  set(AXM_SPACE_LOGITS, in.logits);
  set(AXM_SPACE_TILES, in.tiles);
  for (const StepArg &arg : table.stepArgs)
    table.args[arg.arg] = addresses[arg.space];
  for (Counter &taken : counters)
    taken.store(0, std::memory_order_relaxed);
  for (uint32_t block : in.blockTables)
    used[block] = 1;
}

Status Executor::step(const StepInput &input) {
  auto broken = [this] { return impl_->artifact && impl_->artifact->broken(); };
  auto gone = [] {
    return Status(Code::BadInput,
                  "the artifact's file was changed while it was in use; load it again");
  };
  if (broken())
    return gone();
  AXIOM_RETURN_IF_ERROR(
      checkStep(input, impl_->program->config,
                {impl_->options.maxTokens, impl_->options.numBlocks, impl_->table.phases.size()}));
  impl_->bindInput(input);
  impl_->hookStatus = Status::okStatus();
  impl_->runTeam();
  if (broken())
    return gone();
  return impl_->hookStatus;
}

void Executor::Impl::runTeam() {
  auto run = [this](uint32_t threads) {
    active = threads;
    barrier->resize(threads);
    team->run([](void *self, uint32_t thread) { static_cast<Impl *>(self)->runThread(thread); },
              this, threads);
  };
  if (profiler) {
    profiler->beginStep();
    run(team->threads());
    return profiler->endStep();
  }
  if (!runDelay)
    return run(team->threads());
  auto begin = std::chrono::steady_clock::now();
  run(activeThreads.count());
  std::chrono::nanoseconds time = std::chrono::steady_clock::now() - begin;
  if (!activeThreads.addStep(static_cast<uint64_t>(time.count())))
    return;
  uint64_t now = runDelay->read().value_or(delayBefore);
  activeThreads.closeWindow(now - delayBefore);
  delayBefore = now;
}

void Executor::Impl::callHook(uint32_t layer) {
  const auto *hidden = reinterpret_cast<const float *>(slots[program->plan.residualSlot]);
  Status status = callLayerHook(hook, layer, hidden, numTokens);
  if (!status.ok())
    hookStatus = std::move(status);
}

void Executor::Impl::runThread(uint32_t thread) {
  FloatMode mode;
  Profiler *times = profiler.get();
  if (times)
    times->begin(thread);
  for (size_t index = firstPhase; index < endPhase; ++index) {
    const LaunchPhase &phase = table.phases[index];
    bool any = false;
    for (uint32_t i = phase.firstLaunch; i < phase.firstLaunch + phase.numLaunches; ++i) {
      if (tokensOf(table.launches[i]) == 0)
        continue;
      any = true;
      runLaunch(i, thread);
      if (times)
        times->ran(thread, i);
    }
    bool call = hook && phase.layerDone >= 0;
    // The end of the job is a barrier too.
    if (call || (any && index + 1 != endPhase)) {
      if (index + 1 != endPhase)
        askForWeights(index + 1, thread);
      barrier->arrive();
      if (times)
        times->waited(thread, index);
    }
    if (call) {
      if (thread == 0)
        callHook(static_cast<uint32_t>(phase.layerDone));
      barrier->arrive();
      if (times)
        times->hooked(thread);
    }
  }
}

/// Asks for the beginning of the thread's slice of each large weight of a phase: they do not depend
/// on the phase before, and come while the thread waits for the others. A hint: where units are not
/// equal parts of a weight it misses.
void Executor::Impl::askForWeights(size_t phase, uint32_t thread) const {
  constexpr uint64_t kLarge = 64 << 10, kLine = 64;
  const LaunchPhase &next = table.phases[phase];
  if (next.numLaunches == 0)
    return;
  const Launch &launch = table.launches[next.firstLaunch];
  uint32_t tokens = tokensOf(launch);
  if (launch.balance || tokens == 0 || tokens > 2) // more are not bound by memory
    return;
  LaunchShape shape = launchShape(launch, tokens, lastPosition);
  const AxmKernelRow &row = shape.kernel->row;
  uint64_t fixed = sharingOf(shape, false, active).fixed, begin = fixed * thread / active;
  for (uint32_t i = 0; i < row.numArgs; ++i) {
    const AxmArgRow &arg = row.args[i];
    uint64_t offset = arg.readFixed / shape.units * begin;
    if (arg.space != AXM_SPACE_WEIGHTS || arg.readFixed < kLarge ||
        offset + kAskBytes > arg.readFixed)
      continue;
    auto *at = static_cast<const uint8_t *>(table.args[launch.firstArg + i]) + offset;
    for (uint64_t line = 0; line < kAskBytes; line += kLine)
      __builtin_prefetch(at + line, 0, 2);
  }
}

void Executor::Impl::runLaunch(size_t index, uint32_t thread) {
  const Launch &launch = table.launches[index];
  LaunchShape shape = launchShape(launch, tokensOf(launch), lastPosition);
  const LoadedKernel &kernel = *shape.kernel;
  uint32_t units = shape.units, threads = active;
  AxmLaunch arg{table.args.data() + launch.firstArg,    shape.tokens, 0, units, shape.spans,
                scratch.data() + thread * scratchStride};
  bool prepared = !kernel.prologue;
  auto run = [&](uint32_t begin, uint32_t end) {
    if (!prepared)
      kernel.prologue(&arg);
    prepared = true;
    arg.begin = begin;
    arg.end = end;
    kernel.body(&arg);
  };
  if (threads == 1)
    return run(0, units);
  Sharing sharing = sharingOf(shape, launch.balance, threads);
  uint32_t begin = static_cast<uint32_t>(uint64_t(sharing.fixed) * thread / threads);
  uint32_t end = static_cast<uint32_t>(uint64_t(sharing.fixed) * (thread + 1) / threads);
  if (begin != end)
    run(begin, end);
  Counter &taken = counters[index];
  uint32_t loose = units - sharing.fixed, first = taken.load(std::memory_order_relaxed);
  while (first < loose) {
    uint32_t left = loose - first;
    uint32_t count = std::min(left, std::max(sharing.chunk, left / sharing.parts));
    if (!taken.compare_exchange_weak(first, first + count, std::memory_order_relaxed))
      continue;
    run(sharing.fixed + first, sharing.fixed + first + count);
    first = taken.load(std::memory_order_relaxed);
  }
}

} // namespace axiom
