// One HTTP request for embeddings: its texts go to the engine, a few at a time, and come back as
// one answer. It lives until its last event.
#ifndef AXIOM_RUNTIME_SERVE_CORE_EMBEDDING_H
#define AXIOM_RUNTIME_SERVE_CORE_EMBEDDING_H

#include "runtime/serve/core/Metrics.h"
#include "runtime/serve/core/RequestNote.h"
#include "runtime/serve/core/ServedModel.h"
#include "runtime/serve/http/Responder.h"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace axiom::serve {

class Embedding : public std::enable_shared_from_this<Embedding> {
public:
  /// `pooling` is for requests that name none.
  Embedding(const ServedModel &served, Metrics &metrics, openai::Request request,
            http::Responder responder, std::shared_ptr<RequestNote> note, engine::Pooling pooling);

  /// Tokenizes, submits; answers with an error if that fails. On a worker's thread.
  void begin();

private:
  using Clock = std::chrono::steady_clock;

  void submitMore();
  void onEvent(size_t input, const engine::Event &event);
  void stop();
  void fail(const openai::ApiError &error);
  void finish();

  const ServedModel &served_;
  Metrics &metrics_;
  const openai::Request request_;
  const http::Responder responder_;
  const std::shared_ptr<RequestNote> note_;
  const engine::Pooling pooling_;
  const Clock::time_point arrival_ = Clock::now();
  std::vector<Prompt> inputs_;

  std::recursive_mutex mutex_; ///< of what follows; the responder may call back from within
  std::map<size_t, engine::RequestId> running_; ///< by input
  std::vector<std::vector<float>> vectors_;     ///< of each input
  size_t next_ = 0, ended_ = 0;                 ///< inputs
  bool over_ = false;                           ///< answered, failed or cancelled
};

} // namespace axiom::serve

#endif
