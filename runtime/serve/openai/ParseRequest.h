// From the bytes of a body to a checked request.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_PARSEREQUEST_H
#define AXIOM_RUNTIME_SERVE_OPENAI_PARSEREQUEST_H

#include "runtime/serve/openai/Errors.h"
#include "runtime/serve/openai/Fields.h"
#include "runtime/serve/openai/Request.h"

#include <optional>
#include <string_view>

namespace axiom::serve::openai {

struct ParseResult {
  Request request;               ///< of use without an error only, but for its warnings
  std::optional<ApiError> error; ///< 400, or 404 for the name of a model
  bool ok() const { return !error; }
};

/// Any bytes give a request within the table's bounds, or an error; nothing is thrown. What needs
/// the tokenizer (does the prompt fit?) remains to be checked. An endpoint without a body ignores
/// it.
ParseResult parseRequest(Endpoint endpoint, std::string_view body, const ServerLimits &limits);

} // namespace axiom::serve::openai

#endif
