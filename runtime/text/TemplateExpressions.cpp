// Expressions of the template interpreter.
#include "runtime/text/TemplateInterpreter.h"
#include "runtime/text/TemplateOperators.h"
#include "runtime/text/TemplateUnicode.h"

#include <bit>

namespace axiom {

using Kind = Value::Kind;
using Op = TemplateOp;

Value TemplateInterpreter::evaluate(const TemplateNode &node) {
  TemplateBudget::Level level(budget_);
  budget_.step();
  line_ = node.line;
  auto child = [&](uint32_t i) { return evaluate(program_.child(node, i)); };
  switch (node.op) {
  case Op::ConstNone:
    return Value::none();
  case Op::ConstBool:
    return Value::boolean(node.flag);
  case Op::ConstInt:
    return Value::integer(static_cast<int64_t>(node.imm));
  case Op::ConstDouble:
    return Value::number(std::bit_cast<double>(node.imm));
  case Op::ConstString:
    return makeText(program_.name(node));
  case Op::Captured:
    if (captured_.empty())
      failTemplate("a filter has no text");
    return captured_.back();
  case Op::Name:
    return evaluateName(node);
  case Op::List:
  case Op::Tuple:
  case Op::Dict:
    return evaluateContainer(node);
  case Op::Attribute:
    return attribute(child(0), program_.name(node));
  case Op::Item: {
    Value object = child(0);
    return item(object, child(1));
  }
  case Op::Slice:
    return evaluateSlice(node);
  case Op::Negative:
    return applyNegative(child(0));
  case Op::Positive:
    return applyPositive(child(0));
  case Op::Not:
    return Value::boolean(!isTruthy(child(0)));
  case Op::And: {
    Value left = child(0);
    return isTruthy(left) ? child(1) : left;
  }
  case Op::Or: {
    Value left = child(0);
    return isTruthy(left) ? left : child(1);
  }
  case Op::Binary: {
    Value left = child(0);
    return applyBinary(*this, static_cast<TemplateBinary>(node.flag), left, child(1));
  }
  case Op::Concat:
    return evaluateConcat(node);
  case Op::Compare:
    return evaluateCompare(node);
  case Op::Condition:
    if (isTruthy(child(0)))
      return child(1);
    if (node.linkCount == 3)
      return child(2);
    return Value::undefined(format("the inline if-expression on line %u evaluated to false and no "
                                   "else section was defined.",
                                   node.line));
  case Op::Call:
    return evaluateCall(node);
  case Op::Filter: {
    Value subject = child(0);
    return filter(node.builtin, subject, evaluateArguments(node));
  }
  case Op::Test: {
    Value subject = child(0);
    return test(node.builtin, subject, evaluateArguments(node));
  }
  default:
    failTemplate("a node is no expression");
  }
}

Value TemplateInterpreter::evaluateName(const TemplateNode &node) {
  uint32_t index = static_cast<uint32_t>(node.imm);
  for (TemplateScope *scope = scope_.get(); scope; scope = scope->parent.get()) {
    budget_.step(scope->variables.size() / 16);
    for (const auto &[name, value] : scope->variables)
      if (name == index)
        return value;
  }
  const std::string &name = program_.name(node);
  if (const Value *value = context_.find(name))
    return *value;
  int function = findBuiltin(templateFunctions(), name);
  if (function >= 0)
    return Value::internal(Kind::Function, nullptr, function, 0);
  return Value::undefined(format("'%s' is undefined", name.c_str()));
}

Value TemplateInterpreter::evaluateContainer(const TemplateNode &node) {
  if (node.op == Op::Dict) {
    ValueDict dict;
    for (uint32_t i = 0; i < node.linkCount; i += 2) {
      Value key = evaluate(program_.child(node, i));
      Value value = evaluate(program_.child(node, i + 1));
      if (!dict.set(key, std::move(value)))
        failTemplate(format("unhashable type: '%s'", pythonTypeName(key)));
    }
    return makeDict(std::move(dict));
  }
  std::vector<Value> items;
  for (uint32_t i = 0; i < node.linkCount; ++i)
    items.push_back(evaluate(program_.child(node, i)));
  return node.op == Op::List ? makeList(std::move(items)) : makeTuple(std::move(items));
}

Value TemplateInterpreter::evaluateConcat(const TemplateNode &node) {
  MarkedText text;
  for (uint32_t i = 0; i < node.linkCount; ++i)
    appendStr(text, evaluate(program_.child(node, i)), budget_);
  return Value::string(std::move(text));
}

Value TemplateInterpreter::evaluateCompare(const TemplateNode &node) {
  static constexpr const char *symbols[] = {"==", "!=", "<", "<=", ">", ">="};
  Value left = evaluate(program_.child(node, 0));
  for (uint32_t i = 1; i < node.linkCount; ++i) {
    const TemplateNode &operand = program_.child(node, i);
    auto op = static_cast<TemplateCompare>(operand.flag);
    Value right = evaluate(program_.child(operand, 0));
    bool holds;
    if (op == TemplateCompare::Eq || op == TemplateCompare::Ne) {
      holds = equal(left, right) == (op == TemplateCompare::Eq);
    } else if (op == TemplateCompare::In || op == TemplateCompare::NotIn) {
      holds = contains(right, left) == (op == TemplateCompare::In);
    } else {
      int order = compareValues(left, right, symbols[operand.flag], budget_);
      holds = order != 2 && (op == TemplateCompare::Lt   ? order < 0
                             : op == TemplateCompare::Le ? order <= 0
                             : op == TemplateCompare::Gt ? order > 0
                                                         : order >= 0);
    }
    if (!holds)
      return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

bool TemplateInterpreter::contains(const Value &container, const Value &element) {
  if (container.isString()) {
    if (element.isUndefined() || !element.isString())
      failTemplate(
          format("'in <string>' requires string as left operand, not %s", pythonTypeName(element)));
    budget_.step(container.text().size() / 16);
    return container.text().bytes().find(element.text().bytes()) != std::string::npos;
  }
  if (container.isDict() || (container.is(Kind::View) && container.asInt() == Value::Keys)) {
    if (!isHashable(element))
      failTemplate(format("unhashable type: '%s'", pythonTypeName(element)));
    if (container.isDict())
      return container.dictionary().find(element) != nullptr;
  }
  if (!container.hasItems() && !container.is(Kind::Iterator) && !container.isUndefined())
    failTemplate(format("argument of type '%s' is not iterable", pythonTypeName(container)));
  for (const Value &candidate : iterate(container))
    if (equal(candidate, element))
      return true;
  return false;
}

std::vector<Value> TemplateInterpreter::iterate(const Value &iterable) {
  std::vector<Value> items;
  if (iterable.hasItems()) {
    budget_.bytes(iterable.items().size() * sizeof(Value));
    return iterable.items();
  }
  switch (iterable.kind()) {
  case Kind::Undefined:
    return items;
  case Kind::String: {
    const MarkedText &text = iterable.text();
    // A value, a text and its marks per code point.
    budget_.bytes(text.size() * (sizeof(Value) + sizeof(MarkedText)));
    for (size_t pos = 0, size; pos < text.size(); pos += size) {
      decodeUtf8(text.bytes(), pos, size);
      MarkedText point;
      point.appendSlice(text, pos, pos + size);
      items.push_back(Value::string(std::move(point)));
    }
    return items;
  }
  case Kind::Dict:
    budget_.bytes(iterable.dictionary().size() * sizeof(Value));
    for (const auto &[key, value] : iterable.dictionary().entries())
      items.push_back(key);
    return items;
  case Kind::Iterator: {
    auto &iterator = iterable.object<IteratorObject>();
    budget_.bytes((iterator.items.size() - iterator.position) * sizeof(Value));
    items.assign(iterator.items.begin() + static_cast<ptrdiff_t>(iterator.position),
                 iterator.items.end());
    iterator.position = iterator.items.size();
    return items;
  }
  default:
    failTemplate(format("'%s' object is not iterable", pythonTypeName(iterable)));
  }
}

Value TemplateInterpreter::methodOf(const Value &object, const std::string &name) {
  std::span<const BuiltinEntry> table;
  if (object.isString())
    table = stringMethods();
  else if (object.isDict())
    table = dictMethods();
  else if (object.is(Kind::List) || object.is(Kind::Tuple) || object.is(Kind::Range))
    table = listMethods();
  else if (object.is(Kind::Loop))
    table = loopMethods();
  int index = findBuiltin(table, name);
  bool noCopy = !object.is(Kind::List) && !object.isDict() && name == "copy";
  if ((index < 0 || noCopy) && !isOtherAttribute(object, name))
    return Value();
  auto method = std::make_shared<MethodObject>(
      MethodObject{object, name, index < 0 ? nullptr : &table[static_cast<size_t>(index)]});
  return Value::internal(Kind::Method, std::move(method), 0, object.depth() + 1);
}

static Value missingAttribute(const Value &object, const std::string &name) {
  std::string type = object.isNone() ? "None" : std::string(pythonTypeName(object)) + " object";
  return Value::undefined(format("'%s' has no attribute %s", type.c_str(), quoted(name).c_str()));
}

Value TemplateInterpreter::attribute(const Value &object, const std::string &name) {
  if (object.isUndefined())
    failUndefined(object);
  if (object.is(Kind::Loop))
    return loopAttribute(object, name);
  if (object.is(Kind::Namespace)) {
    const Value *value = object.object<NamespaceObject>().attributes.find(name);
    return value ? *value : missingAttribute(object, name);
  }
  bool internalName = name.size() > 4 && name.starts_with("__") && name.ends_with("__");
  if (isMutator(object, name) || internalName)
    return Value::undefined(format("access to attribute '%s' of '%s' object is unsafe.",
                                   name.c_str(), pythonTypeName(object)));
  if (object.isNumber() && name == "real")
    return applyPositive(object);
  if (object.isNumber() && name == "imag")
    return object.isDouble() ? Value::number(0) : Value::integer(0);
  Value method = methodOf(object, name);
  if (!method.isUndefined())
    return method;
  if (object.isDict())
    if (const Value *value = object.dictionary().find(name))
      return *value;
  return missingAttribute(object, name);
}

Value TemplateInterpreter::item(const Value &object, const Value &key) {
  if (object.isUndefined())
    failUndefined(object);
  if (object.isDict())
    if (const Value *value = object.dictionary().find(key))
      return *value;
  bool sequence = object.is(Kind::List) || object.is(Kind::Tuple) || object.is(Kind::Range);
  if (key.isIntegral() && (sequence || object.isString())) {
    int64_t index = key.asInt();
    int64_t size = sequence ? static_cast<int64_t>(object.items().size()) : 0;
    if (object.isString()) {
      budget_.step(object.text().size() / 16);
      size = static_cast<int64_t>(countCodePoints(object.text().bytes()));
    }
    if (index < 0)
      index += size;
    if (index >= 0 && index < size) {
      if (sequence)
        return object.items()[static_cast<size_t>(index)];
      const std::string &bytes = object.text().bytes();
      size_t begin = codePointOffset(bytes, static_cast<size_t>(index)), length;
      decodeUtf8(bytes, begin, length);
      return makeText(object.text().slice(begin, begin + length));
    }
  }
  if (key.isString()) {
    Value found = attribute(object, key.text().bytes());
    if (!found.isUndefined())
      return found;
    return missingAttribute(object, key.text().bytes());
  }
  std::string type = object.isNone() ? "None" : std::string(pythonTypeName(object)) + " object";
  MarkedText shown;
  if (key.kind() < Kind::Range)
    appendRepr(shown, key, budget_);
  return Value::undefined(format("%s has no element %s", type.c_str(), shown.bytes().c_str()));
}

namespace {

/// Bounds of object[start:stop:step] over `size` elements, as Python's slice.indices().
struct SliceBounds {
  int64_t start, stop, step;
};

int64_t sliceIndex(const Value &value) {
  if (!value.isIntegral())
    failTemplate("slice indices must be integers or None or have an __index__ method");
  return value.asInt();
}

SliceBounds sliceBounds(const Value &start, const Value &stop, const Value &step, int64_t size) {
  SliceBounds out;
  out.step = step.isNone() ? 1 : sliceIndex(step);
  if (out.step == 0)
    failTemplate("slice step cannot be zero");
  out.step = std::max(out.step, -INT64_MAX);
  int64_t low = out.step < 0 ? -1 : 0, high = out.step < 0 ? size - 1 : size;
  auto clamp = [&](const Value &value, int64_t absent) {
    if (value.isNone())
      return absent;
    int64_t i = sliceIndex(value);
    return i < 0 ? std::max(i + size, low) : std::min(i, high);
  };
  out.start = clamp(start, out.step < 0 ? high : low);
  out.stop = clamp(stop, out.step < 0 ? low : high);
  return out;
}

/// The selected indices, in order.
std::vector<size_t> sliceIndices(const SliceBounds &b) {
  std::vector<size_t> out;
  for (int64_t i = b.start; b.step > 0 ? i < b.stop : i > b.stop;) {
    out.push_back(static_cast<size_t>(i));
    if (__builtin_add_overflow(i, b.step, &i))
      break;
  }
  return out;
}

} // namespace

Value TemplateInterpreter::evaluateSlice(const TemplateNode &node) {
  Value object = evaluate(program_.child(node, 0));
  Value part[3];
  for (uint32_t i = 0; i < 3; ++i)
    part[i] = evaluate(program_.child(node, i + 1));
  if (object.isUndefined())
    failUndefined(object);
  if (object.isString()) {
    const MarkedText &text = object.text();
    budget_.bytes(text.size());
    std::vector<size_t> offsets;
    for (size_t pos = 0, size; pos < text.size(); pos += size) {
      offsets.push_back(pos);
      decodeUtf8(text.bytes(), pos, size);
    }
    size_t count = offsets.size();
    offsets.push_back(text.size());
    SliceBounds bounds = sliceBounds(part[0], part[1], part[2], static_cast<int64_t>(count));
    if (bounds.step == 1 && bounds.start < bounds.stop)
      return makeText(text.slice(offsets[static_cast<size_t>(bounds.start)],
                                 offsets[static_cast<size_t>(bounds.stop)]));
    MarkedText out;
    if (text.markup())
      out.setMarkup();
    for (size_t i : sliceIndices(bounds))
      out.appendSlice(text, offsets[i], offsets[i + 1]);
    return makeText(std::move(out));
  }
  if (!object.is(Kind::List) && !object.is(Kind::Tuple) && !object.is(Kind::Range))
    failTemplate(object.isDict()
                     ? std::string("unhashable type: 'slice'")
                     : format("'%s' object is not subscriptable", pythonTypeName(object)));
  const std::vector<Value> &source = object.items();
  SliceBounds bounds = sliceBounds(part[0], part[1], part[2], static_cast<int64_t>(source.size()));
  if (object.is(Kind::Range)) {
    const int64_t *r = object.rangeBounds();
    budget_.bytes(source.size() * sizeof(Value));
    auto at = [&](int64_t index) {
      int64_t offset, value;
      if (__builtin_mul_overflow(index, r[2], &offset) ||
          __builtin_add_overflow(r[0], offset, &value))
        failTemplate("a slice of a range leaves 64 bits");
      return value;
    };
    int64_t step;
    if (__builtin_mul_overflow(r[2], bounds.step, &step))
      failTemplate("a slice of a range leaves 64 bits");
    return Value::range(at(bounds.start), at(bounds.stop), step);
  }
  std::vector<Value> items;
  for (size_t i : sliceIndices(bounds))
    items.push_back(source[i]);
  return object.is(Kind::List) ? makeList(std::move(items)) : makeTuple(std::move(items));
}

TemplateArguments TemplateInterpreter::evaluateArguments(const TemplateNode &node) {
  TemplateArguments args;
  for (uint32_t i = 1; i < node.linkCount; ++i) {
    const TemplateNode &child = program_.child(node, i);
    if (child.op == Op::Keyword)
      args.keywords.emplace_back(program_.name(child), evaluate(program_.child(child, 0)));
    else
      args.positional.push_back(evaluate(child));
  }
  return args;
}

Value TemplateInterpreter::evaluateCall(const TemplateNode &node) {
  Value callee = evaluate(program_.child(node, 0));
  return call(callee, evaluateArguments(node));
}

Value TemplateInterpreter::call(const Value &callee, const TemplateArguments &args) {
  switch (callee.kind()) {
  case Kind::Undefined:
    failUndefined(callee);
  case Kind::Macro:
    return callMacro(callee.object<MacroObject>(), args);
  case Kind::Method: {
    auto &method = callee.object<MethodObject>();
    if (!method.entry)
      failTemplate(format("the method '%s' is not supported", method.name.c_str()));
    auto bound = bindArguments("method", method.entry->signature, args);
    return method.entry->call(*this, method.self, bound, args);
  }
  case Kind::Function: {
    const BuiltinEntry &entry = templateFunctions()[static_cast<size_t>(callee.asInt())];
    auto bound = bindArguments("function", entry.signature, args);
    return entry.call(*this, Value(), bound, args);
  }
  default:
    failTemplate(format("'%s' object is not callable", pythonTypeName(callee)));
  }
}

Value TemplateInterpreter::filter(uint32_t index, const Value &subject,
                                  const TemplateArguments &args) {
  const BuiltinEntry &entry = templateFilters()[index];
  return entry.call(*this, subject, bindArguments("filter", entry.signature, args), args);
}

Value TemplateInterpreter::test(uint32_t index, const Value &subject,
                                const TemplateArguments &args) {
  const BuiltinEntry &entry = templateTests()[index];
  return entry.call(*this, subject, bindArguments("test", entry.signature, args), args);
}

Value TemplateInterpreter::loopAttribute(const Value &value, const std::string &name) {
  LoopObject &loop = value.object<LoopObject>();
  if (name == "index")
    return Value::integer(loop.index0 + 1);
  if (name == "index0")
    return Value::integer(loop.index0);
  if (name == "first")
    return Value::boolean(loop.index0 == 0);
  if (name == "last")
    return Value::boolean(!peek(loop));
  if (name == "length")
    return Value::integer(loopLength(loop));
  if (name == "revindex")
    return Value::integer(loopLength(loop) - loop.index0);
  if (name == "revindex0")
    return Value::integer(loopLength(loop) - loop.index0 - 1);
  if (name == "previtem")
    return loop.index0 == 0 ? Value::undefined("there is no previous item") : loop.previous;
  if (name == "nextitem")
    return peek(loop) ? loop.ahead[loop.aheadUsed] : Value::undefined("there is no next item");
  if (name == "depth")
    return Value::integer(1);
  if (name == "depth0")
    return Value::integer(0);
  Value method = methodOf(value, name);
  return method.isUndefined() ? missingAttribute(value, name) : method;
}

} // namespace axiom
