// The filters, tests, methods and functions that templates may use, with their parameters. The
// compiler checks against these tables, the interpreter binds and calls through them.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATEBUILTINS_H
#define AXIOM_RUNTIME_TEXT_TEMPLATEBUILTINS_H

#include "runtime/text/Value.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace axiom {

class TemplateInterpreter;

struct TemplateArguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keywords;
};

/// Arguments in the order of the parameters; empty where not given.
using BoundArguments = std::vector<std::optional<Value>>;

/// Parameters after the subject.
struct TemplateSignature {
  const char *name;
  /// Comma-separated. A leading '/' makes all positional-only; "*" takes anything.
  const char *params;
  unsigned required;
};

/// `rest` holds what a "*" signature was called with; otherwise it is empty and `args` is bound.
using TemplateBuiltin = Value (*)(TemplateInterpreter &interpreter, const Value &subject,
                                  const BoundArguments &args, const TemplateArguments &rest);

struct BuiltinEntry {
  TemplateSignature signature;
  TemplateBuiltin call;
};

/// Sorted by name.
std::span<const BuiltinEntry> templateFilters();
std::span<const BuiltinEntry> templateTests();
std::span<const BuiltinEntry> stringMethods();
std::span<const BuiltinEntry> dictMethods();
std::span<const BuiltinEntry> listMethods();
std::span<const BuiltinEntry> loopMethods();
std::span<const BuiltinEntry> templateFunctions();

/// Index into the table, or -1.
int findBuiltin(std::span<const BuiltinEntry> table, std::string_view name);
int findFilter(std::string_view name);
int findTest(std::string_view name);

/// Methods that Hugging Face's immutable sandbox refuses: they compile, and fail when called.
bool isMutator(const Value &object, std::string_view name);
bool isMutatorName(std::string_view name);
/// Attributes that a Python object of that type has and this engine does not implement.
bool isOtherAttribute(const Value &object, std::string_view name);

/// What is wrong with a call of `count` positional arguments and `keywords`; empty if nothing.
std::string checkCall(const TemplateSignature &signature, size_t count,
                      const std::vector<std::string_view> &keywords);
/// Fails as checkCall says.
BoundArguments bindArguments(const char *kind, const TemplateSignature &signature,
                             const TemplateArguments &args);

/// "a, b, c" of a table, for messages.
std::string listBuiltins(std::span<const BuiltinEntry> table);

} // namespace axiom

#endif
