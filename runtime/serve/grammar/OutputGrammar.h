// What a request demands of its output, as a grammar.
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_OUTPUTGRAMMAR_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_OUTPUTGRAMMAR_H

#include "runtime/base/Status.h"
#include "runtime/serve/grammar/EbnfCheck.h"
#include "runtime/serve/openai/Request.h"
#include "runtime/serve/openai/ToolCalls.h"

#include <string>

namespace axiom::serve::grammar {

/// True if tool_choice forces a call: the answer is calls and nothing else.
bool forcesCall(const openai::Request &request);
/// True if the answer is free, but a call in it has to follow its function's schema (`strict`).
bool guardsCalls(const openai::Request &request);
/// The form in which a model of that form is made to write its calls: its own, or JSON where that
/// begins with a special token, which no grammar can name.
openai::ToolFormat forcedFormat(openai::ToolFormat format);

/// What decides the grammar, and nothing else: equal for requests with equal grammars. Empty:
/// the output is free.
std::string grammarKey(const openai::Request &request, openai::ToolFormat format);
/// That of a request for a schema of the artifact.
std::string namedSchemaKey(const std::string &name);
/// EBNF with the rule `root`, within the limits.
Result<CheckedEbnf> grammarText(const openai::Request &request, openai::ToolFormat format);

} // namespace axiom::serve::grammar

#endif
