#include "runtime/serve/core/Embedding.h"

#include "runtime/serve/openai/Responses.h"

#include <algorithm>

namespace axiom::serve {

using namespace openai;

namespace {

/// Inputs of a request that the engine has at once: enough to fill its steps, and a long list does
/// not take the queue from other clients.
constexpr size_t kAtOnce = 32;

} // namespace

Embedding::Embedding(const ServedModel &served, Metrics &metrics, Request request,
                     http::Responder responder, std::shared_ptr<RequestNote> note,
                     engine::Pooling pooling)
    : served_(served), metrics_(metrics), request_(std::move(request)),
      responder_(std::move(responder)), note_(std::move(note)),
      pooling_(request_.pooling == "mean"   ? engine::Pooling::Mean
               : request_.pooling == "last" ? engine::Pooling::Last
                                            : pooling) {}

void Embedding::begin() {
  if (auto error = served_.prompts(request_, inputs_))
    return fail(*error);
  vectors_.resize(inputs_.size());
  for (const Prompt &input : inputs_)
    note_->promptTokens += static_cast<uint32_t>(input.tokens.size());
  submitMore();
  responder_.onClose([self = shared_from_this()](http::CloseReason) {
    std::lock_guard lock(self->mutex_);
    self->stop();
  });
}

void Embedding::submitMore() {
  std::lock_guard lock(mutex_); // events may come before submit() returns: they wait for it
  while (!over_ && next_ < inputs_.size() && running_.size() < kAtOnce) {
    size_t input = next_++;
    engine::RequestSpec spec;
    spec.prompt = inputs_[input].tokens;
    spec.pooling = pooling_;
    spec.key = note_->client.id;
    spec.normalize = request_.normalize;
    spec.priority =
        static_cast<int32_t>(std::clamp<int64_t>(request_.priority, INT32_MIN, INT32_MAX));
    uint64_t retryAfter = 0;
    auto id = served_.engine().submit(
        std::move(spec),
        [self = shared_from_this(), input](const engine::Event &event) {
          self->onEvent(input, event);
        },
        &retryAfter);
    if (id.status().code() == Code::Overloaded && !running_.empty()) {
      --next_; // tried again when one of the others has ended
      return;
    }
    if (!id.ok())
      return fail(apiError(id.status(), retryAfter));
    running_[input] = *id;
  }
}

void Embedding::onEvent(size_t input, const engine::Event &event) {
  std::lock_guard lock(mutex_);
  running_.erase(input);
  auto ending = event.embedding                         ? Ending::Stop
                : event.finish == engine::Finish::Error ? Ending::Error
                                                        : Ending::Abort;
  ++metrics_.finished[static_cast<size_t>(ending)];
  metrics_.promptTokens.observe(event.promptTokens);
  metrics_.endToEnd.observe(std::chrono::duration<double>(Clock::now() - arrival_).count());
  if (over_)
    return;
  if (!event.embedding)
    return fail(event.status.ok() ? unavailable("the request was cancelled", 1)
                                  : apiError(event.status));
  vectors_[input] = *event.embedding;
  if (++ended_ == inputs_.size())
    return finish();
  submitMore();
}

/// Nothing more is wanted.
void Embedding::stop() {
  over_ = true;
  for (auto &[input, id] : running_)
    served_.engine().cancel(id);
}

void Embedding::fail(const ApiError &error) {
  std::lock_guard lock(mutex_);
  stop();
  if (error.status == 429)
    ++metrics_.refused;
  responder_.send(errorAnswer(error));
}

void Embedding::finish() {
  over_ = true;
  AnswerHead head;
  head.model = request_.model;
  uint64_t tokens = 0;
  for (const Prompt &input : inputs_)
    tokens += input.tokens.size();
  http::Response response;
  response.body =
      embeddingList(head, vectors_, tokens, {.base64 = request_.encodingFormat == "base64"});
  for (const std::string &warning : request_.warnings)
    response.headers.push_back({"X-Axiom-Warning", warning});
  responder_.send(std::move(response));
}

} // namespace axiom::serve
