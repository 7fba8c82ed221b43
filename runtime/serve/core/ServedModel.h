// The model that a server serves: the opened artifact, its engine, and what requests are checked
// against.
#ifndef AXIOM_RUNTIME_SERVE_CORE_SERVEDMODEL_H
#define AXIOM_RUNTIME_SERVE_CORE_SERVEDMODEL_H

#include "runtime/api/ApiState.h"
#include "runtime/serve/core/Constraints.h"
#include "runtime/serve/http/Message.h"
#include "runtime/serve/openai/Errors.h"
#include "runtime/serve/openai/Fields.h"
#include "runtime/serve/openai/Request.h"
#include "runtime/serve/openai/ToolCalls.h"

#include <memory>
#include <string>
#include <vector>

namespace axiom::serve {

struct ModelSettings {
  std::string path, device;
  OpenOptions open;
  engine::EngineSettings engine;
  std::vector<std::string> names; ///< under which it is served; empty: the artifact's own
  bool prefixesPerKey = false;    ///< clients share no KV memory
};

/// A prompt of a request, ready for the engine.
struct Prompt {
  std::vector<int32_t> tokens;
  std::string text; ///< for echo
  /// Tokens before and after those of `text`; of a prompt that came as tokens: none.
  uint32_t before = 0, after = 0;
  bool fromText = false;
};

class ServedModel {
public:
  static Result<std::unique_ptr<ServedModel>> open(const ModelSettings &settings);

  engine::Engine &engine() const { return *engine_; }
  const api::ModelState &model() const { return *model_; }
  const openai::ServerLimits &limits() const { return limits_; }
  const std::string &fingerprint() const { return fingerprint_; }
  int64_t created() const { return created_; }
  openai::ToolFormat toolFormat() const { return toolFormat_; }
  bool prefixesPerKey() const { return prefixesPerKey_; }
  Constraints &constraints() const { return *constraints_; }

  /// The conversation through the chat template.
  Result<RenderedText> render(const openai::Request &request) const;
  /// All prompts of a request; an error names the field.
  std::optional<openai::ApiError> prompts(const openai::Request &request,
                                          std::vector<Prompt> &prompts) const;

  /// Token sequences of bad_words: each text by itself, and as it is after a space.
  std::optional<openai::ApiError> badWords(const openai::Request &request,
                                           std::vector<std::vector<int32_t>> &words) const;

private:
  Status openSchemas();

  std::shared_ptr<api::ModelState> model_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Constraints> constraints_; ///< submits to the engine: ends before it
  openai::ServerLimits limits_;
  openai::ToolFormat toolFormat_ = openai::ToolFormat::None;
  bool prefixesPerKey_ = false;
  bool knowsCalls_ = false; ///< its chat template
  std::string fingerprint_;
  int64_t created_ = 0;
};

/// The answer to a request that does not succeed.
http::Response errorAnswer(const openai::ApiError &error);

/// What a client is told of a status of the engine.
openai::ApiError apiError(const Status &status, uint64_t retryAfterMs = 0);

} // namespace axiom::serve

#endif
