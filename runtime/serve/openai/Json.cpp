#include "runtime/serve/openai/Json.h"
#include "runtime/text/Unicode.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <new>
#include <optional>
#include <vector>

namespace axiom::serve::openai {
namespace {

/// Builds the tree and stops at the first limit. Every callback returns false to stop.
class Builder {
public:
  Builder(std::string_view text, const JsonLimits &limits) : text_(text), limits_(limits) {}

  bool null() { return add(Json()); }
  bool boolean(bool v) { return add(Json(v)); }
  bool number_integer(int64_t v) { return add(Json(v)); }
  bool number_unsigned(uint64_t v) { return add(Json(v)); }
  bool number_float(double v, const std::string &) { return add(Json(v)); }
  bool string(std::string &v) { return fits(v) && add(Json(std::move(v))); }
  bool binary(std::vector<uint8_t> &) { return false; } // JSON has none

  bool start_object(size_t) { return push(Json::value_t::object); }
  bool start_array(size_t) { return push(Json::value_t::array); }

  bool key(std::string &name) {
    if (!fits(name))
      return false;
    if (++keys_ > limits_.keys)
      return stop("keys", limits_.keys);
    key_ = std::move(name);
    return true;
  }

  bool end_object() {
    const auto &members = top_.back()->get_ref<Json::object_t &>();
    // Sorting finds a repeated key in n log n whatever the keys are; a hash could be flooded.
    std::vector<std::string_view> names;
    names.reserve(members.size());
    for (const auto &member : members)
      names.push_back(member.first);
    std::sort(names.begin(), names.end());
    auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) {
      std::string name;
      appendJsonString(name, shorten(*twice));
      return stop(Code::InvalidArgument,
                  "an object has the key " + name + " twice: keep one of them");
    }
    top_.pop_back();
    return true;
  }
  bool end_array() {
    top_.pop_back();
    return true;
  }

  /// The library's own text repeats what it read last, however long: only the kind is kept.
  bool parse_error(size_t position, const std::string &, const nlohmann::detail::exception &e) {
    size_t at = std::min(position == 0 ? 0 : position - 1, text_.size());
    std::string what = e.what();
    std::string kind = "syntax error";
    if (e.id == 406)
      kind = "a number is too large: at most 1.7e308 in size";
    else if (what.find("ill-formed UTF-8") != what.npos)
      kind = "the bytes are not UTF-8";
    else if (what.find("surrogate") != what.npos)
      kind = "half of a surrogate pair: write the character itself or both \\u escapes";
    else if (what.find("control character") != what.npos)
      kind = "a control character in a string must be escaped";
    else if (at >= text_.size())
      kind = "the text ends too early";
    size_t line = 1 + static_cast<size_t>(std::count(text_.begin(), text_.begin() + at, '\n'));
    return stop(Code::InvalidArgument,
                format("not valid JSON at byte %zu (line %zu): %s", at, line, kind.c_str()));
  }

  Json root;
  std::optional<Status> status;

private:
  bool stop(Code code, std::string message) {
    if (!status)
      status = Status(code, std::move(message));
    return false;
  }
  bool stop(const char *what, uint32_t most) {
    return stop(Code::Resource, format("the JSON has more than %u %s: send less", most, what));
  }
  bool fits(const std::string &text) {
    if (text.size() <= limits_.stringBytes)
      return true;
    return stop(Code::Resource, format("a string in the JSON has %zu bytes, at most %zu are read",
                                       text.size(), limits_.stringBytes));
  }
  bool add(Json value) {
    if (++values_ > limits_.values)
      return stop("values", limits_.values);
    place(std::move(value));
    return true;
  }
  Json *place(Json value) {
    if (top_.empty()) {
      root = std::move(value);
      return &root;
    }
    Json &parent = *top_.back();
    if (parent.is_array()) {
      auto &items = parent.get_ref<Json::array_t &>();
      items.push_back(std::move(value));
      return &items.back();
    }
    // Past ordered_map's own insertion, which looks through all keys each time.
    auto &members = parent.get_ref<Json::object_t &>();
    members.Json::object_t::Container::emplace_back(std::move(key_), std::move(value));
    return &members.back().second;
  }
  bool push(Json::value_t type) {
    if (++values_ > limits_.values)
      return stop("values", limits_.values);
    if (top_.size() >= limits_.depth)
      return stop("levels of nesting", limits_.depth);
    top_.push_back(place(Json(type)));
    return true;
  }

  std::string_view text_;
  const JsonLimits &limits_;
  std::vector<Json *> top_; ///< the open containers
  std::string key_;         ///< of the value that comes next
  uint32_t values_ = 0, keys_ = 0;
};

template <typename T> void appendNumber(std::string &out, T value) {
  char text[40];
  auto end = std::to_chars(text, text + sizeof text, value).ptr;
  std::string_view digits(text, static_cast<size_t>(end - text));
  out += digits;
  // 1 stays a float for readers that tell the two apart.
  if (digits.find_first_of(".e") == digits.npos)
    out += ".0";
}

} // namespace

