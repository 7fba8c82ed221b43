#include "runtime/text/TemplateOperators.h"

#include "runtime/text/TemplateFormatting.h"

#include <cmath>

namespace axiom {

using Kind = Value::Kind;

namespace {

constexpr const char *symbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void unsupported(TemplateBinary op, const Value &a, const Value &b) {
  failTemplate(format("unsupported operand type(s) for %s: '%s' and '%s'",
                      symbols[static_cast<int>(op)], pythonTypeName(a), pythonTypeName(b)));
}

[[noreturn]] void overflow() {
  failTemplate("integer arithmetic leaves 64 bits; templates here compute with 64-bit integers");
}

int64_t floorDivide(int64_t a, int64_t b) {
  if (b == -1) {
    int64_t r;
    if (__builtin_sub_overflow(int64_t{0}, a, &r))
      overflow();
    return r;
  }
  int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

/// Python's a % b: the sign of b. std::fmod is exact.
double floorModulo(double a, double b) {
  double m = std::fmod(a, b);
  if (m != 0)
    return (b < 0) != (m < 0) ? m + b : m;
  return std::copysign(0.0, b);
}

double floorDivideDouble(double a, double b) {
  double m = std::fmod(a, b);
  double div = (a - m) / b;
  if (m != 0 && (b < 0) != (m < 0))
    div -= 1.0;
  if (div == 0)
    return std::copysign(0.0, a / b);
  double whole = std::floor(div);
  return div - whole > 0.5 ? whole + 1.0 : whole;
}

/// a ** b with a non-negative b by squaring: exact for integers; for doubles the roundings of the
/// squarings stay (no libm: its last bit differs from machine to machine).
Value power(const Value &a, const Value &b) {
  if (!b.isIntegral() &&
      !(b.asDouble() == std::floor(b.asDouble()) && std::fabs(b.asDouble()) < 1e9))
    failTemplate("** with a broken exponent is not supported; whole exponents are");
  int64_t exponent = b.isIntegral() ? b.asInt() : static_cast<int64_t>(b.asDouble());
  uint64_t n = exponent < 0 ? 0 - static_cast<uint64_t>(exponent) : static_cast<uint64_t>(exponent);
  if (a.isIntegral() && b.isIntegral() && exponent >= 0) {
    int64_t result = 1, base = a.asInt();
    for (; n; n >>= 1) {
      if ((n & 1) && __builtin_mul_overflow(result, base, &result))
        overflow();
      if (n > 1 && __builtin_mul_overflow(base, base, &base))
        overflow();
    }
    return Value::integer(result);
  }
  double result = 1, base = a.asDouble();
  if (base == 0 && exponent < 0)
    failTemplate("0.0 cannot be raised to a negative power");
  for (; n; n >>= 1) {
    if (n & 1)
      result *= base;
    base *= base;
  }
  result = exponent < 0 ? 1 / result : result;
  if (std::isinf(result) && !std::isinf(a.asDouble()))
    failTemplate("(34, 'Numerical result out of range')");
  return Value::number(result);
}

Value arithmetic(TemplateBinary op, const Value &a, const Value &b) {
  using B = TemplateBinary;
  if (op == B::Pow)
    return power(a, b);
  bool divides = op == B::Div || op == B::FloorDiv || op == B::Mod;
  bool integral = a.isIntegral() && b.isIntegral();
  if (divides && b.asDouble() == 0)
    failTemplate(op == B::Div   ? integral ? "division by zero" : "float division by zero"
                 : integral     ? "integer division or modulo by zero"
                 : op == B::Mod ? "float modulo"
                                : "float floor division by zero");
  if (op == B::Div)
    return Value::number(a.asDouble() / b.asDouble());
  if (integral) {
    int64_t x = a.asInt(), y = b.asInt(), r = 0;
    bool over = op == B::Add   ? __builtin_add_overflow(x, y, &r)
                : op == B::Sub ? __builtin_sub_overflow(x, y, &r)
                : op == B::Mul ? __builtin_mul_overflow(x, y, &r)
                               : false;
    if (over)
      overflow();
    if (op == B::FloorDiv)
      r = floorDivide(x, y);
    if (op == B::Mod)
      r = y == -1 ? 0 : (x % y != 0 && (x < 0) != (y < 0)) ? x % y + y : x % y;
    return Value::integer(r);
  }
  double x = a.asDouble(), y = b.asDouble();
  switch (op) {
  case B::Add:
    return Value::number(x + y);
  case B::Sub:
    return Value::number(x - y);
  case B::Mul:
    return Value::number(x * y);
  case B::FloorDiv:
    return Value::number(floorDivideDouble(x, y));
  default:
    return Value::number(floorModulo(x, y));
  }
}

Value add(TemplateInterpreter &interpreter, const Value &a, const Value &b) {
  if (a.isString() || b.isString()) {
    if (!a.isString())
      unsupported(TemplateBinary::Add, a, b);
    if (!b.isString())
      failTemplate(format("can only concatenate str (not \"%s\") to str", pythonTypeName(b)));
    interpreter.budget().bytes(a.text().size() + b.text().size());
    bool markup = a.text().markup() || b.text().markup();
    MarkedText joined = markup ? escapeHtml(a.text()) : a.text();
    joined.append(markup ? escapeHtml(b.text()) : b.text());
    if (markup)
      joined.setMarkup();
    return Value::string(std::move(joined));
  }
  if (a.kind() == b.kind() && (a.is(Kind::List) || a.is(Kind::Tuple))) {
    interpreter.budget().bytes((a.items().size() + b.items().size()) * sizeof(Value));
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return a.is(Kind::List) ? interpreter.makeList(std::move(items))
                            : interpreter.makeTuple(std::move(items));
  }
  if (a.is(Kind::List) || a.is(Kind::Tuple))
    failTemplate(format("can only concatenate %s (not \"%s\") to %s", pythonTypeName(a),
                        pythonTypeName(b), pythonTypeName(a)));
  unsupported(TemplateBinary::Add, a, b);
}

/// text * n and list * n; the size is charged before anything is made.
Value repeat(TemplateInterpreter &interpreter, const Value &sequence, int64_t times) {
  uint64_t n = times > 0 ? static_cast<uint64_t>(times) : 0;
  uint64_t unit =
      sequence.isString() ? sequence.text().size() : sequence.items().size() * sizeof(Value);
  uint64_t total;
  if (__builtin_mul_overflow(n, unit, &total))
    total = UINT64_MAX;
  interpreter.budget().bytes(total);
  if (unit == 0)
    return sequence;
  if (sequence.isString()) {
    MarkedText text;
    for (uint64_t i = 0; i < n; ++i)
      text.append(sequence.text());
    return Value::string(std::move(text));
  }
  std::vector<Value> items;
  for (uint64_t i = 0; i < n; ++i)
    items.insert(items.end(), sequence.items().begin(), sequence.items().end());
  return sequence.is(Kind::List) ? interpreter.makeList(std::move(items))
                                 : interpreter.makeTuple(std::move(items));
}

bool isRepeatable(const Value &v) { return v.isString() || v.is(Kind::List) || v.is(Kind::Tuple); }

} // namespace

Value applyBinary(TemplateInterpreter &interpreter, TemplateBinary op, const Value &a,
                  const Value &b) {
  // "%" formats also an undefined: str % is asked first, as in Python.
  if (op == TemplateBinary::Mod && a.isString())
    return Value::string(formatPercent(interpreter, a.text(), b));
  if (a.isUndefined())
    failUndefined(a);
  if (b.isUndefined())
    failUndefined(b);
  if (a.isNumber() && b.isNumber())
    return arithmetic(op, a, b);
  if (a.is(Kind::BigInt) || b.is(Kind::BigInt))
    overflow();
  if (op == TemplateBinary::Add)
    return add(interpreter, a, b);
  if (op == TemplateBinary::Mul) {
    if (isRepeatable(a) && b.isIntegral())
      return repeat(interpreter, a, b.asInt());
    if (isRepeatable(b) && a.isIntegral())
      return repeat(interpreter, b, a.asInt());
    if (isRepeatable(a) || isRepeatable(b))
      failTemplate(format("can't multiply sequence by non-int of type '%s'",
                          pythonTypeName(isRepeatable(a) ? b : a)));
  }
  unsupported(op, a, b);
}

Value applyNegative(const Value &value) {
  if (value.isUndefined())
    failUndefined(value);
  if (value.isDouble())
    return Value::number(-value.asDouble());
  if (!value.isIntegral())
    failTemplate(format("bad operand type for unary -: '%s'", pythonTypeName(value)));
  int64_t r;
  if (__builtin_sub_overflow(int64_t{0}, value.asInt(), &r))
    overflow();
  return Value::integer(r);
}

Value applyPositive(const Value &value) {
  if (value.isUndefined())
    failUndefined(value);
  if (value.isDouble())
    return value;
  if (!value.isIntegral())
    failTemplate(format("bad operand type for unary +: '%s'", pythonTypeName(value)));
  return Value::integer(value.asInt());
}

MarkedText escapeHtml(const MarkedText &text) {
  if (text.markup())
    return text;
  const std::string &s = text.bytes();
  MarkedText out;
  size_t start = 0;
  for (size_t i = 0; i <= s.size(); ++i) {
    const char *entity = nullptr;
    switch (i < s.size() ? s[i] : '\0') {
    case '&':
      entity = "&amp;";
      break;
    case '<':
      entity = "&lt;";
      break;
    case '>':
      entity = "&gt;";
      break;
    case '\'':
      entity = "&#39;";
      break;
    case '"':
      entity = "&#34;";
      break;
    default:
      break;
    }
    if (!entity && i < s.size())
      continue;
    out.appendSlice(text, start, i);
    if (entity) {
      bool untrusted = text.slice(i, i + 1).untrusted();
      out.append(entity, untrusted);
    }
    start = i + 1;
  }
  out.setMarkup();
  return out;
}

} // namespace axiom
