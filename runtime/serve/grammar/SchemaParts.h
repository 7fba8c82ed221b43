// Parts of schemas: numbers between bounds, strings, what two schemas demand together. Private.
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_SCHEMAPARTS_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_SCHEMAPARTS_H

#include "runtime/serve/grammar/EbnfText.h"
#include "runtime/serve/openai/Json.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <set>
#include <string>

namespace axiom::serve::grammar {

using Json = openai::Json;

/// Errors of these functions: Unsupported for what can't be kept, BadInput for what no value can
/// satisfy, InvalidArgument for what is no schema.
inline Status unsupported(const std::string &path, const std::string &keyword,
                          const std::string &why = "") {
  return {Code::Unsupported, "the keyword \"" + keyword + "\" at " +
                                 (path.empty() ? "#" : "#" + path) + " is not supported" +
                                 (why.empty() ? "" : ": " + why)};
}
inline Status unsatisfiable(const std::string &path, const std::string &why) {
  return {Code::BadInput,
          "no value can satisfy the schema at " + (path.empty() ? "#" : "#" + path) + ": " + why};
}
inline Status invalidSchema(const std::string &path, const std::string &why) {
  return {Code::InvalidArgument, "the schema at " + (path.empty() ? "#" : "#" + path) + ": " + why};
}

/// Whole numbers, both bounds included; at most 18 digits.
Result<std::string> integersBetween(const Json &schema, const std::string &path);
/// Numbers; where there are bounds, with a fixed number of decimals.
Result<std::string> numbersBetween(const Json &schema, const std::string &path);

/// Keywords that say something about values and are not for people only.
bool isAssertion(const std::string &keyword);
/// The types that a schema allows, with "number" beside "integer" where both may be; all where it
/// names none.
Result<std::set<std::string>> typesOf(const Json &schema, const std::string &path);
bool hasType(const Json &value, const std::set<std::string> &types);
/// What satisfies both; references and combinations stay inside.
Result<Json> mergeSchemas(const Json &a, const Json &b, const std::string &path);
/// A whole number at `key`, if it is there.
Result<std::optional<uint64_t>> countAt(const Json &schema, const char *key,
                                        const std::string &path);

} // namespace axiom::serve::grammar

#endif
