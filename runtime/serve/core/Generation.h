// One HTTP request that generates: its prompts go to the engine, its events come back as one answer
// or as a stream. It lives until its last event.
#ifndef AXIOM_RUNTIME_SERVE_CORE_GENERATION_H
#define AXIOM_RUNTIME_SERVE_CORE_GENERATION_H

#include "runtime/serve/core/Metrics.h"
#include "runtime/serve/core/RequestNote.h"
#include "runtime/serve/core/ServedModel.h"
#include "runtime/serve/http/Responder.h"
#include "runtime/serve/openai/Responses.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace axiom::serve {

class Generation : public std::enable_shared_from_this<Generation> {
public:
  Generation(const ServedModel &served, Metrics &metrics, openai::Request request,
             http::Responder responder, std::shared_ptr<RequestNote> note);

  /// Tokenizes, submits; answers with an error if that fails. On a worker's thread.
  void begin();

private:
  using Clock = std::chrono::steady_clock;
  struct Answer { ///< of one choice
    openai::Choice choice;
    std::unique_ptr<openai::ToolCallParser> tools;
    uint32_t calls = 0, tokens = 0;
    uint64_t characters = 0; ///< of the text so far, with what is echoed
    Clock::time_point first{}, last{};
    bool started = false, ended = false;
  };

  bool chat() const { return request_.endpoint == openai::Endpoint::ChatCompletions; }
  std::optional<openai::ApiError> tooMuchReported() const;
  openai::ApiError grammarError(const Status &status) const;
  /// Hands the prompts to the engine.
  void submit();
  engine::RequestSpec spec(const Prompt &prompt, size_t index) const;
  void fail(const openai::ApiError &error);
  void cancel();
  void onEvent(size_t prompt, const engine::Event &event);
  void take(Answer &answer, const engine::Event &event);
  void count(Answer &answer, const engine::Event &event);
  void addLogprobs(Answer &answer, const engine::Event &event);
  void finish();
  /// The prompt's log probabilities are a part of each answer.
  bool echoesLogprobs() const { return request_.echo && request_.logprobs.has_value(); }
  bool hides(int32_t token) const;
  std::vector<openai::PositionLogprobs> promptReport(size_t prompt, uint32_t top) const;
  void handle(size_t prompt, const engine::Event &event);
  openai::EventUsage eventUsage(const engine::Event &event) const;
  void emit(const std::string &json);
  void write(std::string_view bytes);
  void flush();

  const ServedModel &served_;
  Metrics &metrics_;
  const openai::Request request_;
  const http::Responder responder_;
  const std::shared_ptr<RequestNote> note_;
  const Clock::time_point arrival_ = Clock::now();
  openai::AnswerHead head_;
  std::vector<Prompt> prompts_;
  Constraints::GrammarPtr constraint_; ///< may be empty
  std::vector<std::vector<int32_t>> badWords_;

  std::recursive_mutex mutex_; ///< of what follows; the responder may call back from within
  std::vector<engine::RequestId> ids_;
  std::vector<Answer> answers_; ///< prompt by prompt, sample by sample
  using Reports = std::shared_ptr<const std::vector<engine::TokenReport>>;
  std::vector<Reports> reports_;                       ///< of each prompt, once they are there
  std::vector<std::pair<size_t, engine::Event>> held_; ///< of a stream, until they are
  openai::Usage usage_;
  size_t ended_ = 0; ///< of answers_
  bool cancelled_ = false, failed_ = false;
  std::string backlog_;                 ///< of a stream whose client is slow
  bool waiting_ = false, over_ = false; ///< for room; nothing more comes
};

} // namespace axiom::serve

#endif
