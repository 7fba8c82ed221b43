#include "runtime/text/TemplateFormatting.h"

#include "runtime/text/TemplateUnicode.h"

#include <charconv>
#include <cmath>

namespace axiom {

using Kind = Value::Kind;

namespace {

/// Width and precision beyond this are refused before any padding is made.
constexpr int maxWidth = 100000;
constexpr int maxPrecision = 1000;

struct FormatSpec {
  std::string fill = " ";
  char align = '\0'; ///< < > ^ = or none
  char sign = '-';
  bool alternate = false;
  bool zero = false;
  char group = '\0'; ///< , or _
  int width = 0;
  int precision = -1;
  char type = '\0';
};

/// Digits at `pos`, or -1 when there are none.
int readNumber(std::string_view text, size_t &pos, int limit) {
  if (pos >= text.size() || text[pos] < '0' || text[pos] > '9')
    return -1;
  int value = 0;
  while (pos < text.size() && text[pos] >= '0' && text[pos] <= '9') {
    value = value * 10 + (text[pos++] - '0');
    if (value > limit)
      failTemplate(format("a format width or precision is over %d", limit));
  }
  return value;
}

std::string integerDigits(int64_t value, int base, bool upper) {
  char buffer[72];
  uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  auto end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, base);
  std::string digits(buffer, end.ptr);
  if (upper)
    digits = toUpper(digits);
  return digits;
}

std::string grouped(const std::string &digits, char separator, size_t every) {
  size_t whole = 0;
  while (whole < digits.size() && std::isxdigit(static_cast<unsigned char>(digits[whole])))
    ++whole;
  std::string out;
  for (size_t i = 0; i < whole; ++i) {
    if (i && (whole - i) % every == 0)
      out += separator;
    out += digits[i];
  }
  return out + digits.substr(whole);
}

/// Pads sign + prefix + body to the width.
MarkedText pad(TemplateInterpreter &interpreter, const FormatSpec &spec, const std::string &prefix,
               const MarkedText &body, char defaultAlign) {
  size_t length = countCodePoints(prefix) + countCodePoints(body.bytes());
  size_t missing = spec.width > 0 && static_cast<size_t>(spec.width) > length
                       ? static_cast<size_t>(spec.width) - length
                       : 0;
  interpreter.budget().bytes(body.size() + missing * spec.fill.size());
  char align = spec.align ? spec.align : spec.zero ? '=' : defaultAlign;
  std::string fill = spec.align || !spec.zero ? spec.fill : "0";
  size_t before = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  MarkedText out;
  auto repeat = [&](size_t n) {
    for (size_t i = 0; i < n; ++i)
      out.append(fill);
  };
  if (align == '=') {
    out.append(prefix);
    repeat(before);
  } else {
    repeat(before);
    out.append(prefix);
  }
  out.append(body);
  repeat(missing - before);
  return out;
}

std::string signOf(bool negative, char sign) {
  return negative ? "-" : sign == '+' ? "+" : sign == ' ' ? " " : "";
}

MarkedText formatInteger(TemplateInterpreter &interpreter, const FormatSpec &spec, int64_t value) {
  int base = spec.type == 'x' || spec.type == 'X' ? 16
             : spec.type == 'o'                   ? 8
             : spec.type == 'b'                   ? 2
                                                  : 10;
  std::string digits = integerDigits(value, base, spec.type == 'X');
  if (spec.precision > 0 && digits.size() < static_cast<size_t>(spec.precision))
    digits.insert(0, static_cast<size_t>(spec.precision) - digits.size(), '0');
  std::string prefix = signOf(value < 0, spec.sign);
  if (spec.alternate && base != 10)
    prefix += std::string("0") + spec.type;
  if (spec.group)
    digits = grouped(digits, spec.group, base == 10 ? 3 : 4);
  return pad(interpreter, spec, prefix, MarkedText(digits), '>');
}

MarkedText formatFloat(TemplateInterpreter &interpreter, const FormatSpec &spec, double value) {
  bool percent = spec.type == '%';
  int precision = spec.precision < 0 ? 6 : spec.precision;
  double magnitude = std::fabs(value) * (percent ? 100 : 1);
  std::string digits =
      formatDouble(magnitude, percent ? 'f' : spec.type, precision, spec.alternate);
  if (percent)
    digits += '%';
  if (spec.group)
    digits = grouped(digits, spec.group, 3);
  return pad(interpreter, spec, signOf(std::signbit(value) && !std::isnan(value), spec.sign),
             MarkedText(digits), '>');
}

MarkedText formatText(TemplateInterpreter &interpreter, const FormatSpec &spec,
                      const MarkedText &text) {
  if (spec.precision < 0)
    return pad(interpreter, spec, "", text, '<');
  size_t end = codePointOffset(text.bytes(), static_cast<size_t>(spec.precision));
  return pad(interpreter, spec, "", text.slice(0, end), '<');
}

bool isFloatType(char type) {
  return std::string_view("fFeEgG").find(type) != std::string_view::npos && type != '\0';
}

int64_t percentInteger(const Value &value, char type) {
  if (value.isIntegral())
    return value.asInt();
  if (value.isDouble() && type != 'x' && type != 'X' && type != 'o' && value.asDouble() > -9.2e18 &&
      value.asDouble() < 9.2e18)
    return static_cast<int64_t>(value.asDouble());
  if (value.isUndefined())
    failUndefined(value);
  failTemplate(format("%%%c format: %s is required, not %s", type,
                      type == 'd' || type == 'i' || type == 'u' ? "a real number" : "an integer",
                      pythonTypeName(value)));
}

/// The next value for a conversion: by key, by position, or the only one.
class PercentValues {
public:
  explicit PercentValues(const Value &values)
      : values_(values), tuple_(values.is(Kind::Tuple)), mapping_(values.isDict()),
        subscripted_(mapping_ || values.is(Kind::List) || values.is(Kind::Range) ||
                     values.isUndefined()) {}

