// Choosing a token from one row of logits. The choice depends on the logits, the parameters, the
// sequence's own tokens, and (seed, sample index, position): never on what else is in the batch.
//
// Order of operations:
//   1. tokens that may not come are removed, as if their logit were -inf: those that are not
//   allowed
//      by a list or by the request's constraint, the last token of a bad word whose others were the
//      latest ones of the output, stop tokens before min tokens; these may come after all where a
//      constraint leaves nothing else
//   2. penalties: repetition (prompt and output), then frequency and presence (output only);
//      l = l > 0 ? l / repetition : l * repetition;  l = l - frequency * count;  l = l - presence
//   3. logit bias: l = l + bias                                (all in f32, each step rounded)
//   4. temperature: 0 takes the largest logit, ties to the lowest id, and ends here
//   5. weights w = floor(exp((l - max) / T) * 2^30), f64; a token with w = 0 can't be chosen
//   6. top-k: the k largest logits, ties to the lower id
//   7. top-p: the shortest run of these, largest first, with sum(w) >= p * total
//   8. min-p: those of these with w >= min-p * the largest w
//   9. one of the rest, in rising order of ids, by the weights
#ifndef AXIOM_RUNTIME_ENGINE_SAMPLER_H
#define AXIOM_RUNTIME_ENGINE_SAMPLER_H

#include "runtime/base/Status.h"
#include "runtime/engine/Tiles.h"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace axiom::engine {

struct SamplingParams {
  float temperature = 1.0f;       ///< 0 = greedy
  uint32_t topK = 0;              ///< 0 = off
  float topP = 1.0f;              ///< 1 = off
  float minP = 0.0f;              ///< 0 = off
  float repetitionPenalty = 1.0f; ///< 1 = off
  float presencePenalty = 0.0f, frequencyPenalty = 0.0f;
  std::vector<std::pair<int32_t, float>> logitBias;
  std::vector<int32_t> allowed;               ///< rising; only these may come; empty: all
  std::vector<std::vector<int32_t>> badWords; ///< sequences that the output may not hold
  uint64_t seed = 0;
  uint32_t numLogprobs = 0; ///< most likely tokens to report; the chosen one comes always
  bool wantLogprob = false; ///< report the chosen token's log probability

  bool edits() const {
    return repetitionPenalty != 1.0f || presencePenalty != 0.0f || frequencyPenalty != 0.0f ||
           !logitBias.empty();
  }
  bool narrows() const { return !allowed.empty() || !badWords.empty(); }
};

inline constexpr uint32_t kMaxLogprobs = 128;

/// Refuses values out of range, with the bounds.
Status checkSampling(const SamplingParams &params, uint32_t vocab);

/// How often each token occurred: what the penalties need to know of a sequence.
struct TokenHistory {
  std::unordered_map<int32_t, uint32_t> output; ///< count in the output
  std::unordered_map<int32_t, bool> seen;       ///< in prompt or output

  void addPrompt(int32_t token) { seen[token] = true; }
  void addOutput(int32_t token) {
    seen[token] = true;
    ++output[token];
  }
};

struct TokenLogprob {
  int32_t token = 0;
  float logprob = 0; ///< of the model's own distribution: before penalties, bias and temperature

  bool operator==(const TokenLogprob &) const = default;
};

/// What the model's own distribution says of one position's token.
struct TokenReport {
  TokenLogprob token;
  uint32_t rank = 0;             ///< 1: the most likely one; ties go to the lower id
  std::vector<TokenLogprob> top; ///< most likely first

  bool operator==(const TokenReport &) const = default;
};

struct Choice {
  int32_t token = 0;
  float logprob = 0; ///< when asked for
  std::vector<TokenLogprob> top;
};

struct SampleInput {
  std::span<const float> logits; ///< [vocab]; empty: the tiles do (tilesSuffice)
  std::span<const AxmTile> tiles;
  std::span<const int32_t> excluded;     ///< ids that may not be chosen
  std::span<const int32_t> output = {};  ///< so far; needed when there are bad words
  std::span<const uint32_t> mask = {};   ///< a bit for each id that may come (TokenConstraint)
  const TokenHistory *history = nullptr; ///< needed when a penalty is on
  uint32_t sample = 0;                   ///< index among the request's samples
  uint32_t position = 0;                 ///< of the token to be chosen
};

/// True if the choice and what is reported of it need no logits: greedy, as the model says it.
bool tilesSuffice(const SamplingParams &params, std::span<const int32_t> excluded,
                  bool constrained = false);

class Sampler {
public:
  /// Fails with Internal when a logit is not finite, or when there are no logits and tiles do not
  /// suffice; with InvalidArgument when every token is excluded.
  Result<Choice> sample(const SamplingParams &params, const SampleInput &input);
  /// Of `token` in a row of logits, with the `count` most likely ones. Fails with Internal when a
  /// logit is not finite.
  Result<TokenReport> report(std::span<const float> logits, std::span<const AxmTile> tiles,
                             int32_t token, uint32_t count);

private:
  struct Candidate {
    float logit;
    int32_t id;
    uint64_t weight;
  };
  /// edited_ = the logits after steps 1 to 3.
  void edit(const SamplingParams &params, const SampleInput &input);
  std::vector<TokenLogprob> mostLikely(std::span<const float> logits, const RowStats &stats,
                                       uint32_t count);
  int32_t draw(const SamplingParams &params, const SampleInput &input,
               std::span<const float> logits);

  std::vector<float> edited_, held_; ///< scratch, kept between calls
  std::vector<Candidate> candidates_;
};

} // namespace axiom::engine

#endif
