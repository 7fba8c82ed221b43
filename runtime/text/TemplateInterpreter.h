// Runs a TemplateProgram. One interpreter is one render on one thread; failures are thrown as
// TemplateFailure and caught by ChatTemplate.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATEINTERPRETER_H
#define AXIOM_RUNTIME_TEXT_TEMPLATEINTERPRETER_H

#include "runtime/text/TemplateBudget.h"
#include "runtime/text/TemplateBuiltins.h"
#include "runtime/text/TemplateProgram.h"
#include "runtime/text/TemplateTime.h"
#include "runtime/text/TemplateValueOps.h"
#include "runtime/text/Value.h"

#include <memory>
#include <optional>

namespace axiom {

/// The variables of one block: of the template, a macro call, or one turn of a loop.
struct TemplateScope {
  std::shared_ptr<TemplateScope> parent;
  /// By index of the name in the program.
  std::vector<std::pair<uint32_t, Value>> variables;
};
using TemplateScopePtr = std::shared_ptr<TemplateScope>;

struct MacroObject : MacroHead {
  const TemplateNode *node;
  TemplateScopePtr scope;
};

struct MethodObject {
  Value self;
  std::string name;
  /// Null for an attribute that Python has and this engine does not.
  const BuiltinEntry *entry;
};

/// The variable `loop`, and the state of its loop: items are filtered one by one as they are asked
/// for, as jinja2 does, because the test may read what the body changes.
struct LoopObject {
  std::vector<Value> source;
  size_t next = 0;
  /// Items that passed the test ahead of their turn (loop.last, nextitem, length), oldest first.
  std::vector<Value> ahead;
  size_t aheadUsed = 0;
  int64_t index0 = -1;
  Value previous, current;
  const TemplateNode *node = nullptr;
  TemplateScopePtr outer;

  bool hasAhead() const { return aheadUsed < ahead.size(); }
};

class TemplateInterpreter {
public:
  TemplateInterpreter(const TemplateProgram &program, const ValueDict &context,
                      const TemplateLimits &limits, const std::optional<TemplateTime> &now);
  ~TemplateInterpreter();
  TemplateInterpreter(const TemplateInterpreter &) = delete;
  TemplateInterpreter &operator=(const TemplateInterpreter &) = delete;

  MarkedText run();
  /// The line of the template that was evaluated last.
  uint32_t line() const { return line_; }

  // What the builtins use.
  TemplateBudget &budget() { return budget_; }
  const std::optional<TemplateTime> &now() const { return now_; }
  /// New values, charged; containers that nest too deep fail.
  Value makeText(MarkedText text);
  Value makeText(std::string_view bytes, bool untrusted = false) {
    return makeText(MarkedText(std::string(bytes), untrusted));
  }
  Value makeList(std::vector<Value> items);
  Value makeTuple(std::vector<Value> items);
  Value makeDict(ValueDict dict);
  Value makeIterator(std::vector<Value> items);
  Value makeNamespace(ValueDict attributes);
  /// The elements of an iterable (an iterator is used up); fails for others.
  std::vector<Value> iterate(const Value &iterable);
  MarkedText str(const Value &value) { return strOf(value, budget_); }
  bool equal(const Value &a, const Value &b) { return valuesEqual(a, b, budget_); }

  /// object.name and object[key] as jinja2 resolves them.
  Value attribute(const Value &object, const std::string &name);
  Value item(const Value &object, const Value &key);
  bool contains(const Value &container, const Value &element);
  Value call(const Value &callee, const TemplateArguments &args);
  Value filter(uint32_t index, const Value &subject, const TemplateArguments &args);
  Value test(uint32_t index, const Value &subject, const TemplateArguments &args);

  /// Makes the next item of a loop ready in `ahead`; false when there is none.
  bool peek(LoopObject &loop);
  int64_t loopLength(LoopObject &loop);

private:
  enum class Flow { Normal, Break, Continue };

  /// Appends the next item that passes the test to `ahead`.
  bool advance(LoopObject &loop);

  // Statements.
  Flow execute(const TemplateNode &node);
  Flow executeBlock(const TemplateNode &node);
  Flow executeFor(const TemplateNode &node);
  Flow executeIf(const TemplateNode &node);
  Flow executeWith(const TemplateNode &node);
  void executeSetBlock(const TemplateNode &node);
  void executeFilterBlock(const TemplateNode &node);
  void defineMacro(const TemplateNode &node);
  /// Runs a block in a scope of its own and returns what it writes.
  MarkedText capture(const TemplateNode &block, TemplateScopePtr scope);
  void assign(const TemplateNode &target, const Value &value, TemplateScope &scope);
  void write(const Value &value);

  // Expressions.
  Value evaluate(const TemplateNode &node);
  Value evaluateName(const TemplateNode &node);
  Value evaluateCompare(const TemplateNode &node);
  Value evaluateSlice(const TemplateNode &node);
  Value evaluateContainer(const TemplateNode &node);
  Value evaluateConcat(const TemplateNode &node);
  Value evaluateCall(const TemplateNode &node);
  TemplateArguments evaluateArguments(const TemplateNode &node);
  Value callMacro(const MacroObject &macro, const TemplateArguments &args);
  Value loopAttribute(const Value &value, const std::string &name);
  Value methodOf(const Value &object, const std::string &name);
  TemplateScopePtr newScope(TemplateScopePtr parent);

  const TemplateProgram &program_;
  const ValueDict &context_;
  TemplateBudget budget_;
  std::optional<TemplateTime> now_;
  TemplateScopePtr scope_;
  MarkedText *out_ = nullptr;
  std::vector<Value> captured_;
  uint32_t line_ = 0;
  /// Everything that can be part of a reference cycle; emptied at the end.
  std::vector<TemplateScopePtr> macroScopes_;
  std::vector<std::shared_ptr<NamespaceObject>> namespaces_;
};

} // namespace axiom

#endif
