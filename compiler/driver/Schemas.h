// The segment of named schemas (axiomc --schema): each compiled for the model's tokenizer, so that
// a server has the grammar before the first request.
#ifndef AXIOM_COMPILER_DRIVER_SCHEMAS_H
#define AXIOM_COMPILER_DRIVER_SCHEMAS_H

#include "compiler/import/ModelSource.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace axiom {

struct SchemaSegment {
  std::vector<uint8_t> bytes;       ///< empty: no schemas
  std::vector<InputDigest> digests; ///< of the files
};

/// Reads and compiles the schemas `name, file`. Unsupported in a build without the grammar library
/// (SchemasMissing.cpp), for a model without a tokenizer, and for keywords that can't be kept;
/// InvalidArgument for a name, file or schema that is none; Resource for what is too large.
Result<SchemaSegment> compileSchemas(const std::vector<std::pair<std::string, std::string>> &files,
                                     std::span<const uint8_t> tokenizer, const ModelConfig &config);

} // namespace axiom

#endif
