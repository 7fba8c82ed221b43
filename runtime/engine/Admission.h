// Whether one more request may wait, and when to come again if not. Numbers and the time that it is
// given, no clock. Not thread-safe: the engine's lock guards it.
//
// The queue (requests of which no token has been computed yet) is bounded in requests, in prompt
// tokens and in the time that a new one would wait, by the rate at which tokens have left it while
// it was not empty. When a bound is reached, a key that has less than its share of the queue may
// still add to it, up to twice the bound in all, so that one key's flood does not shut out others.
// A key that has nothing in the queue may add one request of any size until there is twice the
// bound: its share may be smaller than that one request.
#ifndef AXIOM_RUNTIME_ENGINE_ADMISSION_H
#define AXIOM_RUNTIME_ENGINE_ADMISSION_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace axiom::engine {

struct AdmissionLimits {
  uint32_t maxRequests = 4096;    ///< not yet finished
  uint32_t maxQueuedRequests = 0; ///< 0: no bound of its own
  uint64_t maxQueuedTokens = 0;   ///< 0: no bound
  uint64_t maxQueueMs = 0;        ///< expected wait; 0: no bound
};

class Admission {
public:
  explicit Admission(AdmissionLimits limits) : limits_(limits) {}

  struct Refusal {
    std::string reason;
    uint64_t retryAfterMs = 0;
  };
  /// Nothing when a request of `tokens` prompt tokens may come in. `unfinished`: requests that the
  /// engine has. Times are in milliseconds.
  std::optional<Refusal> refuses(uint64_t key, uint64_t tokens, uint64_t unfinished) const;

  void enter(uint64_t key, uint64_t tokens, uint64_t now);
  /// Its first token is being computed.
  void start(uint64_t key, uint64_t tokens, uint64_t now);
  /// It ended before that.
  void leave(uint64_t key, uint64_t tokens, uint64_t now);

  uint64_t queuedRequests() const { return queued_.requests; }
  uint64_t queuedTokens() const { return queued_.tokens; }
  /// Milliseconds until `tokens` have left the queue; nothing while no rate is known.
  std::optional<uint64_t> drainMs(uint64_t tokens) const;

private:
  struct Queued {
    uint64_t requests = 0, tokens = 0;
  };
  void pass(uint64_t now);
  void take(uint64_t key, uint64_t tokens);

  AdmissionLimits limits_;
  Queued queued_;
  std::map<uint64_t, Queued> keys_; ///< that wait
  // The rate: tokens that left while others waited, over that time. Both are halved as they grow.
  uint64_t drainedTokens_ = 0, drainedMs_ = 0;
  uint64_t last_ = 0; ///< since when the queue is as it is
};

} // namespace axiom::engine

#endif
