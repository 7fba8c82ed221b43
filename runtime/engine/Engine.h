// Serves many requests at once: takes them in, plans steps, runs them, samples, and hands out
// events.
//
// Either start() gives the engine a thread of its own, or the owner calls step(). submit(),
// cancel(), poll(), wait() and stats() may be called from any thread. Nothing throws; a failing
// request ends alone.
#ifndef AXIOM_RUNTIME_ENGINE_ENGINE_H
#define AXIOM_RUNTIME_ENGINE_ENGINE_H

#include "runtime/base/Memory.h"
#include "runtime/engine/Admission.h"
#include "runtime/engine/Drafter.h"
#include "runtime/engine/Embedder.h"
#include "runtime/engine/Request.h"
#include "runtime/engine/StepCost.h"
#include "runtime/engine/StepRunner.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace axiom::engine {

/// What the engine has to know of the model.
struct ModelInfo {
  uint32_t vocab = 0, logitsStride = 0, numTiles = 0, maxContext = 0;
  std::vector<int32_t> eos;
  FinalNorm finalNorm; ///< no gain: there are no embeddings
  /// One stream per sample; empty: events have no text and stop strings are refused.
  std::function<std::unique_ptr<TextStream>(TextOptions)> newText;
  /// True when the weights can no longer be read (docs/artifact.md, mapped files); may be empty.
  std::function<bool()> broken;
};

struct EngineOptions {
  SchedulerLimits limits;
  uint32_t numBlocks = 0; ///< KV blocks of 64 positions
  AdmissionLimits admission;
  /// While sequences decode, prompts get no more tokens of a step than fit so much time by what
  /// steps have cost; 0: no bound.
  uint32_t maxStepMs = 0;
  /// Guesses of a sequence's next tokens that a step computes along, at most (Drafter); 0: none.
  /// They need rows: limits.maxRows above maxSequences. Results are the same.
  uint32_t maxDraftTokens = 0;
  /// Without work for so long, an engine with a thread sleeps: it gives the memory of the KV blocks
  /// back, with the prefixes in it, and calls `sleeps`; 0: never. The next request wakes it.
  uint64_t sleepAfterMs = 0;
  std::function<void()> sleeps; ///< on the engine's thread; may be empty
  /// Microseconds that never go back; empty: the system's monotonic clock. Called on any thread.
  std::function<uint64_t()> clock;
};

class Engine {
public:
  static Result<std::unique_ptr<Engine>> create(ModelInfo model, EngineOptions options,
                                                std::unique_ptr<StepRunner> runner);
  /// Ends all requests with Finish::Cancelled; not from a callback.
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  /// Checks and queues a request. Without a sink its events wait for poll() or wait(). A value that
  /// is wrong or can never fit is InvalidArgument or Resource; Overloaded means later, and
  /// `retryAfterMs` is set.
  Result<RequestId> submit(RequestSpec spec, EventSink sink = {}, uint64_t *retryAfterMs = nullptr);
  /// Overloaded if submit() would refuse every request of `key` now, whatever its prompt, and it
  /// counts as refused; for callers that have not read the prompt yet. Takes next to no time.
  Status precheck(uint64_t key, uint64_t *retryAfterMs = nullptr);
  /// Asks for the end of a request; its events end with Finish::Cancelled. Unknown ids are ignored.
  void cancel(RequestId id);
  /// Cancels and drops the events that are not read yet.
  void release(RequestId id);

  enum class Next { Event, Nothing, Unknown };
  /// The next event of a request without a sink. Unknown: never submitted, or its last event is
  /// read.
  Next poll(RequestId id, Event &event);
  /// Like poll(), but waits up to `milliseconds` (negative: for ever). Without a thread of its own
  /// the engine works on the caller's.
  Next wait(RequestId id, int64_t milliseconds, Event &event);

  Status start();
  /// True for the thread that runs the engine, that is, inside a callback.
  bool onEngineThread() const { return runningThread_.load() == std::this_thread::get_id(); }
  /// One step on the caller's thread; false when there is nothing to do. Only without start().
  bool step();

  Stats stats() const;
  /// How long the step that runs now has been running, with its planning, sampling and callbacks;
  /// 0: none does. For watchdogs.
  uint64_t stepAgeMs() const {
    uint64_t since = stepSince_.load();
    return since == 0 ? 0 : (options_.clock() - since) / 1000;
  }
  /// What the step that runs now is at, in a word.
  const char *phase() const { return phase_.load(); }
  StepRunner &runner() { return *runner_; }
  const EngineOptions &options() const { return options_; }
  /// Scheduler::checkInvariants(); only between steps of an engine without a thread. For tests.
  std::string checkInvariants() const { return scheduler_.checkInvariants(); }

private:
  struct Request;
  struct Sample;

  Engine(ModelInfo model, EngineOptions options, std::unique_ptr<StepRunner> runner);
  Status checkSpec(RequestSpec &spec) const;
  Status refusal(uint64_t key, uint64_t tokens, uint64_t *retryAfterMs); ///< under mutex_
  void threadMain();
  void takeIn();
  uint64_t nowMs() const { return options_.clock() / 1000; }
  void start(const StepPlan &plan);
  void endOverdue();
  bool stepOnce();
  void fallAsleep();
  void admit(const std::shared_ptr<Request> &request);
  Status runPlan(const StepPlan &plan);
  void countSlice(const Slice &slice, Sample &sample);
  void takeRows(const Slice &slice, uint32_t firstRow);
  Status takeHidden(const Slice &slice, Sample &sample, uint32_t firstToken);
  bool takeToken(SequenceId id, Sample &sample, Choice choice);
  void draft(SequenceId id, Sample &sample);
  void endSample(SequenceId id, Event event);
  void endRequest(std::shared_ptr<Request> request, Finish why, const Status &status);
  void endAll(Finish why, const Status &status);
  void deliver(const std::shared_ptr<Request> &request, Event event);
  void publish();

  ModelInfo model_;
  EngineOptions options_;
  std::unique_ptr<StepRunner> runner_;

  // Of the engine's thread alone.
  Scheduler scheduler_;
  Sampler sampler_;
  std::map<SequenceId, std::unique_ptr<Sample>> samples_;
  SequenceId nextSequence_ = 1;
  Pages logits_, tiles_; ///< unless the runner keeps them
  StepResults results_;  ///< of the step
  std::vector<int32_t> tokens_, positions_;
  std::vector<uint32_t> tableOffsets_, blockTables_, rows_;
  std::vector<uint8_t> tilesOnly_;                              ///< of rows_
  std::vector<uint32_t> mask_;                                  ///< scratch: tokens that may come
  std::multimap<uint64_t, std::shared_ptr<Request>> deadlines_; ///< by milliseconds
  StepCost cost_;
  DraftControl drafts_;
  bool asleep_ = false;
  Stats local_;

  mutable std::mutex mutex_; ///< guards what follows
  std::condition_variable work_, news_;
  std::vector<std::shared_ptr<Request>> inbox_;
  Admission admission_;
  uint64_t refused_ = 0;
  std::unordered_map<RequestId, std::shared_ptr<Request>> requests_;
  std::vector<std::shared_ptr<Request>> cancels_;
  RequestId nextRequest_ = 1;
  Stats published_;
  bool stopping_ = false, threaded_ = false;

  std::mutex stepMutex_; ///< one thread runs the engine at a time
  std::atomic<std::thread::id> runningThread_{};
  std::atomic<uint64_t> stepSince_{0}; ///< microseconds of the clock; 0: no step runs
  std::atomic<const char *> phase_{"none"};
  std::thread thread_;
};

} // namespace axiom::engine

#endif