  Value next() {
    if (tuple_ ? used_ >= values_.items().size() : used_ > 0)
      failTemplate("not enough arguments for format string");
    return tuple_ ? values_.items()[used_++] : (++used_, values_);
  }
  Value keyed(const std::string &key) {
    if (!mapping_)
      failTemplate("format requires a mapping");
    const Value *value = values_.dictionary().find(key);
    if (!value)
      failTemplate("the format string names a missing key " + quoted(key));
    return *value;
  }
  void finish() const {
    bool left = tuple_ ? used_ < values_.items().size() : used_ == 0 && !subscripted_;
    if (left)
      failTemplate("not all arguments converted during string formatting");
  }

private:
  const Value &values_;
  bool tuple_, mapping_;
  /// What Python takes for a mapping here, and so does not ask whether it was used.
  bool subscripted_;
  size_t used_ = 0;
};

} // namespace

std::string formatDouble(double value, char style, int precision, bool alternate) {
  if (std::isnan(value) || std::isinf(value)) {
    std::string text = std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    return style == 'F' || style == 'E' || style == 'G' ? toUpper(text) : text;
  }
  // The C library prints the exact decimal value, correctly rounded, on every target.
  const char pattern[] = {'%',
                          alternate ? '#' : '.',
                          alternate ? '.' : '*',
                          alternate ? '*' : style,
                          alternate ? style : '\0',
                          '\0'};
  char buffer[400 + maxPrecision];
  int length =
      std::snprintf(buffer, sizeof buffer, pattern, std::min(precision, maxPrecision), value);
  return std::string(buffer, static_cast<size_t>(length));
}

