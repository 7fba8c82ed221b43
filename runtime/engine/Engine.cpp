// The life of an engine and what other threads call. The step itself: EngineStep.cpp.
#include "runtime/engine/Engine.h"

#include "runtime/engine/EngineState.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <pthread.h>
#include <system_error>

namespace axiom::engine {
namespace {

constexpr uint32_t kMaxSamples = 128, kMaxStops = 64, kMaxStopBytes = 4096;

Status invalid(std::string message) { return {Code::InvalidArgument, std::move(message)}; }

Status checkIds(const char *what, std::span<const int32_t> ids, uint32_t vocab) {
  for (int32_t id : ids)
    if (id < 0 || static_cast<uint32_t>(id) >= vocab)
      return invalid(
          format("%s holds token %d, but the model has tokens 0 to %u", what, id, vocab - 1));
  return {};
}

} // namespace

Engine::Engine(ModelInfo model, EngineOptions options, std::unique_ptr<StepRunner> runner)
    : model_(std::move(model)), options_(options), runner_(std::move(runner)),
      scheduler_(options.limits, options.numBlocks), drafts_(options.maxDraftTokens),
      admission_(options.admission) {
  if (!options_.clock)
    options_.clock = [] {
      auto now = std::chrono::steady_clock::now().time_since_epoch();
      return static_cast<uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(now).count());
    };
}

Result<std::unique_ptr<Engine>> Engine::create(ModelInfo model, EngineOptions options,
                                               std::unique_ptr<StepRunner> runner) {
  const SchedulerLimits &limits = options.limits;
  if (limits.maxSequences < 1 || limits.maxSequences > limits.maxBatchedTokens)
    return invalid(
        format("%u sequences with %u tokens a step: at least 1 sequence, and at least as "
               "many tokens as sequences, are needed",
               limits.maxSequences, limits.maxBatchedTokens));
  if (limits.maxRows < limits.maxSequences || limits.maxRows > limits.maxBatchedTokens)
    return invalid(format("%u rows of logits a step: at least the %u sequences and at most the %u "
                          "tokens a step are possible",
                          limits.maxRows, limits.maxSequences, limits.maxBatchedTokens));
  if (options.numBlocks < 1)
    return invalid("the engine has no KV blocks: give it memory for at least 64 positions");
  if (model.vocab < 1 || model.logitsStride < model.vocab || model.numTiles < 1)
    return {Code::Internal, "the model's sizes do not hold together"};
  try {
    std::unique_ptr<Engine> engine(new Engine(std::move(model), options, std::move(runner)));
    if (!engine->runner_->keepsResults()) {
      uint64_t rows = limits.maxRows;
      AXIOM_ASSIGN_OR_RETURN(
          engine->logits_,
          Pages::allocate(rows * engine->model_.logitsStride * sizeof(float), "logits"));
      AXIOM_ASSIGN_OR_RETURN(
          engine->tiles_,
          Pages::allocate(rows * engine->model_.numTiles * sizeof(AxmTile), "tiles"));
    }
    engine->tokens_.reserve(limits.maxBatchedTokens);
    engine->positions_.reserve(limits.maxBatchedTokens);
    engine->tableOffsets_.reserve(limits.maxBatchedTokens);
    engine->rows_.reserve(limits.maxRows);
    engine->tilesOnly_.reserve(limits.maxRows);
    engine->mask_.resize(maskWords(engine->model_.vocab));
    engine->publish();
    return engine;
  } catch (const std::exception &) {
    return {Code::Resource, "not enough memory for the engine's tables"};
  }
}

Engine::~Engine() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  if (thread_.joinable())
    thread_.join();
  else
    endAll(Finish::Cancelled, {});
  news_.notify_all();
}

