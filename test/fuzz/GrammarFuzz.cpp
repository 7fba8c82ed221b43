// What clients send as a constraint: schemas, regular expressions, grammars; and an artifact's
// named schemas. The first byte chooses which. What a schema or an expression becomes is a grammar
// that the check can read.
#include "runtime/serve/grammar/EbnfCheck.h"
#include "runtime/serve/grammar/NamedSchemas.h"
#include "runtime/serve/grammar/Regex.h"
#include "runtime/serve/grammar/Schema.h"

#include <cstdio>
#include <cstdlib>

using namespace axiom;
using namespace axiom::serve::grammar;

namespace {

/// Too large, or without an end, it may be; not wrong.
void readable(const std::string &ebnf) {
  Status status = checkEbnf(ebnf).status();
  if (status.ok() || status.code() == Code::Resource ||
      status.message().find("never ends") != std::string::npos)
    return;
  std::fprintf(stderr, "%s\n%s", status.message().c_str(), ebnf.c_str());
  std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::string_view text(reinterpret_cast<const char *>(data) + 1, size - 1);
  if (data[0] % 4 == 0) {
    RuleBook rules(64 << 10);
    auto root = addSchema(rules, text);
    if (root.ok() && !rules.tooLarge())
      readable("root ::= " + *root + "\n" + rules.text());
  } else if (data[0] % 4 == 1) {
    auto regex = Regex::parse(text);
    if (regex.ok()) {
      readable("root ::= " + regex->ebnf(false) + "\n");
      readable("root ::= " + regex->ebnf(true) + "\n");
    }
  } else if (data[0] % 4 == 3) {
    auto bytes = reinterpret_cast<const uint8_t *>(text.data());
    auto named = readNamedSchemas(std::vector<uint8_t>(bytes, bytes + text.size()));
    if (named.ok() && !readNamedSchemas(writeNamedSchemas(*named)).ok())
      std::abort();
  } else {
    (void)checkEbnf(std::string(text));
  }
  return 0;
}