MarkedText formatPercent(TemplateInterpreter &interpreter, const MarkedText &text,
                         const Value &values) {
  const std::string &s = text.bytes();
  PercentValues args(values);
  MarkedText out;
  size_t pos = 0;
  while (pos < s.size()) {
    size_t percent = std::min(s.find('%', pos), s.size());
    interpreter.budget().bytes(percent - pos + 1);
    out.appendSlice(text, pos, percent);
    pos = percent + 1;
    if (percent == s.size())
      break;
    std::optional<Value> keyed;
    if (pos < s.size() && s[pos] == '(') {
      size_t close = s.find(')', pos);
      if (close == std::string::npos)
        failTemplate("incomplete format key");
      keyed = args.keyed(s.substr(pos + 1, close - pos - 1));
      pos = close + 1;
    }
    FormatSpec spec;
    for (; pos < s.size() && std::string_view("-+ #0").find(s[pos]) != std::string_view::npos;
         ++pos) {
      if (s[pos] == '-')
        spec.align = '<';
      else if (s[pos] == '#')
        spec.alternate = true;
      else if (s[pos] == '0')
        spec.zero = true;
      else if (spec.sign != '+')
        spec.sign = s[pos];
    }
    spec.width = std::max(0, readNumber(s, pos, maxWidth));
    if (pos < s.size() && s[pos] == '.')
      spec.precision = std::max(0, readNumber(s, ++pos, maxPrecision));
    if (pos >= s.size())
      failTemplate("incomplete format");
    spec.type = s[pos++];
    if (spec.type == '%') {
      out.append("%");
      continue;
    }
    if (std::string_view("srdiuxXocfFeEgG").find(spec.type) == std::string_view::npos)
      failTemplate(format("unsupported format character '%c'", spec.type));
    Value value = keyed ? *keyed : args.next();
    char defaultAlign = '>';
    if (spec.type == 's' || spec.type == 'r' || spec.type == 'c') {
      MarkedText shown;
      if (spec.type == 'r')
        appendRepr(shown, value, interpreter.budget());
      else if (spec.type == 'c' && value.isIntegral() && value.asInt() >= 0 &&
               value.asInt() < 0x110000) {
        std::string point;
        appendUtf8(point, static_cast<uint32_t>(value.asInt()));
        shown = MarkedText(point);
      } else if (spec.type == 'c' &&
                 !(value.isString() && countCodePoints(value.text().bytes()) == 1)) {
        failTemplate("%c requires int or char");
      } else {
        shown = interpreter.str(value);
      }
      if (spec.type != 'c' && spec.precision >= 0)
        shown = shown.slice(0, codePointOffset(shown.bytes(), static_cast<size_t>(spec.precision)));
      spec.zero = false;
      out.append(pad(interpreter, spec, "", shown, defaultAlign));
    } else if (isFloatType(spec.type)) {
      if (value.isUndefined())
        failUndefined(value);
      if (!value.isNumber())
        failTemplate(format("must be real number, not %s", pythonTypeName(value)));
      out.append(formatFloat(interpreter, spec, value.asDouble()));
    } else {
      int64_t number = percentInteger(value, spec.type);
      if (std::string_view("diu").find(spec.type) != std::string_view::npos)
        spec.type = 'd';
      out.append(formatInteger(interpreter, spec, number));
    }
  }
  args.finish();
  return out;
}

