#include "runtime/serve/openai/Responses.h"
#include "runtime/base/Status.h"
#include "runtime/serve/openai/Json.h"
#include "runtime/serve/openai/Logprobs.h"

#include <bit>
#include <cstring>

namespace axiom::serve::openai {
namespace {

void writeHead(JsonWriter &w, const AnswerHead &head, const char *object) {
  w.beginObject().key("id").string(head.id).key("object").string(object);
  w.key("created").integer(head.created).key("model").string(head.model);
  if (!head.fingerprint.empty())
    w.key("system_fingerprint").string(head.fingerprint);
}

void writeUsage(JsonWriter &w, const Usage &usage) {
  w.key("usage").beginObject().key("prompt_tokens").natural(usage.promptTokens);
  w.key("completion_tokens").natural(usage.completionTokens);
  w.key("total_tokens").natural(usage.promptTokens + usage.completionTokens);
  w.key("prompt_tokens_details").beginObject();
  w.key("cached_tokens").natural(usage.cachedTokens).endObject().endObject();
}

void writeEventUsage(JsonWriter &w, const EventUsage &usage) {
  if (usage.soFar)
    writeUsage(w, *usage.soFar);
  else if (usage.withUsage)
    w.key("usage").null();
}

void writeTokens(JsonWriter &w, const char *key, const std::optional<std::vector<int32_t>> &ids) {
  if (!ids)
    return;
  w.key(key).beginArray();
  for (int32_t id : *ids)
    w.integer(id);
  w.endArray();
}

void writeFinish(JsonWriter &w, const Choice &choice) {
  w.key("finish_reason").raw(finishText(choice.finish));
  if (choice.finish == FinishReason::None)
    return;
  w.key("stop_reason");
  if (!choice.stop.text.empty())
    w.string(choice.stop.text);
  else if (choice.stop.token)
    w.integer(*choice.stop.token);
  else
    w.null();
}

/// `first` < 0: a whole answer, whose calls have no number.
void writeCalls(JsonWriter &w, const std::vector<ParsedCall> &calls, int64_t first) {
  w.key("tool_calls").beginArray();
  for (size_t i = 0; i < calls.size(); ++i) {
    w.beginObject();
    if (first >= 0)
      w.key("index").integer(first + static_cast<int64_t>(i));
    w.key("id").string(calls[i].id).key("type").string("function").key("function").beginObject();
    w.key("name").string(calls[i].name).key("arguments").string(calls[i].arguments);
    w.endObject().endObject();
  }
  w.endArray();
}

void writeChatLogprobs(JsonWriter &w, const Choice &choice) {
  w.key("logprobs");
  if (choice.logprobs)
    chatLogprobs(w, *choice.logprobs, choice.logprobOptions);
  else
    w.null();
}

void beginChunk(JsonWriter &w, const AnswerHead &head, uint32_t index) {
  writeHead(w, head, "chat.completion.chunk");
  w.key("choices").beginArray().beginObject().key("index").natural(index);
  w.key("delta").beginObject();
}

void writeTextChoice(JsonWriter &w, const Choice &choice) {
  w.beginObject().key("index").natural(choice.index).key("text").string(choice.text);
  w.key("logprobs");
  if (choice.logprobs)
    textLogprobs(w, *choice.logprobs, choice.logprobOptions);
  else
    w.null();
  writeFinish(w, choice);
  writeTokens(w, "token_ids", choice.tokenIds);
  if (choice.promptLogprobs)
    promptLogprobs(w.key("prompt_logprobs"), *choice.promptLogprobs);
  writeTokens(w, "prompt_token_ids", choice.promptTokenIds);
  w.endObject();
}

void writeModel(JsonWriter &w, const ModelEntry &model) {
  w.beginObject().key("id").string(model.id).key("object").string("model");
  w.key("created").integer(model.created).key("owned_by").string("axiom");
  w.key("root").string(model.root.empty() ? model.id : model.root).key("parent").null();
  w.key("max_model_len").integer(model.context).endObject();
}

std::string oneString(const char *key, std::string_view text) {
  std::string out;
  JsonWriter(out).beginObject().key(key).string(text).endObject();
  return out;
}

} // namespace

std::string answerId(std::string_view prefix, uint64_t high, uint64_t low) {
  return std::string(prefix) + format("%016llx%016llx", static_cast<unsigned long long>(high),
                                      static_cast<unsigned long long>(low));
}

const char *finishText(FinishReason reason) {
  switch (reason) {
  case FinishReason::None:
    return "null";
  case FinishReason::Length:
    return "\"length\"";
  case FinishReason::ToolCalls:
    return "\"tool_calls\"";
  case FinishReason::Stop:
  case FinishReason::Abort:
    break;
  }
  return "\"stop\"";
}

std::string chatCompletion(const AnswerHead &head, std::span<const Choice> choices,
                           const Usage &usage, const PromptReport &prompt) {
  std::string out;
  JsonWriter w(out);
  writeHead(w, head, "chat.completion");
  w.key("choices").beginArray();
  for (const Choice &choice : choices) {
    w.beginObject().key("index").natural(choice.index).key("message").beginObject();
    w.key("role").string("assistant").key("content");
    if (choice.text.empty() && !choice.calls.empty())
      w.null();
    else
      w.string(choice.text);
    w.key("refusal").null();
    if (!choice.calls.empty())
      writeCalls(w, choice.calls, -1);
    w.endObject();
    writeChatLogprobs(w, choice);
    writeFinish(w, choice);
    writeTokens(w, "token_ids", choice.tokenIds);
    w.endObject();
  }
  w.endArray();
  writeUsage(w, usage);
  if (prompt.logprobs)
    promptLogprobs(w.key("prompt_logprobs"), *prompt.logprobs);
  writeTokens(w, "prompt_token_ids", prompt.tokenIds);
  w.endObject();
  return out;
}

std::string textCompletion(const AnswerHead &head, std::span<const Choice> choices,
                           const Usage &usage) {
  std::string out;
  JsonWriter w(out);
  writeHead(w, head, "text_completion");
  w.key("choices").beginArray();
  for (const Choice &choice : choices)
    writeTextChoice(w, choice);
  w.endArray();
  writeUsage(w, usage);
  w.endObject();
  return out;
}

std::string chatChunkStart(const AnswerHead &head, uint32_t index, const EventUsage &usage) {
  std::string out;
  JsonWriter w(out);
  beginChunk(w, head, index);
  w.key("role").string("assistant").key("content").string("").endObject();
  w.key("logprobs").null().key("finish_reason").null().endObject().endArray();
  writeEventUsage(w, usage);
  w.endObject();
  return out;
}

std::string chatChunk(const AnswerHead &head, const Choice &part, uint32_t firstCall,
                      const EventUsage &usage) {
  std::string out;
  JsonWriter w(out);
  beginChunk(w, head, part.index);
  if (!part.text.empty())
    w.key("content").string(part.text);
  if (!part.calls.empty())
    writeCalls(w, part.calls, firstCall);
  w.endObject();
  writeChatLogprobs(w, part);
  writeFinish(w, part);
  writeTokens(w, "token_ids", part.tokenIds);
  w.endObject().endArray();
  writeEventUsage(w, usage);
  w.endObject();
  return out;
}

std::string textChunk(const AnswerHead &head, const Choice &part, const EventUsage &usage) {
  std::string out;
  JsonWriter w(out);
  writeHead(w, head, "text_completion");
  w.key("choices").beginArray();
  writeTextChoice(w, part);
  w.endArray();
  writeEventUsage(w, usage);
  w.endObject();
  return out;
}

std::string usageChunk(const AnswerHead &head, bool chat, const Usage &usage) {
  std::string out;
  JsonWriter w(out);
  writeHead(w, head, chat ? "chat.completion.chunk" : "text_completion");
  w.key("choices").beginArray().endArray();
  writeUsage(w, usage);
  w.endObject();
  return out;
}

std::string embeddingList(const AnswerHead &head, std::span<const std::vector<float>> vectors,
                          uint64_t promptTokens, const EmbeddingOptions &options) {
  std::string out;
  JsonWriter w(out);
  w.beginObject().key("object").string("list").key("data").beginArray();
  for (size_t i = 0; i < vectors.size(); ++i) {
    w.beginObject().key("object").string("embedding").key("index").natural(i).key("embedding");
    if (options.base64) {
      std::string bytes;
      for (float value : vectors[i]) {
        auto bits = std::bit_cast<uint32_t>(value);
        for (int shift = 0; shift < 32; shift += 8)
          bytes += static_cast<char>(bits >> shift & 0xFF);
      }
      w.string(base64(bytes));
    } else {
      w.beginArray();
      for (float value : vectors[i])
        w.number(value);
      w.endArray();
    }
    w.endObject();
  }
  w.endArray().key("model").string(head.model).key("usage").beginObject();
  w.key("prompt_tokens").natural(promptTokens).key("total_tokens").natural(promptTokens);
  w.endObject().endObject();
  return out;
}

std::string modelList(std::span<const ModelEntry> models) {
  std::string out;
  JsonWriter w(out);
  w.beginObject().key("object").string("list").key("data").beginArray();
  for (const ModelEntry &model : models)
    writeModel(w, model);
  w.endArray().endObject();
  return out;
}

std::string modelObject(const ModelEntry &model) {
  std::string out;
  JsonWriter w(out);
  writeModel(w, model);
  return out;
}

std::string tokenizeResult(std::span<const int32_t> tokens, int64_t context,
                           const std::vector<std::string> *strings) {
  std::string out;
  JsonWriter w(out);
  w.beginObject().key("count").natural(tokens.size()).key("max_model_len").integer(context);
  w.key("tokens").beginArray();
  for (int32_t token : tokens)
    w.integer(token);
  w.endArray();
  if (strings) {
    w.key("token_strs").beginArray();
    for (const std::string &text : *strings)
      w.string(text);
    w.endArray();
  }
  w.endObject();
  return out;
}

std::string detokenizeResult(std::string_view text) { return oneString("prompt", text); }
std::string templateResult(std::string_view text) { return oneString("prompt", text); }
std::string versionResult(std::string_view version) { return oneString("version", version); }

std::string healthResult(std::string_view status, std::string_view reason) {
  std::string out;
  JsonWriter w(out);
  w.beginObject().key("status").string(status);
  if (!reason.empty())
    w.key("reason").string(reason);
  w.endObject();
  return out;
}

std::string sseEvent(std::string_view json) {
  std::string out = "data: ";
  out.reserve(json.size() + 8);
  out += json;
  out += "\n\n";
  return out;
}
std::string_view sseDone() { return "data: [DONE]\n\n"; }

std::string base64(std::string_view bytes) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    size_t have = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < have ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k)
      out += k <= have ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

} // namespace axiom::serve::openai
