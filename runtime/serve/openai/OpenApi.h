// The OpenAPI 3.1 document of this server, made from the table with the server's own bounds.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_OPENAPI_H
#define AXIOM_RUNTIME_SERVE_OPENAI_OPENAPI_H

#include "runtime/serve/openai/Fields.h"

#include <string>
#include <string_view>

namespace axiom::serve::openai {

/// JSON. `limits` of a server that is loaded: bounds and the names of models stand in it.
std::string openApiDocument(const ServerLimits &limits, std::string_view version);

/// The schemas of answers, as the members of one JSON object.
std::string_view answerSchemas();

} // namespace axiom::serve::openai

#endif