namespace {

FormatSpec parseSpec(const std::string &s) {
  FormatSpec spec;
  size_t pos = 0, size = 1;
  if (!s.empty())
    decodeUtf8(s, 0, size);
  auto isAlign = [&](size_t i) {
    return i < s.size() && std::string_view("<>=^").find(s[i]) != std::string_view::npos;
  };
  if (!s.empty() && isAlign(size)) {
    spec.fill = s.substr(0, size);
    spec.align = s[size];
    pos = size + 1;
  } else if (isAlign(0)) {
    spec.align = s[pos++];
  }
  if (pos < s.size() && std::string_view("+- ").find(s[pos]) != std::string_view::npos)
    spec.sign = s[pos++];
  if (pos < s.size() && s[pos] == '#')
    spec.alternate = true, ++pos;
  if (pos < s.size() && s[pos] == '0')
    spec.zero = true, ++pos;
  spec.width = std::max(0, readNumber(s, pos, maxWidth));
  if (pos < s.size() && (s[pos] == ',' || s[pos] == '_'))
    spec.group = s[pos++];
  if (pos < s.size() && s[pos] == '.') {
    ++pos;
    spec.precision = readNumber(s, pos, maxPrecision);
    if (spec.precision < 0)
      failTemplate("Format specifier missing precision");
  }
  if (pos < s.size())
    spec.type = s[pos++];
  if (pos != s.size())
    failTemplate("Invalid format specifier " + quoted(s));
  return spec;
}

MarkedText formatValue(TemplateInterpreter &interpreter, const Value &value,
                       const std::string &specText) {
  if (specText.empty())
    return interpreter.str(value);
  FormatSpec spec = parseSpec(specText);
  bool number = value.isNumber();
  auto wrong = [&]() {
    failTemplate(format("unsupported format string '%s' for object of type '%s'", specText.c_str(),
                        pythonTypeName(value)));
  };
  if (spec.group && spec.zero)
    wrong();
  if (number && (isFloatType(spec.type) || spec.type == '%'))
    return formatFloat(interpreter, spec, value.asDouble());
  if (value.isIntegral() && (!value.is(Kind::Bool) || spec.type) && spec.precision < 0 &&
      std::string_view(std::string_view("\0dxXob", 6)).find(spec.type) != std::string_view::npos)
    return formatInteger(interpreter, spec, value.asInt());
  if (value.isDouble() && spec.type == '\0' && spec.precision < 0) {
    std::string digits = pythonDouble(std::fabs(value.asDouble()));
    if (spec.group)
      digits = grouped(digits, spec.group, 3);
    return pad(interpreter, spec, signOf(std::signbit(value.asDouble()), spec.sign),
               MarkedText(digits), '>');
  }
  bool textSpec = (spec.type == '\0' || spec.type == 's') && spec.sign == '-' && !spec.group &&
                  !spec.alternate && spec.align != '=';
  if (!value.isString() || !textSpec)
    wrong();
  if (spec.zero && !spec.align)
    spec.fill = "0", spec.align = '<';
  return formatText(interpreter, spec, value.text());
}

/// The value of a field name such as 0, name, name.attribute or name[key].
Value fieldValue(TemplateInterpreter &interpreter, const std::string &field, size_t &automatic,
                 const TemplateArguments &args) {
  size_t end = std::min(field.find_first_of(".["), field.size());
  std::string first = field.substr(0, end);
  Value value;
  size_t pos = 0;
  int index = readNumber(first, pos, 1 << 20);
  if (first.empty() || (index >= 0 && pos == first.size())) {
    size_t at = first.empty() ? automatic++ : static_cast<size_t>(index);
    if (at >= args.positional.size())
      failTemplate(format("Replacement index %zu out of range for positional args tuple", at));
    value = args.positional[at];
  } else {
    auto it = args.keywords.begin();
    while (it != args.keywords.end() && it->first != first)
      ++it;
    if (it == args.keywords.end())
      failTemplate("the format string names a missing key " + quoted(first));
    value = it->second;
  }
  for (pos = end; pos < field.size();) {
    bool bracket = field[pos] == '[';
    if (!bracket && field[pos] != '.')
      failTemplate("Only '.' or '[' may follow ']' in format field specifier");
    size_t stop =
        bracket ? field.find(']', pos) : std::min(field.find_first_of(".[", pos + 1), field.size());
    if (stop == std::string::npos)
      failTemplate("expected ']' in a format field");
    std::string name = field.substr(pos + 1, stop - pos - 1);
    if (name.empty())
      failTemplate("Empty attribute in format string");
    size_t digits = 0;
    int number = bracket ? readNumber(name, digits, 1 << 20) : -1;
    if (bracket)
      value = interpreter.item(value, number >= 0 && digits == name.size() ? Value::integer(number)
                                                                           : Value::string(name));
    else
      value = interpreter.attribute(value, name);
    pos = stop + bracket;
  }
  return value;
}

} // namespace

MarkedText formatBraces(TemplateInterpreter &interpreter, const MarkedText &text,
                        const TemplateArguments &args) {
  const std::string &s = text.bytes();
  MarkedText out;
  size_t automatic = 0;
  for (size_t pos = 0; pos < s.size();) {
    size_t brace = std::min(s.find_first_of("{}", pos), s.size());
    interpreter.budget().bytes(brace - pos + 1);
    out.appendSlice(text, pos, brace);
    pos = brace + 1;
    if (brace == s.size())
      break;
    if (pos < s.size() && s[pos] == s[brace]) {
      out.appendSlice(text, brace, pos);
      ++pos;
      continue;
    }
    if (s[brace] == '}')
      failTemplate("Single '}' encountered in format string");
    size_t close = s.find_first_of("{}", pos);
    if (close == std::string::npos || s[close] == '{')
      failTemplate(close == std::string::npos
                       ? "expected '}' before end of string"
                       : "a format field inside a format field is not supported");
    std::string field = s.substr(pos, close - pos), spec;
    pos = close + 1;
    if (size_t colon = field.find(':'); colon != std::string::npos) {
      spec = field.substr(colon + 1);
      field.resize(colon);
    }
    char conversion = '\0';
    if (size_t bang = field.find('!'); bang != std::string::npos) {
      if (bang + 2 != field.size() || (field[bang + 1] != 's' && field[bang + 1] != 'r'))
        failTemplate("only the conversions !s and !r are supported in a format field");
      conversion = field[bang + 1];
      field.resize(bang);
    }
    Value value = fieldValue(interpreter, field, automatic, args);
    if (conversion) {
      MarkedText shown;
      if (conversion == 'r')
        appendRepr(shown, value, interpreter.budget());
      else
        shown = interpreter.str(value);
      value = Value::string(std::move(shown));
    }
    out.append(formatValue(interpreter, value, spec));
  }
  return out;
}

} // namespace axiom
