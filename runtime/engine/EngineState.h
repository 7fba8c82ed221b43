// The engine's own record of a request and of each of its samples. Private to runtime/engine.
#ifndef AXIOM_RUNTIME_ENGINE_ENGINESTATE_H
#define AXIOM_RUNTIME_ENGINE_ENGINESTATE_H

#include "runtime/engine/Drafter.h"
#include "runtime/engine/Engine.h"
#include "runtime/engine/StopStrings.h"

#include <deque>

namespace axiom::engine {

struct Engine::Request {
  RequestId id = 0;
  RequestSpec spec;
  EventSink sink;
  std::vector<SequenceId> live; ///< samples not ended yet; of the engine's thread
  uint64_t arrival = 0;         ///< milliseconds
  uint64_t queuedMs = 0;        ///< until it started
  bool started = false;         ///< a token has been computed; of the engine's thread
  bool failed = false;          ///< of the engine's thread
  bool broken = false;          ///< a callback threw; of the engine's thread

  /// What admission counts.
  uint64_t promptTokens() const { return uint64_t(spec.prompt.size()) * spec.numSamples; }

  std::deque<Event> events; ///< under Engine::mutex_, without a sink
  bool released = false;    ///< under Engine::mutex_
};

struct Engine::Sample {
  std::shared_ptr<Request> request;
  uint32_t index = 0;
  std::vector<int32_t> tokens; ///< prompt, then output
  uint32_t outputTokens = 0;
  uint32_t highWater = 0;    ///< positions ever computed
  uint32_t cachedTokens = 0; ///< of the prompt
  bool split = false;        ///< the prompt has taken more than one step
  Drafter drafter;
  std::vector<int32_t> drafts; ///< guesses of the tokens behind `tokens`
  TokenHistory history;        ///< kept only when a penalty is on
  std::vector<int32_t> notYet; ///< stop tokens excluded before min tokens
  StopStrings stops{{}};
  std::unique_ptr<TokenConstraint> constraint; ///< may be empty
  std::unique_ptr<TextStream> text;
  std::unique_ptr<Embedder> embedder;                       ///< null: no embedding is wanted
  std::shared_ptr<std::vector<TokenReport>> promptLogprobs; ///< null: not wanted, or handed out

  /// What the next token may not be.
  std::span<const int32_t> excluded() const {
    return outputTokens < request->spec.minTokens ? notYet : std::span<const int32_t>();
  }
  /// Whether position p's row is for what is said of the prompt's next token.
  bool reports(uint32_t p) const { return promptLogprobs && p + 1 < promptTokens(); }
  bool tilesDo(uint32_t p) const {
    return !request->spec.rows && !reports(p) &&
           tilesSuffice(request->spec.sampling, excluded(), constraint != nullptr);
  }
  std::span<const int32_t> output() const { return std::span(tokens).last(outputTokens); }
  uint32_t promptTokens() const { return static_cast<uint32_t>(request->spec.prompt.size()); }
  Event event() const {
    Event event;
    event.sample = index;
    event.promptTokens = promptTokens();
    event.outputTokens = outputTokens;
    event.cachedTokens = cachedTokens;
    event.queuedMs = request->queuedMs;
    return event;
  }
};

} // namespace axiom::engine

#endif
