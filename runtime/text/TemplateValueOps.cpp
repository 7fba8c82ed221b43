#include "runtime/text/TemplateValueOps.h"

#include "runtime/text/TemplateUnicode.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace axiom {

using Kind = Value::Kind;

const char *pythonTypeName(const Value &value) {
  switch (value.kind()) {
  case Kind::Undefined:
    return "Undefined";
  case Kind::None:
    return "NoneType";
  case Kind::Bool:
    return "bool";
  case Kind::Int:
  case Kind::BigInt:
    return "int";
  case Kind::Double:
    return "float";
  case Kind::String:
    return value.text().markup() ? "Markup" : "str";
  case Kind::List:
    return "list";
  case Kind::Tuple:
    return "tuple";
  case Kind::Dict:
    return "dict";
  case Kind::Range:
    return "range";
  case Kind::View:
    return value.asInt() == Value::Keys     ? "dict_keys"
           : value.asInt() == Value::Values ? "dict_values"
                                            : "dict_items";
  case Kind::Iterator:
    return "generator";
  case Kind::Namespace:
    return "Namespace";
  case Kind::Macro:
    return "Macro";
  case Kind::Method:
    return "builtin_function_or_method";
  case Kind::Function:
    return "function";
  case Kind::Loop:
    return "LoopContext";
  }
  return "object";
}

void failUndefined(const Value &value) {
  std::string why = value.undefinedReason();
  failTemplate(why.empty() ? "a value is undefined" : why);
}

bool isTruthy(const Value &value) {
  switch (value.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return false;
  case Kind::Bool:
  case Kind::Int:
    return value.asInt() != 0;
  case Kind::Double:
    return value.asDouble() != 0;
  case Kind::String:
    return value.text().size() != 0;
  case Kind::List:
  case Kind::Tuple:
  case Kind::Range:
  case Kind::View:
    return !value.items().empty();
  case Kind::Dict:
    return !value.dictionary().empty();
  default:
    return true;
  }
}

namespace {

/// -1, 0, 1, or 2 with a NaN. long double holds every int64 and every double on the supported
/// targets (64-bit mantissa or more).
int compareNumbers(const Value &a, const Value &b) {
  if (a.isIntegral() && b.isIntegral())
    return a.asInt() < b.asInt() ? -1 : a.asInt() > b.asInt();
  auto wide = [](const Value &v) {
    return v.isDouble() ? static_cast<long double>(v.asDouble())
                        : static_cast<long double>(v.asInt());
  };
  long double x = wide(a), y = wide(b);
  return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
}

bool isListLike(Kind kind) {
  return kind == Kind::List || kind == Kind::Tuple || kind == Kind::Range;
}

} // namespace

bool valuesEqual(const Value &a, const Value &b, TemplateBudget &budget) {
  budget.step();
  if (a.isNumber() && b.isNumber())
    return compareNumbers(a, b) == 0;
  if (a.kind() != b.kind())
    return false;
  switch (a.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return true;
  case Kind::BigInt:
    return a.text().bytes() == b.text().bytes();
  case Kind::String:
    budget.step(std::min(a.text().size(), b.text().size()) / 64);
    return a.text().bytes() == b.text().bytes();
  case Kind::List:
  case Kind::Tuple:
  case Kind::Range: {
    TemplateBudget::Level level(budget);
    if (a.items().size() != b.items().size())
      return false;
    for (size_t i = 0; i < a.items().size(); ++i)
      if (!valuesEqual(a.items()[i], b.items()[i], budget))
        return false;
    return true;
  }
  case Kind::Dict: {
    TemplateBudget::Level level(budget);
    if (a.dictionary().size() != b.dictionary().size())
      return false;
    for (const auto &[key, value] : a.dictionary().entries()) {
      const Value *other = b.dictionary().find(key);
      if (!other || !valuesEqual(value, *other, budget))
        return false;
    }
    return true;
  }
  case Kind::Function:
    return a.asInt() == b.asInt();
  default:
    return a.identity() == b.identity();
  }
}

int compareValues(const Value &a, const Value &b, const char *op, TemplateBudget &budget) {
  budget.step();
  if (a.isUndefined())
    failUndefined(a);
  if (b.isUndefined())
    failUndefined(b);
  if (a.isNumber() && b.isNumber())
    return compareNumbers(a, b);
  if (a.isString() && b.isString()) {
    budget.step(std::min(a.text().size(), b.text().size()) / 64);
    // The order of UTF-8 bytes is the order of code points.
    int order = a.text().bytes().compare(b.text().bytes());
    return order < 0 ? -1 : order > 0;
  }
  if (a.kind() == b.kind() && isListLike(a.kind()) && !a.is(Kind::Range)) {
    TemplateBudget::Level level(budget);
    const auto &x = a.items(), &y = b.items();
    for (size_t i = 0; i < x.size() && i < y.size(); ++i)
      if (!valuesEqual(x[i], y[i], budget))
        return compareValues(x[i], y[i], op, budget);
    return x.size() < y.size() ? -1 : x.size() > y.size();
  }
  failTemplate(format("'%s' not supported between instances of '%s' and '%s'", op,
                      pythonTypeName(a), pythonTypeName(b)));
}