Status Engine::start() {
  std::lock_guard lock(mutex_);
  if (threaded_)
    return invalid("the engine runs already");
  // Signals belong to the application's threads; a fault must still reach the thread that made it.
  sigset_t block, before;
  sigfillset(&block);
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    sigdelset(&block, signal);
  pthread_sigmask(SIG_SETMASK, &block, &before);
  Status status;
  try {
    thread_ = std::thread([this] { threadMain(); });
    // For top -H and debuggers. Named from here, it has the name when start() returns.
    pthread_setname_np(thread_.native_handle(), "axiom-engine");
    threaded_ = true;
  } catch (const std::system_error &error) {
    status = {Code::Resource, format("can't start the engine's thread: %s", error.what())};
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return status;
}

void Engine::threadMain() {
  runningThread_ = std::this_thread::get_id();
  for (bool busy = false;;) {
    {
      std::unique_lock lock(mutex_);
      auto news = [&] { return stopping_ || !inbox_.empty() || !cancels_.empty(); };
      if (!busy && options_.sleepAfterMs != 0 && !asleep_) {
        if (!work_.wait_for(lock, std::chrono::milliseconds(options_.sleepAfterMs), news)) {
          lock.unlock();
          fallAsleep();
          continue;
        }
      } else if (!busy) {
        work_.wait(lock, news);
      }
      if (stopping_)
        break;
    }
    local_.asleep = asleep_ = false;
    busy = stepOnce();
  }
  endAll(Finish::Cancelled, {});
}

void Engine::fallAsleep() {
  asleep_ = true; // also where it fails: it is not tried again and again
  if (!scheduler_.idle())
    return;
  try {
    if (runner_->releaseBlocks())
      scheduler_.forgetPrefixes();
    if (options_.sleeps)
      options_.sleeps();
  } catch (const std::exception &) {
  }
  local_.asleep = true;
  ++local_.sleeps;
  publish();
}

bool Engine::step() {
  std::lock_guard guard(stepMutex_);
  {
    std::lock_guard lock(mutex_);
    if (threaded_)
      return false;
  }
  auto before = runningThread_.exchange(std::this_thread::get_id());
  bool worked = stepOnce();
  runningThread_ = before;
  return worked;
}

Status Engine::checkSpec(RequestSpec &spec) const {
  uint64_t prompt = spec.prompt.size();
  if (prompt == 0)
    return invalid("the prompt has no tokens: at least one is needed");
  if (prompt > model_.maxContext)
    return invalid(format("the prompt has %llu tokens, but the model's context is %u: shorten it",
                          static_cast<unsigned long long>(prompt), model_.maxContext));
  AXIOM_RETURN_IF_ERROR(checkIds("the prompt", spec.prompt, model_.vocab));
  AXIOM_RETURN_IF_ERROR(checkIds("stop_tokens", spec.stopTokens, model_.vocab));
  AXIOM_RETURN_IF_ERROR(checkSampling(spec.sampling, model_.vocab));
  if (spec.pooling != Pooling::None)
    spec.generate = false;
  if (spec.promptLogprobs.value_or(0) > kMaxLogprobs)
    return invalid(format("prompt_logprobs = %u is out of range: at most %u are possible",
                          *spec.promptLogprobs, kMaxLogprobs));
  uint64_t capacity = uint64_t(options_.numBlocks) * AXM_KV_BLOCK;
  auto tooLarge = [&](uint64_t positions) {
    return Status(
        Code::Resource,
        format("the request needs up to %llu positions of KV memory (%llu prompt tokens, %u "
               "to generate), but the engine has %llu: ask for fewer or give it more",
               static_cast<unsigned long long>(positions), static_cast<unsigned long long>(prompt),
               spec.maxTokens, static_cast<unsigned long long>(capacity)));
  };
  if (!spec.generate) {
    if (spec.pooling != Pooling::None) {
      if (model_.finalNorm.gain.empty())
        return {Code::Unsupported, "the artifact does not say what its last norm is, which "
                                   "embeddings need: compile it again"};
      if (spec.rows || spec.promptLogprobs)
        return invalid("a request for an embedding has no logits");
    } else if (!spec.promptLogprobs && (!spec.rows || spec.rowsFrom >= prompt))
      return invalid("a request that does not generate must ask for rows of logits, or for "
                     "prompt_logprobs");
    if (spec.numSamples != 1)
      return invalid("a request that does not generate has one sample");
    if (spec.constraint)
      return invalid("a request that does not generate has no constraint");
    spec.maxTokens = 0;
    return prompt > capacity ? tooLarge(prompt) : Status();
  }
  if (spec.maxTokens == 0) {
    if (prompt >= model_.maxContext)
      return invalid(
          format("the prompt's %llu tokens fill the model's context of %u: nothing can be "
                 "generated",
                 static_cast<unsigned long long>(prompt), model_.maxContext));
    if (prompt > capacity)
      return tooLarge(prompt);
    spec.maxTokens =
        static_cast<uint32_t>(std::min(model_.maxContext - prompt, capacity - prompt + 1));
  }
  if (prompt + spec.maxTokens > model_.maxContext)
    return invalid(
        format("%llu prompt tokens + %u to generate = %llu, but the model's context is %u: "
               "shorten the prompt or ask for at most %llu tokens",
               static_cast<unsigned long long>(prompt), spec.maxTokens,
               static_cast<unsigned long long>(prompt + spec.maxTokens), model_.maxContext,
               static_cast<unsigned long long>(model_.maxContext - prompt)));
  if (prompt + spec.maxTokens - 1 > capacity)
    return tooLarge(prompt + spec.maxTokens - 1);
  if (spec.minTokens > spec.maxTokens)
    return invalid(
        format("min_tokens = %u is above max_tokens = %u", spec.minTokens, spec.maxTokens));
  if (spec.numSamples < 1 || spec.numSamples > kMaxSamples)
    return invalid(format("n = %u is out of range: 1 to %u", spec.numSamples, kMaxSamples));
  if (spec.stopStrings.size() > kMaxStops)
    return invalid(
        format("%zu stop strings; at most %u are possible", spec.stopStrings.size(), kMaxStops));
  for (const std::string &stop : spec.stopStrings)
    if (stop.empty() || stop.size() > kMaxStopBytes)
      return invalid(
          format("a stop string has %zu bytes; 1 to %u are possible", stop.size(), kMaxStopBytes));
  if (!spec.stopStrings.empty() && !model_.newText)
    return invalid("stop strings need a tokenizer, which this model does not have");
  return {};
}

Status Engine::refusal(uint64_t key, uint64_t tokens, uint64_t *retryAfterMs) {
  auto refusal = admission_.refuses(key, tokens, requests_.size());
  if (!refusal)
    return {};
  published_.refused = ++refused_;
  if (retryAfterMs)
    *retryAfterMs = refusal->retryAfterMs;
  return {Code::Overloaded,
          refusal->reason + format(": try again in %llu ms",
                                   static_cast<unsigned long long>(refusal->retryAfterMs))};
}

Status Engine::precheck(uint64_t key, uint64_t *retryAfterMs) {
  std::lock_guard lock(mutex_);
  return refusal(key, 1, retryAfterMs); // no prompt has fewer tokens
}

Result<RequestId> Engine::submit(RequestSpec spec, EventSink sink, uint64_t *retryAfterMs) {
  try {
    AXIOM_RETURN_IF_ERROR(checkSpec(spec));
    auto request = std::make_shared<Request>();
    request->spec = std::move(spec);
    request->sink = std::move(sink);
    request->arrival = nowMs();
    RequestId id;
    {
      std::lock_guard lock(mutex_);
      if (stopping_)
        return {Code::Cancelled, "the engine is being destroyed"};
      uint64_t key = request->spec.key, tokens = request->promptTokens();
      AXIOM_RETURN_IF_ERROR(refusal(key, tokens, retryAfterMs));
      admission_.enter(key, tokens, request->arrival);
      id = request->id = nextRequest_++;
      inbox_.push_back(request);
      requests_[id] = request;
      published_.queued += request->spec.numSamples;
      published_.queuedTokens = admission_.queuedTokens();
    }
    work_.notify_one();
    return id;
  } catch (const std::exception &) {
    return {Code::Resource, "not enough memory to take the request"};
  }
}

void Engine::cancel(RequestId id) {
  {
    std::lock_guard lock(mutex_);
    auto found = requests_.find(id);
    if (found == requests_.end())
      return;
    cancels_.push_back(found->second);
  }
  work_.notify_one();
}

void Engine::release(RequestId id) {
  {
    std::lock_guard lock(mutex_);
    auto found = requests_.find(id);
    if (found == requests_.end())
      return;
    found->second->released = true;
    found->second->events.clear();
    cancels_.push_back(found->second);
    requests_.erase(found);
  }
  work_.notify_one();
}

Engine::Next Engine::poll(RequestId id, Event &event) {
  std::lock_guard lock(mutex_);
  auto found = requests_.find(id);
  if (found == requests_.end())
    return Next::Unknown;
  Request &request = *found->second;
  if (request.events.empty())
    return Next::Nothing;
  event = std::move(request.events.front());
  request.events.pop_front();
  if (event.last)
    requests_.erase(found);
  return Next::Event;
}

Engine::Next Engine::wait(RequestId id, int64_t milliseconds, Event &event) {
  using Clock = std::chrono::steady_clock;
  milliseconds = std::min<int64_t>(milliseconds, int64_t(1) << 40);
  auto deadline = Clock::now() + std::chrono::milliseconds(milliseconds);
  for (;;) {
    if (Next next = poll(id, event); next != Next::Nothing)
      return next;
    if (onEngineThread() || (milliseconds >= 0 && Clock::now() >= deadline))
      return Next::Nothing; // inside a callback no news would ever come
    std::unique_lock lock(mutex_);
    if (!threaded_) {
      lock.unlock();
      if (!step())
        return poll(id, event);
      continue;
    }
    auto news = [&] {
      auto found = requests_.find(id);
      return found == requests_.end() || !found->second->events.empty();
    };
    if (milliseconds < 0)
      news_.wait(lock, news);
    else
      news_.wait_until(lock, deadline, news);
  }
}

Stats Engine::stats() const {
  std::lock_guard lock(mutex_);
  return published_;
}

} // namespace axiom::engine
