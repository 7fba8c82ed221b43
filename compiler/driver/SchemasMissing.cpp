// In place of Schemas.cpp where the server, with its grammars, is not built.
#include "compiler/driver/Schemas.h"

namespace axiom {

Result<SchemaSegment> compileSchemas(const std::vector<std::pair<std::string, std::string>> &files,
                                     std::span<const uint8_t>, const ModelConfig &) {
  if (files.empty())
    return SchemaSegment();
  return {Code::Unsupported,
          "--schema: this axiomc was built without the server, whose grammars it "
          "needs (Boost and OpenSSL: tools/install-deps)"};
}

} // namespace axiom
