// Log probabilities in the three written forms. Internal to this folder.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_LOGPROBS_H
#define AXIOM_RUNTIME_SERVE_OPENAI_LOGPROBS_H

#include "runtime/serve/openai/Json.h"
#include "runtime/serve/openai/Responses.h"

namespace axiom::serve::openai {

/// Chat: {"content":[{token, logprob, bytes, top_logprobs}], "refusal":null}.
void chatLogprobs(JsonWriter &w, const std::vector<PositionLogprobs> &positions,
                  const LogprobOptions &options);
/// Completions: {"tokens", "token_logprobs", "top_logprobs", "text_offset"}, a list each.
void textLogprobs(JsonWriter &w, const std::vector<PositionLogprobs> &positions,
                  const LogprobOptions &options);
/// vLLM's prompt_logprobs: [null, {"id": {"logprob", "rank", "decoded_token"}}].
void promptLogprobs(JsonWriter &w, const std::vector<PositionLogprobs> &positions);

} // namespace axiom::serve::openai

#endif
