#include "tools/axiom-bench/Rows.h"

#include "runtime/api/ApiState.h"
#include "runtime/engine/Runners.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace axiom::bench {

/// The timed part of a run.
struct RowRunner::Clock {
  Engine &engine;
  Executor *executor; ///< null: not profiled
  bool profiled;
  std::chrono::steady_clock::time_point begin{};
  uint64_t stepsBefore = 0;
  double seconds = 0;
  uint64_t tokens = 0, steps = 0;
  /// Positions that each sequence has computed when the clock starts.
  std::vector<uint32_t> contexts = {};
  const OtherMemory *evict = nullptr;
  double leftOut = 0; ///< seconds spent on that

  void start() {
    stepsBefore = engine.stats().steps;
    if (executor)
      executor->setProfiling(profiled);
    begin = std::chrono::steady_clock::now();
  }
  void beforeStep() {
    if (evict)
      leftOut += evict->read();
  }
  void stop() {
    auto end = std::chrono::steady_clock::now();
    seconds = std::chrono::duration<double>(end - begin).count() - leftOut;
    steps = engine.stats().steps - stepsBefore;
  }
};

std::string Row::test() const {
  std::string name = numGen == 0 ? "pp" + std::to_string(numPrompt) : "tg" + std::to_string(numGen);
  if (numParallel > 1)
    name += " x" + std::to_string(numParallel);
  return depth > 0 ? name + " @ d" + std::to_string(depth) : name;
}

double RowResult::mean() const {
  return std::accumulate(rates.begin(), rates.end(), 0.0) / static_cast<double>(rates.size());
}

double RowResult::deviation() const {
  if (rates.size() < 2)
    return 0;
  double m = mean(), sum = 0;
  for (double r : rates)
    sum += (r - m) * (r - m);
  return std::sqrt(sum / static_cast<double>(rates.size() - 1));
}

Expected<RowRunner> RowRunner::create(const Model &model, const Row &row,
                                      const RunOptions &options) {
  EngineOptions engineOptions;
  engineOptions.threads = options.threads;
  engineOptions.maxSequences = row.numParallel;
  engineOptions.maxBatchedTokens = std::max(options.batchedTokens, row.numParallel);
  // At a depth, the first sequence decodes while the others prefill.
  uint32_t spare = 1 + row.numParallel * (row.depth / engineOptions.maxBatchedTokens + 2);
  // Whole blocks of 64 for each sequence.
  uint64_t length = row.depth == 0 ? row.numGen : uint64_t(row.depth) + row.numGen + spare;
  engineOptions.kvPositions =
      row.numGen == 0 ? row.numPrompt : (length + 64ull) / 64 * 64 * row.numParallel;
  engineOptions.memoryLimit = options.memoryLimit;
  engineOptions.maxRequests = std::max(4096u, row.numParallel);
  engineOptions.manual = true;
  engineOptions.eager = options.eager;
  engineOptions.noPrefixCache = true; // every prompt is to be computed
  Expected<Engine> engine = Engine::create(model, engineOptions);
  if (!engine)
    return engine.error();
  RowRunner runner(model, std::move(*engine), row, options);
  runner.options_.batchedTokens = engineOptions.maxBatchedTokens;
  runner.spare_ = spare;
  auto *stepRunner =
      dynamic_cast<engine::ExecutorRunner *>(&runner.engine_.get()->engine->runner());
  if (stepRunner)
    runner.executor_ = &stepRunner->executor();
  else if (options.profile)
    return Error{AXIOM_INTERNAL, "only the CPU's steps can be profiled"};
  return runner;
}

uint32_t RowRunner::threads() const { return executor_ ? executor_->threads() : 1; }

/// Tokens that look like no text in particular, the same in every run.
std::vector<int32_t> RowRunner::someTokens(uint32_t count, uint32_t salt) const {
  uint32_t vocab = model_.info().vocab;
  std::vector<int32_t> tokens;
  uint32_t state = 12345 + salt * 7919;
  for (uint32_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    tokens.push_back(static_cast<int32_t>((state >> 8) % vocab));
  }
  return tokens;
}

std::optional<Error> RowRunner::runPrompt(Clock &clock) {
  auto tokens = someTokens(row_.numPrompt, 0);
  clock.contexts = {0};
  clock.start();
  if (auto error = engine_.forward(tokens, row_.numPrompt - 1, [](uint32_t, auto) {}))
    return error;
  clock.stop();
  clock.tokens = row_.numPrompt;
  return std::nullopt;
}

