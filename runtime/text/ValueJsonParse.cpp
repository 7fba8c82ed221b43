#include "runtime/text/TemplateUnicode.h"
#include "runtime/text/ValueJson.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace axiom {
namespace {

class JsonParser {
public:
  JsonParser(std::string_view text, const JsonParseOptions &options)
      : text_(text), options_(options) {}

  Result<Value> parse() {
    if (text_.size() > options_.maxBytes)
      return Result<Value>(Code::Resource,
                           format("JSON text has %zu bytes, more than the %llu allowed",
                                  text_.size(), (unsigned long long)options_.maxBytes));
    Value value;
    if (element(value, 0)) {
      space();
      if (pos_ == text_.size())
        return value;
      error("text after the value");
    }
    return Result<Value>(error_);
  }

private:
  bool error(const std::string &what) {
    if (error_.ok())
      error_ = Status(Code::BadInput, format("JSON, byte %zu: %s", pos_, what.c_str()));
    return false;
  }

  void space() {
    while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\t' ||
                                   text_[pos_] == '\n' || text_[pos_] == '\r'))
      ++pos_;
  }

  bool eat(char c) {
    if (pos_ < text_.size() && text_[pos_] == c) {
      ++pos_;
      return true;
    }
    return false;
  }

  bool eatWord(std::string_view word) {
    if (text_.substr(pos_, word.size()) != word)
      return false;
    pos_ += word.size();
    return true;
  }

  bool element(Value &out, uint32_t depth) {
    space();
    if (++values_ > options_.maxValues)
      return error(format("more than %llu values", (unsigned long long)options_.maxValues));
    if (pos_ >= text_.size())
      return error("a value is missing");
    char c = text_[pos_];
    if (c == '{' || c == '[') {
      if (depth >= options_.maxDepth)
        return error(format("nested deeper than %u", options_.maxDepth));
      ++pos_;
      return c == '{' ? object(out, depth + 1) : array(out, depth + 1);
    }
    if (c == '"') {
      std::string s;
      if (!string(s))
        return false;
      out = Value::string(s, options_.untrusted);
      return true;
    }
    if (eatWord("true")) {
      out = Value::boolean(true);
    } else if (eatWord("false")) {
      out = Value::boolean(false);
    } else if (eatWord("null")) {
      out = Value::none();
    } else if (options_.allowNonFinite && eatWord("NaN")) {
      out = Value::number(std::numeric_limits<double>::quiet_NaN());
    } else if (options_.allowNonFinite && eatWord("Infinity")) {
      out = Value::number(std::numeric_limits<double>::infinity());
    } else if (options_.allowNonFinite && eatWord("-Infinity")) {
      out = Value::number(-std::numeric_limits<double>::infinity());
    } else {
      return number(out);
    }
    return true;
  }

  bool array(Value &out, uint32_t depth) {
    std::vector<Value> items;
    space();
    if (!eat(']')) {
      do {
        Value item;
        if (!element(item, depth))
          return false;
        items.push_back(std::move(item));
        space();
      } while (eat(','));
      if (!eat(']'))
        return error("expected ',' or ']'");
    }
    out = Value::list(std::move(items));
    return true;
  }

  bool object(Value &out, uint32_t depth) {
    ValueDict dict;
    space();
    if (!eat('}')) {
      do {
        space();
        if (pos_ >= text_.size() || text_[pos_] != '"')
          return error("expected a key in double quotes");
        std::string key;
        if (!string(key))
          return false;
        space();
        if (!eat(':'))
          return error("expected ':'");
        Value value;
        if (!element(value, depth))
          return false;
        dict.set(Value::string(key, options_.untrusted), std::move(value));
        space();
      } while (eat(','));
      if (!eat('}'))
        return error("expected ',' or '}'");
    }
    out = Value::dict(std::move(dict));
    return true;
  }

  bool hex4(uint32_t &unit) {
    unit = 0;
    if (text_.size() - pos_ < 4)
      return error("\\u needs four hexadecimal digits");
    auto result = std::from_chars(text_.data() + pos_, text_.data() + pos_ + 4, unit, 16);
    if (result.ptr != text_.data() + pos_ + 4 || result.ec != std::errc())
      return error("\\u needs four hexadecimal digits");
    pos_ += 4;
    return true;
  }

  bool escape(std::string &out) {
    if (pos_ >= text_.size())
      return error("the string does not end");
    char c = text_[pos_++];
    static constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
    if (size_t i = names.find(c); i != std::string_view::npos) {
      out += values[i];
      return true;
    }
    if (c != 'u') {
      --pos_;
      return error("unknown escape");
    }
    uint32_t unit;
    if (!hex4(unit))
      return false;
    if (unit >= 0xD800 && unit < 0xDC00 && text_.substr(pos_, 2) == "\\u") {
      size_t mark = pos_;
      uint32_t low;
      pos_ += 2;
      if (!hex4(low))
        return false;
      if (low >= 0xDC00 && low < 0xE000)
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
      else
        pos_ = mark;
    }
    appendUtf8(out, unit >= 0xD800 && unit < 0xE000 ? 0xFFFD : unit);
    return true;
  }

  bool string(std::string &out) {
    ++pos_;
    for (;;) {
      size_t start = pos_;
      while (pos_ < text_.size() && text_[pos_] != '"' && text_[pos_] != '\\' &&
             static_cast<uint8_t>(text_[pos_]) >= 0x20)
        ++pos_;
      std::string_view run = text_.substr(start, pos_ - start);
      if (!isValidUtf8(run)) {
        pos_ = start;
        return error("the string is not valid UTF-8");
      }
      out += run;
      if (pos_ >= text_.size())
        return error("the string does not end");
      if (text_[pos_] == '"') {
        ++pos_;
        return true;
      }
      if (text_[pos_] != '\\')
        return error("control characters in a string must be escaped");
      ++pos_;
      if (!escape(out))
        return false;
    }
  }

  bool digits() {
    size_t start = pos_;
    while (pos_ < text_.size() && text_[pos_] >= '0' && text_[pos_] <= '9')
      ++pos_;
    return pos_ > start;
  }

  bool number(Value &out) {
    size_t start = pos_;
    eat('-');
    size_t first = pos_;
    if (!digits())
      return error("expected a value");
    if (text_[first] == '0' && pos_ - first > 1)
      return error("a number has a leading zero");
    bool whole = true;
    if (eat('.')) {
      whole = false;
      if (!digits())
        return error("digits are missing after '.'");
    }
    if (eat('e') || eat('E')) {
      whole = false;
      if (!eat('+'))
        eat('-');
      if (!digits())
        return error("digits are missing in the exponent");
    }
    const char *begin = text_.data() + start, *end = text_.data() + pos_;
    if (whole) {
      int64_t i;
      if (std::from_chars(begin, end, i).ec == std::errc()) {
        out = Value::integer(i);
        return true;
      }
      // The longest integer that Python reads by default.
      if (pos_ - first > 4300)
        return error("an integer has more than 4300 digits");
      out = Value::bigInteger(std::string(begin, end));
      return true;
    }
    double d = 0;
    auto result = std::from_chars(begin, end, d);
    if (result.ec == std::errc::result_out_of_range)
      d = std::strtod(std::string(begin, end).c_str(), nullptr); // 0 or infinity, as in Python
    out = Value::number(d);
    return true;
  }

  std::string_view text_;
  const JsonParseOptions &options_;
  size_t pos_ = 0;
  uint64_t values_ = 0;
  Status error_;
};

} // namespace

Result<Value> parseJson(std::string_view text, const JsonParseOptions &options) {
  try {
    return JsonParser(text, options).parse();
  } catch (const std::bad_alloc &) {
    return Result<Value>(Code::Resource, "out of memory while reading JSON");
  }
}

} // namespace axiom