Result<Json> readJson(std::string_view text, const JsonLimits &limits) {
  if (text.size() > limits.bytes)
    return {Code::Resource,
            format("the JSON has %zu bytes, at most %zu are read", text.size(), limits.bytes)};
  // The lexer takes a zero byte for the end of the text.
  if (const void *zero = text.empty() ? nullptr : std::memchr(text.data(), 0, text.size()))
    return {Code::InvalidArgument,
            format("not valid JSON at byte %zu: a zero byte (in a string, write \\u0000)",
                   static_cast<size_t>(static_cast<const char *>(zero) - text.data()))};
  try {
    Builder builder(text, limits);
    bool done = Json::sax_parse(text.begin(), text.end(), &builder);
    if (done && !builder.status)
      return std::move(builder.root);
    return builder.status.value_or(Status(Code::InvalidArgument, "not valid JSON"));
  } catch (const std::bad_alloc &) {
    return {Code::Resource, "there is not enough memory to read the JSON"};
  } catch (const std::exception &e) { // none is known; nothing may leave this function
    return {Code::InvalidArgument, "not valid JSON: " + shorten(e.what(), 200)};
  }
}

std::string shorten(std::string_view text, size_t bytes) {
  if (text.size() <= bytes)
    return unicode::toValid(text);
  size_t end = bytes;
  while (end > 0 && bytes - end < 4 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80)
    --end;
  return unicode::toValid(text.substr(0, end)) + "...";
}

std::string showJson(const Json &value) {
  switch (value.type()) {
  case Json::value_t::array:
    return format("a list of %zu", value.size());
  case Json::value_t::object:
    return format("an object of %zu keys", value.size());
  case Json::value_t::string: {
    std::string out;
    appendJsonString(out, shorten(value.get_ref<const std::string &>()));
    return out;
  }
  default:
    return writeJson(value);
  }
}

std::string writeJson(const Json &value) {
  std::string out;
  JsonWriter(out).value(value);
  return out;
}

void appendJsonString(std::string &out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  size_t plain = 0; // start of the bytes that go out as they are
  auto flush = [&](size_t end) { out.append(text.substr(plain, end - plain)); };
  for (size_t i = 0; i < text.size();) {
    auto c = static_cast<uint8_t>(text[i]);
    if (c >= 0x20 && c < 0x7F && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    size_t length = 1;
    const char *instead = nullptr;
    if (c >= 0x80) {
      unicode::Sequence sequence = unicode::classify(text.substr(i));
      length = sequence.length;
      std::string_view character = text.substr(i, length);
      // Clients that split events with a text's idea of lines would break at these.
      if (character == "\u2028")
        instead = "\\u2028";
      else if (character == "\u2029")
        instead = "\\u2029";
      else if (sequence.kind != unicode::Sequence::Valid)
        instead = "\xEF\xBF\xBD";
      else if (c != 0xC2 || static_cast<uint8_t>(character[1]) >= 0xA0) {
        i += length;
        continue;
      }
    }
    flush(i);
    if (instead)
      out += instead;
    else if (c == 0xC2) { // U+0080 to U+009F are control characters, too
      c = static_cast<uint8_t>(text[i + 1]);
      ((out += "\\u00") += hex[c >> 4]) += hex[c & 15];
    } else if (c == '"' || c == '\\')
      (out += '\\') += static_cast<char>(c);
    else if (const char *name = c ? std::strchr("\bb\ff\nn\rr\tt", c) : nullptr)
      (out += '\\') += name[1];
    else
      ((out += "\\u00") += hex[c >> 4]) += hex[c & 15];
    i += length;
    plain = i;
  }
  flush(text.size());
  out += '"';
}

JsonWriter &JsonWriter::key(std::string_view name) {
  separate();
  appendJsonString(out_, name);
  out_ += ':';
  comma_ = false;
  return *this;
}

JsonWriter &JsonWriter::string(std::string_view text) {
  separate();
  appendJsonString(out_, text);
  return *this;
}

JsonWriter &JsonWriter::integer(int64_t value) { return raw(std::to_string(value)); }
JsonWriter &JsonWriter::natural(uint64_t value) { return raw(std::to_string(value)); }

JsonWriter &JsonWriter::number(double value) {
  if (!std::isfinite(value))
    return null();
  separate();
  appendNumber(out_, value);
  return *this;
}

JsonWriter &JsonWriter::number(float value) {
  if (!std::isfinite(value))
    return null();
  separate();
  appendNumber(out_, value);
  return *this;
}

JsonWriter &JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

JsonWriter &JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  comma_ = false;
  return *this;
}

JsonWriter &JsonWriter::close(char bracket) {
  out_ += bracket;
  comma_ = true;
  return *this;
}

JsonWriter &JsonWriter::value(const Json &value) {
  switch (value.type()) {
  case Json::value_t::object:
    beginObject();
    for (const auto &member : value.get_ref<const Json::object_t &>())
      key(member.first).value(member.second);
    return endObject();
  case Json::value_t::array:
    beginArray();
    for (const Json &item : value.get_ref<const Json::array_t &>())
      this->value(item);
    return endArray();
  case Json::value_t::string:
    return string(value.get_ref<const std::string &>());
  case Json::value_t::boolean:
    return boolean(value.get<bool>());
  case Json::value_t::number_integer:
    return integer(value.get<int64_t>());
  case Json::value_t::number_unsigned:
    return natural(value.get<uint64_t>());
  case Json::value_t::number_float:
    return number(value.get<double>());
  default:
    return null();
  }
}

} // namespace axiom::serve::openai
