// Statements and scopes; expressions are in TemplateExpressions.cpp.
#include "runtime/text/TemplateInterpreter.h"

namespace axiom {

using Kind = Value::Kind;
using Op = TemplateOp;

TemplateInterpreter::TemplateInterpreter(const TemplateProgram &program, const ValueDict &context,
                                         const TemplateLimits &limits,
                                         const std::optional<TemplateTime> &now)
    : program_(program), context_(context), budget_(limits), now_(now),
      scope_(std::make_shared<TemplateScope>()) {}

TemplateInterpreter::~TemplateInterpreter() {
  // Macros refer to scopes and namespaces to anything: cut the cycles. The objects stay until the
  // vectors go, so no long chain is destroyed recursively.
  for (auto &object : namespaces_)
    object->attributes = ValueDict();
  for (auto &scope : macroScopes_)
    scope->variables.clear();
}

MarkedText TemplateInterpreter::run() {
  MarkedText out;
  out_ = &out;
  execute(program_.root());
  return out;
}

Value TemplateInterpreter::makeText(MarkedText text) {
  budget_.bytes(text.size());
  return Value::string(std::move(text));
}

/// Containers deeper than this fail: everything that walks values recurses.
static constexpr uint32_t maxValueDepth = 200;

static Value checkDepth(Value value) {
  if (value.depth() > maxValueDepth)
    throw TemplateFailure{Code::Resource,
                          format("a value nests deeper than %u containers", maxValueDepth)};
  return value;
}

Value TemplateInterpreter::makeList(std::vector<Value> items) {
  budget_.bytes(items.size() * sizeof(Value));
  return checkDepth(Value::list(std::move(items)));
}
Value TemplateInterpreter::makeTuple(std::vector<Value> items) {
  budget_.bytes(items.size() * sizeof(Value));
  return checkDepth(Value::tuple(std::move(items)));
}
Value TemplateInterpreter::makeDict(ValueDict dict) {
  budget_.bytes(dict.size() * 4 * sizeof(Value));
  return checkDepth(Value::dict(std::move(dict)));
}

Value TemplateInterpreter::makeIterator(std::vector<Value> items) {
  budget_.bytes(items.size() * sizeof(Value));
  uint32_t depth = 0;
  for (const Value &v : items)
    depth = std::max(depth, v.depth());
  auto object = std::make_shared<IteratorObject>();
  object->items = std::move(items);
  return checkDepth(Value::internal(Kind::Iterator, std::move(object), 0, depth + 1));
}

Value TemplateInterpreter::makeNamespace(ValueDict attributes) {
  budget_.bytes((attributes.size() + 2) * 4 * sizeof(Value));
  auto object = std::make_shared<NamespaceObject>();
  object->attributes = std::move(attributes);
  namespaces_.push_back(object);
  return Value::internal(Kind::Namespace, std::move(object));
}

TemplateScopePtr TemplateInterpreter::newScope(TemplateScopePtr parent) {
  auto scope = std::make_shared<TemplateScope>();
  scope->parent = std::move(parent);
  return scope;
}

void TemplateInterpreter::write(const Value &value) {
  appendStr(*out_, value, budget_);
  budget_.output(out_->size());
}

MarkedText TemplateInterpreter::capture(const TemplateNode &block, TemplateScopePtr scope) {
  // Restores the scope and the output also when a failure passes through: the interpreter is not
  // used after one, but its destructor must find no pointer into a dead frame.
  struct Restore {
    TemplateInterpreter &self;
    TemplateScopePtr scope;
    MarkedText *out;
    ~Restore() {
      self.scope_ = std::move(scope);
      self.out_ = out;
    }
  } restore{*this, scope_, out_};
  MarkedText text;
  out_ = &text;
  scope_ = std::move(scope);
  if (execute(block) != Flow::Normal)
    failTemplate("break or continue outside of a loop");
  return text;
}

void TemplateInterpreter::assign(const TemplateNode &target, const Value &value,
                                 TemplateScope &scope) {
  if (target.op == Op::TargetName) {
    uint32_t name = static_cast<uint32_t>(target.imm);
    for (auto &[known, variable] : scope.variables)
      if (known == name) {
        variable = value;
        return;
      }
    scope.variables.emplace_back(name, value);
    return;
  }
  TemplateBudget::Level level(budget_);
  if (target.op == Op::TargetAttribute) {
    Value object = evaluateName(target);
    if (!object.is(Kind::Namespace))
      failTemplate("cannot assign attribute on non-namespace object");
    budget_.bytes(4 * sizeof(Value));
    object.object<NamespaceObject>().attributes.set(program_.attribute(target), value);
    return;
  }
  std::vector<Value> items = iterate(value);
  if (items.size() != target.linkCount)
    failTemplate(items.size() < target.linkCount
                     ? format("not enough values to unpack (expected %u, got %zu)",
                              target.linkCount, items.size())
                     : format("too many values to unpack (expected %u)", target.linkCount));
  for (uint32_t i = 0; i < target.linkCount; ++i)
    assign(program_.child(target, i), items[i], scope);
}

TemplateInterpreter::Flow TemplateInterpreter::execute(const TemplateNode &node) {
  TemplateBudget::Level level(budget_);
  budget_.step();
  line_ = node.line;
  switch (node.op) {
  case Op::Block:
    return executeBlock(node);
  case Op::Text: {
    const std::string &text = program_.name(node);
    budget_.bytes(text.size());
    out_->append(text);
    budget_.output(out_->size());
    return Flow::Normal;
  }
  case Op::Output:
    write(evaluate(program_.child(node, 0)));
    return Flow::Normal;
  case Op::Set:
    assign(program_.child(node, 0), evaluate(program_.child(node, 1)), *scope_);
    return Flow::Normal;
  case Op::SetBlock:
    executeSetBlock(node);
    return Flow::Normal;
  case Op::For:
    return executeFor(node);
  case Op::If:
    return executeIf(node);
  case Op::Macro:
    defineMacro(node);
    return Flow::Normal;
  case Op::FilterBlock:
    executeFilterBlock(node);
    return Flow::Normal;
  case Op::Generation:
    write(Value::string(capture(program_.child(node, 0), newScope(scope_))));
    return Flow::Normal;
  case Op::With:
    return executeWith(node);
  case Op::Break:
    return Flow::Break;
  case Op::Continue:
    return Flow::Continue;
  default:
    failTemplate("a node is no statement");
  }
}

TemplateInterpreter::Flow TemplateInterpreter::executeBlock(const TemplateNode &node) {
  for (uint32_t i = 0; i < node.linkCount; ++i) {
    Flow flow = execute(program_.child(node, i));
    if (flow != Flow::Normal)
      return flow;
  }
  return Flow::Normal;
}

TemplateInterpreter::Flow TemplateInterpreter::executeIf(const TemplateNode &node) {
  uint32_t i = 0;
  for (; i + 1 < node.linkCount; i += 2)
    if (isTruthy(evaluate(program_.child(node, i))))
      return execute(program_.child(node, i + 1));
  return i < node.linkCount ? execute(program_.child(node, i)) : Flow::Normal;
}

bool TemplateInterpreter::advance(LoopObject &loop) {
  const TemplateNode &test = program_.child(*loop.node, 2);
  while (loop.next < loop.source.size()) {
    Value candidate = loop.source[loop.next++];
    budget_.step();
    if (test.op != Op::Nothing) {
      TemplateScopePtr saved = scope_;
      scope_ = newScope(loop.outer);
      assign(program_.child(*loop.node, 0), candidate, *scope_);
      bool passes = isTruthy(evaluate(test));
      scope_ = std::move(saved);
      if (!passes)
        continue;
    }
    loop.ahead.push_back(std::move(candidate));
    return true;
  }
  return false;
}

bool TemplateInterpreter::peek(LoopObject &loop) {
  if (loop.hasAhead())
    return true;
  loop.ahead.clear();
  loop.aheadUsed = 0;
  return advance(loop);
}

int64_t TemplateInterpreter::loopLength(LoopObject &loop) {
  while (advance(loop)) {
  }
  return loop.index0 + 1 + static_cast<int64_t>(loop.ahead.size() - loop.aheadUsed);
}

TemplateInterpreter::Flow TemplateInterpreter::executeFor(const TemplateNode &node) {
  auto loop = std::make_shared<LoopObject>();
  loop->source = iterate(evaluate(program_.child(node, 1)));
  loop->node = &node;
  loop->outer = scope_;
  TemplateScopePtr outer = scope_;
  Value loopValue = Value::internal(Kind::Loop, loop);
  const TemplateNode &body = program_.child(node, 3);
  while (peek(*loop)) {
    loop->previous = std::move(loop->current);
    loop->current = loop->ahead[loop->aheadUsed++];
    ++loop->index0;
    scope_ = newScope(outer);
    scope_->variables.emplace_back(program_.loopName(), loopValue);
    assign(program_.child(node, 0), loop->current, *scope_);
    Flow flow = execute(body);
    scope_ = outer;
    if (flow == Flow::Break)
      return Flow::Normal;
  }
  const TemplateNode &otherwise = program_.child(node, 4);
  if (loop->index0 >= 0 || otherwise.op == Op::Nothing)
    return Flow::Normal;
  scope_ = newScope(outer);
  Flow flow = execute(otherwise);
  scope_ = outer;
  return flow;
}

TemplateInterpreter::Flow TemplateInterpreter::executeWith(const TemplateNode &node) {
  TemplateScopePtr outer = scope_, inner = newScope(scope_);
  for (uint32_t i = 0; i + 1 < node.linkCount; i += 2)
    assign(program_.child(node, i), evaluate(program_.child(node, i + 1)), *inner);
  scope_ = inner;
  Flow flow = execute(program_.lastChild(node));
  scope_ = outer;
  return flow;
}

void TemplateInterpreter::executeSetBlock(const TemplateNode &node) {
  Value text = Value::string(capture(program_.child(node, 1), newScope(scope_)));
  if (node.linkCount == 3) {
    captured_.push_back(text);
    text = evaluate(program_.child(node, 2));
    captured_.pop_back();
  }
  assign(program_.child(node, 0), text, *scope_);
}

void TemplateInterpreter::executeFilterBlock(const TemplateNode &node) {
  captured_.push_back(Value::string(capture(program_.child(node, 1), newScope(scope_))));
  Value text = evaluate(program_.child(node, 0));
  captured_.pop_back();
  write(text);
}

void TemplateInterpreter::defineMacro(const TemplateNode &node) {
  budget_.bytes(sizeof(MacroObject) + 4 * sizeof(Value));
  auto macro = std::make_shared<MacroObject>(MacroObject{{program_.name(node)}, &node, scope_});
  if (macroScopes_.empty() || macroScopes_.back() != scope_)
    macroScopes_.push_back(scope_);
  Value value = Value::internal(Kind::Macro, std::move(macro));
  uint32_t name = static_cast<uint32_t>(node.imm);
  for (auto &[known, variable] : scope_->variables)
    if (known == name) {
      variable = value;
      return;
    }
  scope_->variables.emplace_back(name, value);
}

Value TemplateInterpreter::callMacro(const MacroObject &macro, const TemplateArguments &args) {
  const TemplateNode &node = *macro.node;
  const std::string &macroName = program_.name(node);
  uint32_t params = node.linkCount - 1;
  if (args.positional.size() > params)
    failTemplate(
        format("macro '%s' takes not more than %u argument(s)", macroName.c_str(), params));
  std::vector<bool> used(args.keywords.size());
  TemplateScopePtr scope = newScope(macro.scope), saved = scope_;
  struct Restore {
    TemplateInterpreter &self;
    TemplateScopePtr scope;
    ~Restore() { self.scope_ = std::move(scope); }
  } restore{*this, scope_};
  for (uint32_t i = 0; i < params; ++i) {
    const TemplateNode &param = program_.child(node, i);
    const std::string &name = program_.name(param);
    std::optional<Value> value;
    if (i < args.positional.size())
      value = args.positional[i];
    else
      for (size_t k = 0; k < args.keywords.size(); ++k)
        if (args.keywords[k].first == name) {
          value = args.keywords[k].second;
          used[k] = true;
        }
    if (!value && param.linkCount == 1) {
      scope_ = scope;
      value = evaluate(program_.child(param, 0));
    }
    if (!value)
      value = Value::undefined(format("parameter %s was not provided", quoted(name).c_str()));
    scope->variables.emplace_back(static_cast<uint32_t>(param.imm), *value);
  }
  for (size_t k = 0; k < used.size(); ++k)
    if (!used[k])
      failTemplate(format("macro '%s' takes no keyword argument '%s'", macroName.c_str(),
                          args.keywords[k].first.c_str()));
  return Value::string(capture(program_.lastChild(node), scope));
}

} // namespace axiom
