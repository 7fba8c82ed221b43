#include "runtime/serve/openai/Errors.h"
#include "runtime/base/Status.h"
#include "runtime/serve/openai/Json.h"

#include <algorithm>

namespace axiom::serve::openai {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  appendJsonString(out, shorten(text));
  return out;
}

unsigned long long wide(uint64_t value) { return value; }

} // namespace

ApiError invalidRequest(std::string param, std::string code, std::string message) {
  return {400, std::move(message), "invalid_request_error", std::move(param), std::move(code), 0};
}

ApiError modelNotFound(std::string_view asked, const std::vector<std::string> &served) {
  std::string names;
  for (size_t i = 0; i < std::min<size_t>(served.size(), 8); ++i)
    names += (i ? ", " : "") + quoted(served[i]);
  return {404,
          "model " + quoted(asked) + " is not served here; use one of: " + names,
          "invalid_request_error",
          "model",
          "model_not_found",
          0};
}

ApiError contextLengthExceeded(std::string_view param, uint64_t promptTokens, uint64_t maxTokens,
                               uint64_t context) {
  std::string message =
      promptTokens >= context
          ? format("the prompt has %llu tokens, but the model's context holds %llu including the "
                   "answer: shorten the prompt",
                   wide(promptTokens), wide(context))
          : format(
                "the prompt has %llu tokens and the answer may have %llu, together more than the "
                "context of %llu: shorten the prompt or ask for at most %llu",
                wide(promptTokens), wide(maxTokens), wide(context), wide(context - promptTokens));
  return invalidRequest(std::string(param), "context_length_exceeded", std::move(message));
}

ApiError wrongContentType(std::string_view given) {
  return {415,
          "the content type is " + quoted(given) + "; send application/json",
          "invalid_request_error",
          "",
          "unsupported_media_type",
          0};
}

ApiError tooManyRequests(std::string message, uint32_t retryAfterSeconds) {
  return {429, std::move(message),    "rate_limit_error",
          "",  "rate_limit_exceeded", retryAfterSeconds};
}

ApiError unavailable(std::string message, uint32_t retryAfterSeconds) {
  return {503, std::move(message), "server_error", "", "service_unavailable", retryAfterSeconds};
}

ApiError deadlineExceeded(std::string message) {
  return {504, std::move(message), "server_error", "", "deadline_exceeded", 0};
}

ApiError internalError(std::string message) {
  return {500, std::move(message), "server_error", "", "internal_error", 0};
}

std::string errorBody(const ApiError &error) {
  std::string out;
  JsonWriter writer(out);
  auto orNull = [&](const char *key, const std::string &text) {
    writer.key(key);
    text.empty() ? writer.null() : writer.string(text);
  };
  writer.beginObject().key("error").beginObject().key("message").string(error.message);
  writer.key("type").string(error.type);
  orNull("param", error.param);
  orNull("code", error.code);
  writer.endObject().endObject();
  return out;
}

} // namespace axiom::serve::openai
