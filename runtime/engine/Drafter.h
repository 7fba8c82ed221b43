// Drafts of the next tokens without a second model: what followed when the last tokens occurred
// before in the same sequence ("prompt lookup", Saxena 2023). A draft is a guess that the step
// computes along; a token of it stands only if it is what the sampler draws at its position, so
// results are the same with and without.
#ifndef AXIOM_RUNTIME_ENGINE_DRAFTER_H
#define AXIOM_RUNTIME_ENGINE_DRAFTER_H

#include "runtime/engine/StepCost.h"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace axiom::engine {

/// Of one sequence.
class Drafter {
public:
  /// Up to `most` tokens that may follow `tokens`, of which earlier calls have seen the beginning.
  std::vector<int32_t> draft(std::span<const int32_t> tokens, uint32_t most);

private:
  static constexpr uint32_t kLongest = 3, kShortest = 2; ///< tokens that have to agree

  /// Where what follows a run of tokens begins, by the run; the last occurrence.
  std::unordered_map<uint64_t, uint32_t> after_[kLongest + 1];
  uint32_t seen_ = 0; ///< tokens whose runs are in the tables
};

/// How long drafts should be, by what they have brought and what steps cost.
class DraftControl {
public:
  explicit DraftControl(uint32_t most) : most_(most) {}

  /// Tokens of the next draft; 0 while it does not pay, but for a probe now and then.
  uint32_t length(const StepCost &cost);
  /// A draft of so many tokens has been computed along; then of each of them that stood.
  void drafted(uint32_t tokens);
  void accepted() { ++accepted_; }
  /// A step of `microseconds` gave so many tokens.
  void addStep(uint64_t microseconds, uint32_t outputs);

private:
  static constexpr uint32_t kProbe = 64; ///< decisions between two probes

  uint32_t most_, sinceProbe_ = 0;
  double drafted_ = 0, accepted_ = 0;     ///< fading
  double microseconds_ = 0, outputs_ = 0; ///< fading
};

} // namespace axiom::engine

#endif
