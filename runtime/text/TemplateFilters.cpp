// The table of filters, and those that work on one text or number.
#include "runtime/text/TemplateFilters.h"

#include "runtime/text/TemplateFormatting.h"
#include "runtime/text/TemplateOperators.h"
#include "runtime/text/TemplateStringMethods.h"
#include "runtime/text/TemplateUnicode.h"
#include "runtime/text/ValueJson.h"

#include <charconv>
#include <cmath>

namespace axiom {

using Kind = Value::Kind;

int64_t integerArgument(const std::optional<Value> &arg, int64_t otherwise, const char *name) {
  if (!arg)
    return otherwise;
  if (!arg->isIntegral())
    failTemplate(format("argument '%s' must be an integer, not %s", name, pythonTypeName(*arg)));
  return arg->asInt();
}

namespace {

#define FILTER(NAME)                                                                               \
  Value NAME([[maybe_unused]] TemplateInterpreter &in, [[maybe_unused]] const Value &subject,      \
             [[maybe_unused]] const BoundArguments &args,                                          \
             [[maybe_unused]] const TemplateArguments &rest)

FILTER(absolute) {
  if (subject.isUndefined())
    failUndefined(subject);
  if (subject.isDouble())
    return Value::number(std::fabs(subject.asDouble()));
  if (!subject.isIntegral())
    failTemplate(format("bad operand type for abs(): '%s'", pythonTypeName(subject)));
  return subject.asInt() < 0 ? applyNegative(subject) : applyPositive(subject);
}

/// str(subject), except that markup stays markup.
MarkedText softText(TemplateInterpreter &in, const Value &subject) {
  return subject.isString() ? subject.text() : in.str(subject);
}

/// The subject's text converted; the whole result is marked if any of the source was.
template <std::string (*convert)(std::string_view)> FILTER(convertText) {
  MarkedText text = softText(in, subject);
  MarkedText out(convert(text.bytes()), text.untrusted());
  if (text.markup())
    out.setMarkup();
  return in.makeText(std::move(out));
}

/// jinja2's title: a word begins after white space and any of - ( { [ <.
std::string titleWords(std::string_view text) {
  std::string out;
  bool atStart = true;
  for (size_t pos = 0, size; pos < text.size(); pos += size) {
    uint32_t c = decodeUtf8(text, pos, size);
    bool separates = isPythonSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    if (separates || c == 0xFFFFFFFF)
      out += text.substr(pos, size);
    else
      (atStart ? appendUpper : appendLower)(out, c);
    atStart = separates;
  }
  return out;
}

FILTER(defaultValue) {
  bool replace = subject.isUndefined() || (isSet(args[1]) && !isTruthy(subject));
  return replace ? (args[0] ? *args[0] : in.makeText("")) : subject;
}

FILTER(escapeText) {
  if (subject.isString() && subject.text().markup())
    return subject;
  MarkedText text = in.str(subject);
  in.budget().bytes(text.size() * 6);
  return Value::string(escapeHtml(text));
}

FILTER(markSafe) {
  MarkedText text = in.str(subject);
  text.setMarkup();
  return Value::string(std::move(text));
}

/// Text without white space around it and underscores between digits, as int() and float() read it.
std::string numberText(std::string_view text) {
  text = text.substr(0, skipSpaceBackward(text));
  text.remove_prefix(std::min(skipSpaceForward(text), text.size()));
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    bool between = text[i] == '_' && i > 0 && i + 1 < text.size() &&
                   std::isalnum(static_cast<unsigned char>(text[i - 1])) &&
                   std::isalnum(static_cast<unsigned char>(text[i + 1]));
    if (!between)
      out += text[i];
  }
  return out;
}

std::optional<double> parseDouble(std::string_view source) {
  std::string text = toLower(numberText(source));
  std::string_view rest = text;
  bool negative = rest.starts_with("-");
  if (negative || rest.starts_with("+"))
    rest.remove_prefix(1);
  double value = 0;
  if (rest == "inf" || rest == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (rest == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    if (rest.empty() || !(std::isdigit(static_cast<unsigned char>(rest[0])) || rest[0] == '.'))
      return std::nullopt;
    auto result = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (result.ptr != rest.data() + rest.size() || result.ec == std::errc::invalid_argument)
      return std::nullopt;
    if (result.ec == std::errc::result_out_of_range)
      value = std::strtod(std::string(rest).c_str(), nullptr);
  }
  return negative ? -value : value;
}

/// int(text, base); nullopt where Python raises ValueError.
std::optional<Value> parseInteger(std::string_view source, int64_t base) {
  if (base != 0 && (base < 2 || base > 36))
    return std::nullopt;
  std::string text = toLower(numberText(source));
  bool negative = text.starts_with("-");
  if (negative || text.starts_with("+"))
    text.erase(0, 1);
  auto prefix = [&](const char *mark, int64_t of) {
    if (text.starts_with(mark) && (base == of || base == 0)) {
      text.erase(0, 2);
      base = of;
    }
  };
  prefix("0x", 16);
  prefix("0o", 8);
  prefix("0b", 2);
  if (base == 0) {
    if (text.size() > 1 && text[0] == '0' && text.find_first_not_of('0') != std::string::npos)
      return std::nullopt;
    base = 10;
  }
  uint64_t value = 0;
  auto result =
      std::from_chars(text.data(), text.data() + text.size(), value, static_cast<int>(base));
  if (result.ptr != text.data() + text.size() || result.ec == std::errc::invalid_argument)
    return std::nullopt;
  if (result.ec == std::errc::result_out_of_range ||
      value > static_cast<uint64_t>(INT64_MAX) + negative)
    failTemplate("an integer leaves 64 bits");
  return Value::integer(static_cast<int64_t>(negative ? 0 - value : value));
}

FILTER(toInteger) {
  Value otherwise = args[0] ? *args[0] : Value::integer(0);
  if (subject.isUndefined())
    failUndefined(subject);
  if (subject.isIntegral())
    return Value::integer(subject.asInt());
  if (subject.is(Kind::BigInt))
    return subject;
  std::optional<double> d;
  if (subject.isDouble())
    d = subject.asDouble();
  if (subject.isString()) {
    in.budget().step(subject.text().size() / 16);
    const std::string &text = subject.text().bytes();
    if (auto value = parseInteger(text, integerArgument(args[1], 10, "base")))
      return *value;
    d = parseDouble(text);
  }
  if (!d || std::isnan(*d))
    return otherwise;
  if (std::isinf(*d)) {
    // int(inf) raises OverflowError, which the filter does not catch on its first try.
    if (subject.isDouble())
      failTemplate("cannot convert float infinity to integer");
    return otherwise;
  }
  if (*d <= -9223372036854775808.0 || *d >= 9223372036854775808.0)
    failTemplate("an integer leaves 64 bits");
  return Value::integer(static_cast<int64_t>(*d));
}

FILTER(toDouble) {
  if (subject.isUndefined())
    failUndefined(subject);
  if (subject.isNumber())
    return Value::number(subject.asDouble());
  std::optional<double> d;
  if (subject.isString() || subject.is(Kind::BigInt))
    d = parseDouble(subject.text().bytes());
  return d ? Value::number(*d) : args[0] ? *args[0] : Value::number(0.0);
}

FILTER(percentFormat) {
  if (!rest.keywords.empty() && !rest.positional.empty())
    failTemplate("can't handle positional and keyword arguments at the same time");
  MarkedText text = in.str(subject);
  if (rest.keywords.empty())
    return Value::string(formatPercent(in, text, in.makeTuple(rest.positional)));
  ValueDict named;
  for (const auto &[name, value] : rest.keywords)
    named.set(name, value);
  return Value::string(formatPercent(in, text, in.makeDict(std::move(named))));
}

FILTER(fromJson) {
  if (!subject.isString())
    failTemplate(
        format("the JSON object must be str, bytes or bytearray, not %s", pythonTypeName(subject)));
  JsonParseOptions options;
  options.untrusted = subject.text().untrusted();
  options.allowNonFinite = true;
  in.budget().bytes(subject.text().size() * 8);
  Result<Value> value = parseJson(subject.text().bytes(), options);
  if (!value.ok())
    failTemplate("from_json: " + value.status().message());
  return *value;
}

FILTER(indent) {
  if (subject.isUndefined())
    failUndefined(subject);
  if (!subject.isString())
    failTemplate(format("indent needs a text, not %s", pythonTypeName(subject)));
  MarkedText indention;
  if (args[0] && args[0]->isString()) {
    indention = args[0]->text();
  } else {
    int64_t width = integerArgument(args[0], 4, "width");
    in.budget().bytes(static_cast<uint64_t>(std::max<int64_t>(width, 0)));
    indention.append(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '));
  }
  bool first = isSet(args[1]), blank = isSet(args[2]);
  MarkedText source = subject.text();
  source.append("\n");
  std::vector<TextSpan> lines = lineSpans(in, source.bytes(), false);
  MarkedText out;
  for (size_t i = 0; i < lines.size(); ++i) {
    bool empty = lines[i].begin == lines[i].end;
    in.budget().bytes(indention.size() + lines[i].end - lines[i].begin);
    if (i)
      out.append("\n");
    if (i == 0 ? first : (blank || !empty))
      out.append(indention);
    out.appendSlice(source, lines[i].begin, lines[i].end);
  }
  return Value::string(std::move(out));
}

FILTER(replace) {
  int64_t limit = args[2] && !args[2]->isNone() ? integerArgument(args[2], -1, "count") : -1;
  return Value::string(replaceText(in, in.str(subject), in.str(*args[0]), in.str(*args[1]), limit));
}

FILTER(roundNumber) {
  if (subject.isUndefined())
    failUndefined(subject);
  if (!subject.isNumber())
    failTemplate(format("type %s doesn't define __round__ method", pythonTypeName(subject)));
  int64_t digits = integerArgument(args[0], 0, "precision");
  std::string method = args[1] ? in.str(*args[1]).bytes() : "common";
  if (digits < 0 || digits > 15)
    failTemplate("round is supported for a precision of 0 to 15");
  double value = subject.asDouble();
  if (method == "ceil" || method == "floor") {
    double scale = 1;
    for (int64_t i = 0; i < digits; ++i)
      scale *= 10;
    double scaled = value * scale;
    return Value::number((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
  }
  if (method != "common")
    failTemplate("method must be common, ceil or floor");
  if (subject.isIntegral())
    return Value::integer(subject.asInt());
  if (!std::isfinite(value))
    return subject;
  // The decimal digits are exact and rounded half to even on the binary value, as in Python.
  std::string text = formatDouble(value, 'f', static_cast<int>(digits), false);
  return Value::number(std::strtod(text.c_str(), nullptr));
}

FILTER(toText) {
  if (subject.isString())
    return subject;
  return Value::string(in.str(subject));
}

FILTER(toJson) {
  JsonWriteOptions options;
  options.ensureAscii = isSet(args[0]);
  options.sortKeys = isSet(args[3]);
  if (args[1] && args[1]->isString()) {
    options.indent = args[1]->text().bytes();
  } else if (args[1] && !args[1]->isNone()) {
    int64_t width = integerArgument(args[1], 0, "indent");
    in.budget().bytes(static_cast<uint64_t>(std::max<int64_t>(width, 0)));
    options.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  if (args[2] && !args[2]->isNone()) {
    std::vector<Value> pair = in.iterate(*args[2]);
    if (pair.size() != 2 || !pair[0].isString() || !pair[1].isString())
      failTemplate("separators must be a pair of texts");
    options.itemSeparator = pair[0].text().bytes();
    options.keySeparator = pair[1].text().bytes();
  }
  MarkedText out;
  appendJson(out, subject, options, in.budget());
  return Value::string(std::move(out));
}

FILTER(trim) {
  MarkedText text = softText(in, subject);
  if (!args[0] || args[0]->isNone())
    return Value::string(stripText(in, text, nullptr, true, true));
  if (!args[0]->isString())
    failTemplate("strip arg must be None or str");
  return Value::string(stripText(in, text, &args[0]->text(), true, true));
}

using namespace filters;

constexpr BuiltinEntry table[] = {
    {{"abs", "", 0}, absolute},
    {{"batch", "linecount,fill_with", 1}, batch},
    {{"capitalize", "", 0}, convertText<toCapitalized>},
    {{"count", "", 0}, filters::length},
    {{"d", "default_value,boolean", 0}, defaultValue},
    {{"default", "default_value,boolean", 0}, defaultValue},
    {{"dictsort", "case_sensitive,by,reverse", 0}, dictSort},
    {{"e", "", 0}, escapeText},
    {{"escape", "", 0}, escapeText},
    {{"first", "", 0}, first},
    {{"float", "default", 0}, toDouble},
    {{"format", "*", 0}, percentFormat},
    {{"from_json", "", 0}, fromJson},
    {{"indent", "width,first,blank", 0}, indent},
    {{"int", "default,base", 0}, toInteger},
    {{"items", "", 0}, filters::items},
    {{"join", "d,attribute", 0}, filters::join},
    {{"last", "", 0}, last},
    {{"length", "", 0}, filters::length},
    {{"list", "", 0}, filters::list},
    {{"lower", "", 0}, convertText<toLower>},
    {{"map", "*", 0}, filters::map},
    {{"max", "case_sensitive,attribute", 0}, maximum},
    {{"min", "case_sensitive,attribute", 0}, minimum},
    {{"reject", "*", 0}, reject},
    {{"rejectattr", "*", 0}, rejectAttribute},
    {{"replace", "old,new,count", 2}, replace},
    {{"reverse", "", 0}, filters::reverse},
    {{"round", "precision,method", 0}, roundNumber},
    {{"safe", "", 0}, markSafe},
    {{"select", "*", 0}, filters::select},
    {{"selectattr", "*", 0}, selectAttribute},
    {{"sort", "reverse,case_sensitive,attribute", 0}, filters::sort},
    {{"string", "", 0}, toText},
    {{"sum", "attribute,start", 0}, sum},
    {{"title", "", 0}, convertText<titleWords>},
    {{"tojson", "ensure_ascii,indent,separators,sort_keys", 0}, toJson},
    {{"trim", "chars", 0}, trim},
    {{"unique", "case_sensitive,attribute", 0}, unique},
    {{"upper", "", 0}, convertText<toUpper>},
};

} // namespace

std::span<const BuiltinEntry> templateFilters() { return table; }

} // namespace axiom
