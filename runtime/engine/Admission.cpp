#include "runtime/engine/Admission.h"

#include "runtime/base/Status.h"

#include <algorithm>
#include <cassert>

namespace axiom::engine {
namespace {

constexpr uint64_t kRateMs = 10000;    ///< what counts as now
constexpr uint64_t kUnknownMs = 1000;  ///< to come again while no rate is known
constexpr uint64_t kLeastRetryMs = 50; ///< below that, the answer takes longer than the wait

unsigned long long number(uint64_t value) { return value; }

} // namespace

std::optional<uint64_t> Admission::drainMs(uint64_t tokens) const {
  if (drainedTokens_ == 0 || drainedMs_ == 0)
    return std::nullopt;
  // Prompts are far below 2^32 tokens, and so is the queue.
  return std::min<uint64_t>(tokens, UINT32_MAX) * drainedMs_ / drainedTokens_;
}

std::optional<Admission::Refusal> Admission::refuses(uint64_t key, uint64_t tokens,
                                                     uint64_t unfinished) const {
  auto retry = [&](uint64_t excess) {
    return std::max(drainMs(excess).value_or(kUnknownMs), kLeastRetryMs);
  };
  if (unfinished >= limits_.maxRequests)
    return Refusal{format("%llu requests are waiting or running, as many as this engine takes",
                          number(unfinished)),
                   retry(tokens)};

  auto found = keys_.find(key);
  Queued own = found == keys_.end() ? Queued() : found->second;
  uint64_t numKeys = keys_.size() + (found == keys_.end());
  // `more` on top of what waits; the key's own part of it.
  auto over = [&](uint64_t all, uint64_t mine, uint64_t more, uint64_t bound) {
    if (all + more <= bound)
      return false;
    if (own.requests == 0) // its share may be smaller than one request
      return all >= 2 * bound;
    return mine + more > bound / numKeys || all + more > 2 * bound;
  };
  if (uint64_t bound = limits_.maxQueuedRequests;
      bound != 0 && over(queued_.requests, own.requests, 1, bound))
    return Refusal{format("%llu requests are waiting; at most %llu may", number(queued_.requests),
                          number(bound)),
                   retry(tokens)};
  if (queued_.requests == 0)
    return std::nullopt; // whatever its size, nothing stands before it
  if (uint64_t bound = limits_.maxQueuedTokens;
      bound != 0 && over(queued_.tokens, own.tokens, tokens, bound))
    return Refusal{format("%llu prompt tokens are waiting, with this request's %llu more than the "
                          "%llu that may",
                          number(queued_.tokens), number(tokens), number(bound)),
                   retry(std::min(tokens, queued_.tokens))};
  if (uint64_t bound = limits_.maxQueueMs; bound != 0) {
    // The queue drains by turns of its keys, so a key waits for its own tokens as many times.
    uint64_t before = std::min(queued_.tokens, own.tokens * numKeys);
    uint64_t wait = drainMs(before).value_or(0);
    if (wait > bound)
      return Refusal{format("a request would wait about %llu ms; at most %llu are allowed",
                            number(wait), number(bound)),
                     std::max(wait - bound, kLeastRetryMs)};
  }
  return std::nullopt;
}

void Admission::pass(uint64_t now) {
  while (drainedMs_ > kRateMs) {
    drainedMs_ /= 2;
    drainedTokens_ /= 2;
  }
  now = std::max(now, last_);
  if (queued_.requests > 0)
    drainedMs_ += now - last_;
  last_ = now;
}

void Admission::take(uint64_t key, uint64_t tokens) {
  auto found = keys_.find(key);
  assert(found != keys_.end() && queued_.requests > 0);
  --queued_.requests;
  queued_.tokens -= tokens;
  found->second.tokens -= tokens;
  if (--found->second.requests == 0)
    keys_.erase(found);
}

void Admission::enter(uint64_t key, uint64_t tokens, uint64_t now) {
  pass(now);
  ++queued_.requests;
  queued_.tokens += tokens;
  Queued &own = keys_[key];
  ++own.requests;
  own.tokens += tokens;
}

void Admission::start(uint64_t key, uint64_t tokens, uint64_t now) {
  pass(now);
  take(key, tokens);
  drainedTokens_ += tokens;
}

void Admission::leave(uint64_t key, uint64_t tokens, uint64_t now) {
  pass(now);
  take(key, tokens);
}

} // namespace axiom::engine
