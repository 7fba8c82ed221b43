// Schemas that an artifact carries, each with its grammar (segment `schemas`, docs/artifact.md).
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_NAMEDSCHEMAS_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_NAMEDSCHEMAS_H

#include "runtime/base/Status.h"
#include "runtime/serve/grammar/Apart.h"
#include "runtime/serve/grammar/Compiler.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::serve::grammar {

inline constexpr size_t kMaxNamedSchemas = 1024;
inline constexpr size_t kMaxSchemaName = 64;

struct NamedSchema {
  std::string name; ///< 1 to kMaxSchemaName letters, digits, _ and -
  std::string text; ///< the JSON schema
  std::string compiled;
};

struct NamedSchemas {
  std::string library; ///< libraryName() where they were compiled
  std::vector<NamedSchema> schemas;
};

bool isSchemaName(std::string_view name);
/// EBNF of a schema alone, with the rule `root`, within the limits of checkEbnf().
Result<CheckedEbnf> schemaGrammar(std::string_view schema);

std::vector<uint8_t> writeNamedSchemas(const NamedSchemas &schemas);
/// BadInput for bytes that are no such segment, names that are none or come twice.
Result<NamedSchemas> readNamedSchemas(std::span<const uint8_t> segment);

/// The grammar of a schema that readNamedSchemas() gave: read if `library` is this build's, after
/// a process of its own has read and tried it, else compiled from the text.
Result<std::shared_ptr<const Grammar>> openNamedSchema(Compiler &compiler,
                                                       const NamedSchema &schema,
                                                       const std::string &library, uint32_t vocab,
                                                       const ApartLimits &limits = {});

} // namespace axiom::serve::grammar

#endif
