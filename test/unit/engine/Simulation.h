// The engine against a given clock and a step without a model: random requests of some clients that
// share prefixes, with priorities, salts, deadlines, cancels and failing steps. One seed is one
// run.
#ifndef AXIOM_TEST_UNIT_ENGINE_SIMULATION_H
#define AXIOM_TEST_UNIT_ENGINE_SIMULATION_H

#include "runtime/engine/Engine.h"

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace axiom::engine::sim {

/// What happened in runs, to see that they were about something.
struct Totals {
  uint64_t requests = 0, refused = 0, timedOut = 0, cancelled = 0, failed = 0, complete = 0;
  uint64_t preemptions = 0, prefixHits = 0, mixedSteps = 0, splitPrompts = 0;
  uint64_t steps = 0, flood = 0, draftTokens = 0, accepted = 0;
  uint64_t reports = 0; ///< of prompts
  void add(const Totals &other);
};

/// K and V of a position stand for all tokens up to it, as a model's do: a block under the wrong
/// prefix, an uncleared, a missing and a twice used one all show in the tokens.
class Runner : public StepRunner {
public:
  static constexpr uint32_t kVocab = 48, kStride = 64;

  Runner(uint32_t numBlocks, uint64_t &clock) : kv_(numBlocks * 64ull), clock_(clock) {}
  /// Mostly a run of few tokens that comes again, so that drafts are right now and then.
  static void logits(uint64_t state, int32_t last, std::span<float> row);
  /// The state of a row after `tokens`.
  static uint64_t stateOf(std::span<const int32_t> tokens);

  Status step(const StepInput &input) override;
  void clearBlock(uint32_t block) override;

  bool failNext = false;
  std::string fault; ///< what an executor would not have noticed

private:
  std::vector<uint64_t> kv_; ///< 0: not written
  uint64_t &clock_;
};

class Simulation {
public:
  explicit Simulation(uint32_t seed);
  /// Empty, or what is wrong.
  std::string run();
  const Totals &totals() const { return totals_; }
  /// Of all events in order.
  uint64_t digest() const { return digest_; }

private:
  struct Client {
    uint64_t key = 0;
    uint64_t served = 0; ///< tokens that came
  };
  struct Live {
    RequestSpec spec;
    uint64_t key = 0;
    std::map<uint32_t, std::vector<int32_t>> tokens; ///< by sample
    bool cancelled = false, started = false, reported = false;
    bool flood = false;
    std::vector<uint64_t> servedBefore{}; ///< of each client, when it was submitted
  };

  uint32_t upTo(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool oneIn(uint32_t n) { return upTo(n) == 0; }
  RequestSpec makeSpec();
  std::string submit(bool flood);
  std::string onEvent(const Event &event);
  std::string checkFirst(const Live &live);
  std::string checkPrompt(Live &live, const Event &event);
  std::string checkTokens(const Live &live, uint32_t sample, bool whole);
  std::string finish();

  std::mt19937 random_;
  uint64_t clock_ = 1000000; ///< microseconds
  Runner *runner_ = nullptr;
  EngineOptions options_;
  std::vector<Client> clients_;
  std::vector<std::vector<int32_t>> prefixes_;
  std::map<RequestId, Live> live_;
  uint32_t liveOfFlood_ = 0;
  std::string problem_;
  uint32_t submitted_ = 0;
  uint64_t digest_ = 0;
  Totals totals_;
  std::unique_ptr<Engine> engine_; ///< goes first: it ends what is alive
};

} // namespace axiom::engine::sim

#endif
