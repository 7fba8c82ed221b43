// The tests that may follow `is`, and that select() and its relatives name.
#include "runtime/text/TemplateInterpreter.h"
#include "runtime/text/TemplateOperators.h"
#include "runtime/text/TemplateUnicode.h"

namespace axiom {

using Kind = Value::Kind;
using Interp = TemplateInterpreter;
using Bound = BoundArguments;
using Rest = TemplateArguments;

namespace {

template <Kind... kinds> Value isKind(Interp &, const Value &v, const Bound &, const Rest &) {
  return Value::boolean((v.is(kinds) || ...));
}

template <bool expected> Value isExactly(Interp &, const Value &v, const Bound &, const Rest &) {
  return Value::boolean(v.is(Kind::Bool) && v.asBool() == expected);
}

template <bool wanted> Value isEqual(Interp &in, const Value &v, const Bound &args, const Rest &) {
  return Value::boolean(in.equal(v, *args[0]) == wanted);
}

constexpr const char less[] = "<", lessEqual[] = "<=", greater[] = ">", greaterEqual[] = ">=";

template <const char *op>
Value isOrdered(Interp &in, const Value &v, const Bound &args, const Rest &) {
  int order = compareValues(v, *args[0], op, in.budget());
  std::string_view symbol(op);
  bool holds = order != 2 && ((order < 0 && symbol[0] == '<') || (order > 0 && symbol[0] == '>') ||
                              (order == 0 && symbol.size() == 2));
  return Value::boolean(holds);
}

template <int64_t remainder>
Value isParity(Interp &in, const Value &v, const Bound &, const Rest &) {
  Value rest = applyBinary(in, TemplateBinary::Mod, v, Value::integer(2));
  return Value::boolean(in.equal(rest, Value::integer(remainder)));
}

Value isDivisible(Interp &in, const Value &v, const Bound &args, const Rest &) {
  Value rest = applyBinary(in, TemplateBinary::Mod, v, *args[0]);
  return Value::boolean(in.equal(rest, Value::integer(0)));
}

Value isIn(Interp &in, const Value &v, const Bound &args, const Rest &) {
  return Value::boolean(in.contains(*args[0], v));
}

Value isIterable(Interp &, const Value &v, const Bound &, const Rest &) {
  return Value::boolean(v.hasItems() || v.isString() || v.isDict() || v.isUndefined() ||
                        v.is(Kind::Iterator) || v.is(Kind::Loop));
}

/// len() and indexing: also strings, dicts, and undefined, which has both as methods.
Value isSequence(Interp &, const Value &v, const Bound &, const Rest &) {
  return Value::boolean((v.hasItems() && !v.is(Kind::View)) || v.isString() || v.isDict() ||
                        v.isUndefined());
}

Value isCallable(Interp &, const Value &v, const Bound &, const Rest &) {
  // jinja2's Undefined has __call__, and so has the loop variable.
  return Value::boolean(v.is(Kind::Macro) || v.is(Kind::Method) || v.is(Kind::Function) ||
                        v.isUndefined() || v.is(Kind::Loop));
}

/// str.islower / str.isupper: some letter of that case, and none of another.
template <bool lower> Value isCase(Interp &in, const Value &v, const Bound &, const Rest &) {
  std::string text = in.str(v).takeBytes();
  bool found = false;
  for (size_t pos = 0, size; pos < text.size(); pos += size) {
    uint32_t c = decodeUtf8(text, pos, size);
    if (isTitleCase(c) || (lower ? isUpperCase(c) : isLowerCase(c)))
      return Value::boolean(false);
    found |= lower ? isLowerCase(c) : isUpperCase(c);
  }
  return Value::boolean(found);
}

Value isDefined(Interp &, const Value &v, const Bound &, const Rest &) {
  return Value::boolean(!v.isUndefined());
}

constexpr BuiltinEntry table[] = {
    {{"!=", "/other", 1}, isEqual<false>},
    {{"<", "/other", 1}, isOrdered<less>},
    {{"<=", "/other", 1}, isOrdered<lessEqual>},
    {{"==", "/other", 1}, isEqual<true>},
    {{">", "/other", 1}, isOrdered<greater>},
    {{">=", "/other", 1}, isOrdered<greaterEqual>},
    {{"boolean", "", 0}, isKind<Kind::Bool>},
    {{"callable", "", 0}, isCallable},
    {{"defined", "", 0}, isDefined},
    {{"divisibleby", "num", 1}, isDivisible},
    {{"eq", "/other", 1}, isEqual<true>},
    {{"equalto", "/other", 1}, isEqual<true>},
    {{"even", "", 0}, isParity<0>},
    {{"false", "", 0}, isExactly<false>},
    {{"float", "", 0}, isKind<Kind::Double>},
    {{"ge", "/other", 1}, isOrdered<greaterEqual>},
    {{"greaterthan", "/other", 1}, isOrdered<greater>},
    {{"gt", "/other", 1}, isOrdered<greater>},
    {{"in", "seq", 1}, isIn},
    {{"integer", "", 0}, isKind<Kind::Int, Kind::BigInt>},
    {{"iterable", "", 0}, isIterable},
    {{"le", "/other", 1}, isOrdered<lessEqual>},
    {{"lessthan", "/other", 1}, isOrdered<less>},
    {{"lower", "", 0}, isCase<true>},
    {{"lt", "/other", 1}, isOrdered<less>},
    {{"mapping", "", 0}, isKind<Kind::Dict>},
    {{"ne", "/other", 1}, isEqual<false>},
    {{"none", "", 0}, isKind<Kind::None>},
    {{"number", "", 0}, isKind<Kind::Bool, Kind::Int, Kind::BigInt, Kind::Double>},
    {{"odd", "", 0}, isParity<1>},
    {{"sequence", "", 0}, isSequence},
    {{"string", "", 0}, isKind<Kind::String>},
    {{"true", "", 0}, isExactly<true>},
    {{"undefined", "", 0}, isKind<Kind::Undefined>},
    {{"upper", "", 0}, isCase<false>},
};

} // namespace

std::span<const BuiltinEntry> templateTests() { return table; }

} // namespace axiom