std::string pythonDouble(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value > 0 ? "inf" : "-inf";
  char buffer[64];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  size_t e = text.find('e');
  int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
  std::string sign = text[0] == '-' ? "-" : "";
  std::string digits;
  for (char c : text.substr(0, e))
    if (c >= '0' && c <= '9')
      digits += c;
  if (exponent < -4 || exponent >= 16) {
    std::string out = sign + digits.substr(0, 1);
    if (digits.size() > 1)
      out += "." + digits.substr(1);
    out += format("e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
    return out;
  }
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  size_t whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole)
    return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

namespace {

void appendQuoted(MarkedText &out, const MarkedText &text, TemplateBudget *budget) {
  const std::string &s = text.bytes();
  bool single = s.find('\'') == std::string::npos || s.find('"') != std::string::npos;
  std::string escaped;
  escaped += single ? '\'' : '"';
  for (size_t pos = 0, size; pos < s.size(); pos += size) {
    uint32_t c = decodeUtf8(s, pos, size);
    if (c == '\\' || c == static_cast<uint32_t>(single ? '\'' : '"'))
      escaped += '\\', escaped += static_cast<char>(c);
    else if (c == '\n')
      escaped += "\\n";
    else if (c == '\r')
      escaped += "\\r";
    else if (c == '\t')
      escaped += "\\t";
    else if (c == 0xFFFFFFFF)
      escaped += format("\\x%02x", static_cast<uint8_t>(s[pos]));
    else if (isPythonPrintable(c))
      escaped.append(s, pos, size);
    else
      escaped += format(c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
  }
  escaped += single ? '\'' : '"';
  if (budget)
    budget->bytes(escaped.size());
  out.append(escaped, text.untrusted());
}

void appendSequence(MarkedText &out, const std::vector<Value> &items, TemplateBudget &budget) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i)
      out.append(", ");
    appendRepr(out, items[i], budget);
  }
}

void appendDict(MarkedText &out, const ValueDict &dict, TemplateBudget &budget) {
  out.append("{");
  bool first = true;
  for (const auto &[key, value] : dict.entries()) {
    if (!first)
      out.append(", ");
    first = false;
    appendRepr(out, key, budget);
    out.append(": ");
    appendRepr(out, value, budget);
  }
  out.append("}");
}

} // namespace

void appendRepr(MarkedText &out, const Value &value, TemplateBudget &budget) {
  TemplateBudget::Level level(budget);
  budget.step();
  // Brackets, separators and scalars; strings are charged as they are escaped.
  budget.bytes(8);
  switch (value.kind()) {
  case Kind::Undefined:
    return out.append("Undefined");
  case Kind::None:
    return out.append("None");
  case Kind::Bool:
    return out.append(value.asBool() ? "True" : "False");
  case Kind::Int:
    return out.append(std::to_string(value.asInt()));
  case Kind::BigInt:
    return out.append(value.text());
  case Kind::Double:
    return out.append(pythonDouble(value.asDouble()));
  case Kind::String:
    if (value.text().markup()) {
      out.append("Markup(");
      appendQuoted(out, value.text(), &budget);
      return out.append(")");
    }
    return appendQuoted(out, value.text(), &budget);
  case Kind::List:
    out.append("[");
    appendSequence(out, value.items(), budget);
    return out.append("]");
  case Kind::Tuple:
    out.append("(");
    appendSequence(out, value.items(), budget);
    return out.append(value.items().size() == 1 ? ",)" : ")");
  case Kind::Dict:
    return appendDict(out, value.dictionary(), budget);
  case Kind::Range: {
    const int64_t *b = value.rangeBounds();
    out.append("range(" + std::to_string(b[0]) + ", " + std::to_string(b[1]));
    return out.append(b[2] == 1 ? ")" : ", " + std::to_string(b[2]) + ")");
  }
  case Kind::View:
    out.append(std::string(pythonTypeName(value)) + "([");
    appendSequence(out, value.items(), budget);
    return out.append("])");
  case Kind::Namespace:
    out.append("<Namespace ");
    appendDict(out, value.object<NamespaceObject>().attributes, budget);
    return out.append(">");
  case Kind::Macro:
    return out.append("<Macro " + quoted(value.object<MacroHead>().name) + ">");
  case Kind::Iterator:
  case Kind::Method:
  case Kind::Function:
  case Kind::Loop:
    break;
  }
  // Python prints an address here, which is no text that a prompt can depend on.
  failTemplate(format("a %s cannot be turned into text%s", pythonTypeName(value),
                      value.is(Kind::Iterator) ? "; put `| list` after the filter" : ""));
}

void appendStr(MarkedText &out, const Value &value, TemplateBudget &budget) {
  if (value.isString()) {
    budget.bytes(value.text().size());
    out.append(value.text());
  } else if (!value.isUndefined()) {
    appendRepr(out, value, budget);
  }
}

MarkedText strOf(const Value &value, TemplateBudget &budget) {
  MarkedText out;
  appendStr(out, value, budget);
  return out;
}

std::string quoted(std::string_view text) {
  MarkedText out;
  appendQuoted(out, MarkedText(std::string(text)), nullptr);
  return out.takeBytes();
}

} // namespace axiom
