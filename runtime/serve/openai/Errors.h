// What a client is told when a request does not succeed, in OpenAI's form.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_ERRORS_H
#define AXIOM_RUNTIME_SERVE_OPENAI_ERRORS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::serve::openai {

struct ApiError {
  int status = 400;        ///< of HTTP
  std::string message;     ///< what, which value, which bound, what to do
  std::string type;        ///< invalid_request_error, ...
  std::string param;       ///< the field, as messages[0].role; empty: null
  std::string code;        ///< empty: null
  uint32_t retryAfter = 0; ///< seconds, for the header Retry-After; 0: none
};

/// 400 about a field; an empty `param` means the body as a whole.
ApiError invalidRequest(std::string param, std::string code, std::string message);
/// 404: `asked` is no name of `served`.
ApiError modelNotFound(std::string_view asked, const std::vector<std::string> &served);
/// 400: prompt and answer do not fit into `context` tokens. `maxTokens` is what was asked for.
ApiError contextLengthExceeded(std::string_view param, uint64_t promptTokens, uint64_t maxTokens,
                               uint64_t context);
/// 415.
ApiError wrongContentType(std::string_view given);
/// 429: the queue or a key's share is full.
ApiError tooManyRequests(std::string message, uint32_t retryAfterSeconds);
/// 503: loading, draining.
ApiError unavailable(std::string message, uint32_t retryAfterSeconds);
/// 504: a deadline passed.
ApiError deadlineExceeded(std::string message);
/// 500.
ApiError internalError(std::string message);

/// {"error":{"message","type","param","code"}}
std::string errorBody(const ApiError &error);

} // namespace axiom::serve::openai

#endif
