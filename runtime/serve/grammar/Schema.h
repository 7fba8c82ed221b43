// JSON schemas (draft 2020-12, and what 4 to 7 write in another way) into EBNF.
//
// What the grammar allows is valid by the schema. It may be less than the schema allows: keys come
// in the schema's order, an object that names properties has no others unless additionalProperties
// asks for them, numbers have at most 18 digits, white space is little. A keyword that restricts
// values and can't be kept is an error that names it and its place. Keywords that only describe,
// and those that are not known, change nothing.
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_SCHEMA_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_SCHEMA_H

#include "runtime/base/Status.h"
#include "runtime/serve/grammar/EbnfText.h"

#include <string>
#include <string_view>

namespace axiom::serve::grammar {

struct SchemaLimits {
  size_t bytes = 256 << 10; ///< of the schema's text
  uint32_t depth = 64;      ///< schemas inside each other, references followed
  uint32_t visits = 10000;  ///< schemas converted, each alternative of a combination counted
};

/// Adds the rules of a schema; gives the name of the one for its values.
Result<std::string> addSchema(RuleBook &rules, std::string_view schema,
                              const SchemaLimits &limits = {});
/// Adds the rule of any JSON object.
std::string addAnyObject(RuleBook &rules);

} // namespace axiom::serve::grammar

#endif
