// What a caller asks the engine for, and what comes back.
#ifndef AXIOM_RUNTIME_ENGINE_REQUEST_H
#define AXIOM_RUNTIME_ENGINE_REQUEST_H

#include "runtime/base/Status.h"
#include "runtime/engine/Embedder.h"
#include "runtime/engine/Sampler.h"
#include "runtime/engine/Scheduler.h"
#include "runtime/engine/TokenConstraint.h"

#include <array>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace axiom::engine {

using RequestId = uint64_t;

enum class Finish : uint32_t {
  None = 0,   ///< the sample goes on
  Stop = 1,   ///< a stop token or stop string
  Length = 2, ///< max tokens
  Cancelled = 3,
  Error = 4, ///< Event::status says why
};

/// One row of logits: of sample `sample`, for the token after `position`. Called on the engine's
/// thread; the row is valid during the call.
using RowSink =
    std::function<void(uint32_t sample, uint32_t position, std::span<const float> logits)>;

struct RequestSpec {
  std::vector<int32_t> prompt; ///< at least one token
  SamplingParams sampling;
  uint32_t maxTokens = 0; ///< 0: what is left of the context and of the KV memory
  uint32_t minTokens = 0; ///< no stop token and no stop string before so many tokens
  std::vector<int32_t> stopTokens;
  std::vector<std::string> stopStrings;
  bool ignoreEos = false;   ///< the model's end tokens are tokens like others
  bool includeStop = false; ///< the stop string or token is part of the text
  bool freshText = false;   ///< the output starts a text of its own, not a continuation
  bool specialText = false; ///< special tokens are part of the text
  /// Likely tokens to report at each position of the prompt, beside its own; such a prompt is
  /// computed whole, whatever the prefix cache has.
  std::optional<uint32_t> promptLogprobs;
  uint32_t numSamples = 1;
  bool generate = true; ///< false: compute the prompt for its logits or their report only
  /// Not None: the request gives the prompt's embedding and generates nothing.
  Pooling pooling = Pooling::None;
  bool normalize = true;   ///< the embedding has length 1
  uint64_t key = 0;        ///< whose it is; keys share the engine evenly (SchedulerQueue)
  int32_t priority = 0;    ///< lower comes first, among those of a key
  uint64_t deadlineMs = 0; ///< after submit(): it ends with Code::TimedOut; 0: none
  PrefixSalt cacheSalt;    ///< prefixes are shared between equal ones only
  /// What the output must be; may be empty. End tokens come where it allows them, whatever
  /// minTokens says.
  std::shared_ptr<const ConstraintSource> constraint;
  RowSink rows; ///< may be empty
  uint32_t rowsFrom =
      kNoRows; ///< prompt positions from here on go to `rows`; generated ones always
};

struct Event {
  RequestId request = 0;
  uint32_t sample = 0;
  int32_t token = -1; ///< -1: none came with this event
  std::string text;   ///< what became certain; whole UTF-8 characters
  float logprob = 0;
  std::vector<TokenLogprob> top;
  /// With the first event of sample 0, where asked for: of the prompt's tokens from the second on.
  std::shared_ptr<const std::vector<TokenReport>> promptLogprobs;
  std::shared_ptr<const std::vector<float>> embedding; ///< with the only event of such a request
  Finish finish = Finish::None;                ///< the last event of the sample says why it ended
  bool last = false;                           ///< the last event of the request
  std::string stop;                            ///< the stop string that ended it
  Status status;                               ///< with Finish::Error
  uint32_t promptTokens = 0, outputTokens = 0; ///< of the sample so far
  uint32_t cachedTokens = 0;                   ///< of the prompt: K and V were there
  uint64_t queuedMs = 0;                       ///< from submit() to the first step of the request
};

/// Called on the thread that runs the engine. It may submit, cancel and read stats; it may not wait
/// or destroy the engine. An exception that leaves it ends the request with an error.
using EventSink = std::function<void(const Event &)>;

/// Bounds of the classes by which steps are counted; a last class has what is above.
inline constexpr double kStepTokens[] = {1,   8,    16,   32,   64,   128,  256,
                                         512, 1024, 2048, 4096, 8192, 16384};

struct Stats {
  uint32_t queued = 0, running = 0; ///< sequences
  uint64_t requests = 0, finished = 0, failed = 0;
  uint64_t promptTokens = 0;     ///< computed for the first time
  uint64_t recomputedTokens = 0; ///< computed again after a preemption
  uint64_t outputTokens = 0;
  uint64_t steps = 0;
  std::array<uint64_t, std::size(kStepTokens) + 1> stepTokens{}; ///< steps by their tokens
  uint64_t stepTokensSum = 0;
  uint64_t mixedSteps = 0;   ///< held tokens of several sequences
  uint64_t splitPrompts = 0; ///< prompts that took more than one step
  uint64_t preemptions = 0;
  uint32_t blocksUsed = 0, blocksTotal = 0;
  uint32_t blocksCached = 0;                  ///< stand for a prefix, used or not
  uint64_t prefixQueries = 0, prefixHits = 0; ///< prompt tokens looked for, and found
  uint64_t refused = 0, timedOut = 0;         ///< requests
  uint64_t drafts = 0, draftTokens = 0;       ///< guesses that steps computed along
  uint64_t acceptedDraftTokens = 0;           ///< of draftTokens: were right
  uint64_t masks = 0, maskNs = 0;             ///< made by constraints, and the time that took
  bool asleep = false;
  uint64_t sleeps = 0;       ///< so far
  uint64_t queuedTokens = 0; ///< of prompts of which nothing is computed yet
};

} // namespace axiom::engine

#endif
