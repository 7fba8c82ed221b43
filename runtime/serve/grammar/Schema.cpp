#include "runtime/serve/grammar/SchemaConverter.h"

namespace axiom::serve::grammar {

Result<std::string> addSchema(RuleBook &rules, std::string_view schema,
                              const SchemaLimits &limits) {
  if (schema.size() > limits.bytes)
    return {Code::Resource, format("the schema has %zu bytes, at most %zu are possible",
                                   schema.size(), limits.bytes)};
  openai::JsonLimits json;
  json.depth = limits.depth;
  auto root = openai::readJson(schema, json);
  if (!root.ok())
    return Status(root.status().code(),
                  "the schema is no JSON that can be read: " + root.status().message());
  if (!root->is_object() && !root->is_boolean())
    return invalidSchema("", "it must be an object, true or false");
  return Converter(rules, *root, limits).value(*root, "");
}

std::string addAnyObject(RuleBook &rules) { return Basics(rules).object(); }

} // namespace axiom::serve::grammar
