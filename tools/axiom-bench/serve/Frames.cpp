#include "tools/axiom-bench/serve/Frames.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace axiom::bench {

namespace {

constexpr int kDepth = 64;

/// Walks JSON from left to right. Everything returns false at the first thing that is no JSON;
/// strings are given as they are written, with their escapes.
class Scanner {
public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool atEnd() {
    space();
    return at_ == end_;
  }
  char peek() {
    space();
    return at_ == end_ ? '\0' : *at_;
  }
  bool take(char c) {
    if (peek() != c)
      return false;
    ++at_;
    return true;
  }

  bool string(std::string_view &out) {
    if (!take('"'))
      return false;
    const char *begin = at_;
    for (;;) {
      auto *quote =
          static_cast<const char *>(std::memchr(at_, '"', static_cast<size_t>(end_ - at_)));
      if (!quote)
        return false;
      size_t slashes = 0; // an odd number of them before it makes it part of the string
      while (quote - slashes > begin && quote[-1 - static_cast<ptrdiff_t>(slashes)] == '\\')
        ++slashes;
      at_ = quote + 1;
      if (slashes % 2 == 0) {
        out = {begin, static_cast<size_t>(quote - begin)};
        return true;
      }
    }
  }

  /// `member(key)` reads the value.
  template <typename Member> bool object(Member &&member) {
    if (!enter('{'))
      return false;
    if (take('}'))
      return leave();
    do {
      std::string_view key;
      if (!string(key) || !take(':') || !member(key))
        return false;
    } while (take(','));
    return take('}') && leave();
  }
  template <typename Element> bool array(Element &&element) {
    if (!enter('['))
      return false;
    if (take(']'))
      return leave();
    do {
      if (!element())
        return false;
    } while (take(','));
    return take(']') && leave();
  }

  bool skip() {
    std::string_view ignored;
    switch (peek()) {
    case '"':
      return string(ignored);
    case '{':
      return object([&](std::string_view) { return skip(); });
    case '[':
      return array([&] { return skip(); });
    default:
      return word(ignored);
    }
  }

  /// A number, true, false or null.
  bool word(std::string_view &out) {
    space();
    const char *begin = at_;
    while (at_ != end_ && (std::strchr("+-.", *at_) ? *at_ != '\0' : isWordCharacter(*at_)))
      ++at_;
    out = {begin, static_cast<size_t>(at_ - begin)};
    return !out.empty();
  }

  /// Not empty: a string with characters, an array or object with members, a number.
  bool something(bool &out) {
    std::string_view text;
    switch (char first = peek()) {
    case '"':
      if (!string(text))
        return false;
      out |= !text.empty();
      return true;
    case '[':
    case '{': {
      const char *begin = at_;
      if (!skip())
        return false;
      Scanner inside({begin + 1, static_cast<size_t>(at_ - begin - 1)});
      out |= inside.peek() != (first == '[' ? ']' : '}');
      return true;
    }
    default:
      if (!word(text))
        return false;
      out |= text != "null" && text != "false";
      return true;
    }
  }

  bool natural(std::optional<uint64_t> &out) {
    std::string_view text;
    if (peek() == '"' || peek() == '{' || peek() == '[')
      return skip();
    if (!word(text))
      return false;
    uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size())
      out = value;
    return true;
  }

private:
  static bool isWordCharacter(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  void space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r'))
      ++at_;
  }
  bool enter(char c) {
    if (depth_ == kDepth || !take(c))
      return false;
    ++depth_;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  const char *at_, *end_;
  int depth_ = 0;
};

bool scanDelta(Scanner &s, Frame &frame) {
  if (s.peek() != '{')
    return s.skip();
  return s.object([&](std::string_view key) {
    if (key == "content" || key == "reasoning_content" || key == "reasoning" ||
        key == "tool_calls" || key == "refusal")
      return s.something(frame.text);
    return s.skip();
  });
}

bool scanChoice(Scanner &s, Frame &frame) {
  frame.choice = true;
  if (s.peek() != '{')
    return s.skip();
  return s.object([&](std::string_view key) {
    if (key == "text")
      return s.something(frame.text);
    if (key == "delta" || key == "message")
      return scanDelta(s, frame);
    if (key == "finish_reason")
      return s.something(frame.finished);
    return s.skip();
  });
}

bool scanUsage(Scanner &s, Frame &frame) {
  if (s.peek() != '{')
    return s.skip();
  return s.object([&](std::string_view key) {
    if (key == "prompt_tokens")
      return s.natural(frame.promptTokens);
    if (key == "completion_tokens")
      return s.natural(frame.completionTokens);
    if (key == "prompt_tokens_details" && s.peek() == '{')
      return s.object([&](std::string_view detail) {
        return detail == "cached_tokens" ? s.natural(frame.cachedTokens) : s.skip();
      });
    return s.skip();
  });
}

bool scanMessage(Scanner &s, std::string &out) {
  std::string_view text;
  if (s.peek() != '"')
    return s.skip();
  if (!s.string(text))
    return false;
  out = text;
  return true;
}

bool scanError(Scanner &s, Frame &frame) {
  if (s.peek() == '"') {
    frame.error = true;
    return scanMessage(s, frame.message);
  }
  if (s.peek() != '{')
    return s.skip(); // "error": null
  frame.error = true;
  return s.object([&](std::string_view key) {
    return key == "message" ? scanMessage(s, frame.message) : s.skip();
  });
}

bool scanData(Scanner &s, Frame &frame) {
  if (s.peek() != '[')
    return s.skip();
  return s.array([&] {
    if (s.peek() != '{')
      return s.skip();
    return s.object([&](std::string_view key) {
      return key == "id" && frame.id.empty() ? scanMessage(s, frame.id) : s.skip();
    });
  });
}

} // namespace

Frame scanFrame(std::string_view json) {
  Frame frame;
  if (json == "[DONE]") {
    frame.valid = frame.done = true;
    return frame;
  }
  Scanner s(json);
  frame.valid = s.object([&](std::string_view key) {
    if (key == "choices" && s.peek() == '[')
      return s.array([&] { return scanChoice(s, frame); });
    if (key == "usage")
      return scanUsage(s, frame);
    if (key == "error")
      return scanError(s, frame);
    if (key == "data")
      return scanData(s, frame);
    return s.skip();
  }) && s.atEnd();
  return frame.valid ? frame : Frame();
}

} // namespace axiom::bench