std::optional<Error> RowRunner::runGeneration(Clock &clock) {
  Generation how;
  how.temperature = 0;
  how.ignoreEos = true;
  how.maxTokens = row_.numGen;
  clock.contexts.assign(row_.numParallel, 0);
  clock.start();
  std::vector<uint64_t> ids;
  for (uint32_t s = 0; s < row_.numParallel; ++s) {
    Expected<uint64_t> id = engine_.submit(someTokens(1, s), how);
    if (!id)
      return id.error();
    ids.push_back(*id);
  }
  do
    clock.beforeStep();
  while (engine_.step());
  for (uint64_t id : ids)
    for (bool last = false; !last;) {
      Expected<Event> event = engine_.poll(id);
      if (!event)
        return event.error();
      if (event->finish == AXIOM_FINISH_ERROR)
        return Error{event->status, event->error};
      last = event->last;
    }
  clock.stop();
  clock.tokens = uint64_t(row_.numGen) * row_.numParallel;
  return std::nullopt;
}

/// The sequences prefill and decode in the same steps, so the clock starts with the first token of
/// the last one, and none may end before it stops.
std::optional<Error> RowRunner::runAtDepth(Clock &clock) {
  Generation how;
  how.temperature = 0;
  how.ignoreEos = true;
  how.maxTokens = row_.numGen + spare_;
  std::vector<uint64_t> ids;
  for (uint32_t s = 0; s < row_.numParallel; ++s) {
    Expected<uint64_t> id = engine_.submit(someTokens(row_.depth, s), how);
    if (!id)
      return id.error();
    ids.push_back(*id);
  }
  std::vector<uint32_t> counts(ids.size());
  auto takeStep = [&]() -> std::optional<Error> {
    if (!engine_.step())
      return Error{AXIOM_INTERNAL, "the engine found nothing to do"};
    for (size_t i = 0; i < ids.size(); ++i)
      for (bool more = true; more;) {
        Expected<Event> event = engine_.poll(ids[i]);
        if (!event && event.error().code == AXIOM_AGAIN)
          break;
        if (!event)
          return event.error();
        if (event->finish == AXIOM_FINISH_ERROR)
          return Error{event->status, event->error};
        more = event->token >= 0;
        counts[i] += more;
      }
    return std::nullopt;
  };
  while (std::count(counts.begin(), counts.end(), 0u) > 0)
    if (auto error = takeStep())
      return error;
  auto sum = [&] { return std::accumulate(counts.begin(), counts.end(), uint64_t(0)); };
  uint64_t before = sum(), until = before + uint64_t(row_.numGen) * ids.size();
  for (uint32_t count : counts) // the last token that it has given is not computed yet
    clock.contexts.push_back(row_.depth + count - 1);
  clock.start();
  while (sum() < until) {
    clock.beforeStep();
    if (auto error = takeStep())
      return error;
  }
  clock.stop();
  clock.tokens = sum() - before;
  for (uint64_t id : ids)
    engine_.cancel(id);
  while (engine_.step()) {
  }
  for (uint64_t id : ids)
    engine_.release(id);
  return std::nullopt;
}

std::optional<Error> RowRunner::addWork(const Clock &clock, RowResult &result) const {
  const Artifact &artifact = *model_.get()->state->artifact;
  std::vector<AxmKernelRow> kernels;
  for (const LoadedKernel &kernel : artifact.program().kernels)
    kernels.push_back(kernel.row);
  std::vector<SequenceSlice> slices;
  for (uint32_t context : clock.contexts)
    slices.push_back({0, context, 0});
  for (uint64_t step = 0; step < clock.steps; ++step) {
    for (SequenceSlice &slice : slices) {
      uint32_t left = row_.numPrompt - std::min(row_.numPrompt, slice.context);
      slice.tokens = row_.numGen > 0 ? 1 : std::min(left, options_.batchedTokens);
      slice.context += slice.tokens;
      slice.rows = row_.numGen > 0 || slice.context == row_.numPrompt;
    }
    Result<StepWork> work = stepWork(artifact.metadata(), kernels, slices);
    if (!work.ok())
      return Error{AXIOM_INTERNAL,
                   "the work of the steps is not known: " + work.status().message()};
    result.work += *work;
  }
  return std::nullopt;
}

std::optional<Error> RowRunner::run(RowResult *result) {
  Clock clock{engine_, executor_, result && options_.profile};
  clock.evict = options_.evict;
  auto error = row_.numGen == 0 ? runPrompt(clock)
               : row_.depth > 0 ? runAtDepth(clock)
                                : runGeneration(clock);
  if (error || !result)
    return error;
  result->rates.push_back(static_cast<double>(clock.tokens) / clock.seconds);
  result->seconds += clock.seconds;
  result->tokens += clock.tokens;
  result->steps += clock.steps;
  if (options_.profile)
    result->profile += *executor_->profile();
  return options_.work ? addWork(clock, *result) : std::nullopt;
}

} // namespace axiom::bench
