#include "runtime/serve/grammar/Compiler.h"

namespace axiom::serve::grammar {

Result<std::unique_ptr<Compiler>> makeCompiler(Vocabulary) {
  return {Code::Unsupported,
          "this server is built without xgrammar (tools/install-xgrammar, then build again)"};
}

const char *libraryName() { return ""; }

} // namespace axiom::serve::grammar
