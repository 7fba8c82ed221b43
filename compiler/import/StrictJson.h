// JSON from outside: bounded depth and size, no duplicate keys, no exceptions across the API.
#ifndef AXIOM_COMPILER_IMPORT_STRICTJSON_H
#define AXIOM_COMPILER_IMPORT_STRICTJSON_H

#include "runtime/base/Status.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace axiom {

struct JsonLimits {
  size_t bytes = 64u << 20;
  size_t depth = 64;
  size_t values = 4u << 20; ///< objects, arrays and scalars together
};

/// Parses all of `text`. `name` begins every message, for example "config.json".
Result<nlohmann::json> parseStrictJson(std::string_view text, const std::string &name,
                                       const JsonLimits &limits = {});

/// At most 80 printable characters of `text`, for messages.
std::string shownText(std::string_view text);

} // namespace axiom

#endif
