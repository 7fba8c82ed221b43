// From results to the JSON that OpenAI's clients parse. Each function gives one complete text.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_RESPONSES_H
#define AXIOM_RUNTIME_SERVE_OPENAI_RESPONSES_H

#include "runtime/serve/openai/ToolCalls.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::serve::openai {

/// What every answer of a request begins with.
struct AnswerHead {
  std::string id;          ///< answerId
  int64_t created = 0;     ///< seconds since 1970
  std::string model;       ///< the name that the client used
  std::string fingerprint; ///< of the artifact and the server; empty: left out
};

/// "chatcmpl-", "cmpl-", "embd-" or "call_" and 32 hexadecimal digits of a random number.
std::string answerId(std::string_view prefix, uint64_t high, uint64_t low);

enum class FinishReason : uint8_t {
  None, ///< goes on
  Stop, ///< an end token, stop text or stop token
  Length,
  ToolCalls,
  Abort, ///< cancelled or failed on the way: "stop" is what the client's types know
};
/// As JSON: a string or null.
const char *finishText(FinishReason reason);

struct TokenText {
  int32_t id = 0;
  std::string bytes; ///< may be a part of a character
  float logprob = 0;
};

/// One position: the token that came, and the most likely ones, best first.
struct PositionLogprobs {
  TokenText token;
  bool known = true; ///< false: the first token of a prompt has no probability
  std::vector<TokenText> top;
  uint32_t rank = 0;   ///< of the token, 1 is the most likely; 0: not known
  bool hidden = false; ///< the text has no part of it: a special token that is left out
};

struct LogprobOptions {
  bool tokensAsIds = false; ///< return_tokens_as_token_ids
  uint64_t firstOffset = 0; ///< text_offset of the first position, in characters
};

struct Usage {
  uint64_t promptTokens = 0, completionTokens = 0;
  uint64_t cachedTokens = 0; ///< of the prompt
};

/// What stopped it, as vLLM's stop_reason: a stop text, a stop token, or neither.
struct StopCause {
  std::string text;
  std::optional<int32_t> token;
};

/// One answer, or the part of it that one event brings.
struct Choice {
  uint32_t index = 0;
  std::string text;
  std::vector<ParsedCall> calls; ///< chat only
  FinishReason finish = FinishReason::None;
  StopCause stop;
  std::optional<std::vector<PositionLogprobs>> logprobs;
  LogprobOptions logprobOptions;
  std::optional<std::vector<int32_t>> tokenIds;                ///< return_token_ids
  std::optional<std::vector<PositionLogprobs>> promptLogprobs; ///< completions; not in events
  std::optional<std::vector<int32_t>> promptTokenIds;          ///< completions
};

/// What concerns all choices of a chat.
struct PromptReport {
  std::optional<std::vector<PositionLogprobs>> logprobs;
  std::optional<std::vector<int32_t>> tokenIds;
};

std::string chatCompletion(const AnswerHead &head, std::span<const Choice> choices,
                           const Usage &usage, const PromptReport &prompt = {});
std::string textCompletion(const AnswerHead &head, std::span<const Choice> choices,
                           const Usage &usage);

// Events. With include_usage every event has "usage": null until the last one (`withUsage`); with
// continuous_usage_stats each has the usage so far.
struct EventUsage {
  bool withUsage = false;
  std::optional<Usage> soFar;
};

/// The first event of a choice: its role.
std::string chatChunkStart(const AnswerHead &head, uint32_t index, const EventUsage &usage = {});
/// A part of the text, calls (the first has the number `firstCall` in its choice), or the end.
std::string chatChunk(const AnswerHead &head, const Choice &part, uint32_t firstCall,
                      const EventUsage &usage = {});
std::string textChunk(const AnswerHead &head, const Choice &part, const EventUsage &usage = {});
/// The last event with include_usage: no choices.
std::string usageChunk(const AnswerHead &head, bool chat, const Usage &usage);

struct EmbeddingOptions {
  bool base64 = false; ///< of little-endian f32
};
std::string embeddingList(const AnswerHead &head, std::span<const std::vector<float>> vectors,
                          uint64_t promptTokens, const EmbeddingOptions &options = {});

struct ModelEntry {
  std::string id;
  int64_t created = 0;
  std::string root;    ///< what an alias stands for; empty: itself
  int64_t context = 0; ///< max_model_len
};
std::string modelList(std::span<const ModelEntry> models);
std::string modelObject(const ModelEntry &model);

/// `strings`: the tokens' bytes, when asked for.
std::string tokenizeResult(std::span<const int32_t> tokens, int64_t context,
                           const std::vector<std::string> *strings = nullptr);
std::string detokenizeResult(std::string_view text);
std::string templateResult(std::string_view text);
std::string versionResult(std::string_view version);
/// {"status":"ok"} or another word with its reason.
std::string healthResult(std::string_view status, std::string_view reason = {});

// Server-sent events
/// "data: JSON\n\n". The JSON has no line breaks: all writers here escape them. A stream that fails
/// on the way ends with sseEvent(errorBody(error)), which clients raise, and without sseDone.
std::string sseEvent(std::string_view json);
std::string_view sseDone();

std::string base64(std::string_view bytes);

} // namespace axiom::serve::openai

#endif
