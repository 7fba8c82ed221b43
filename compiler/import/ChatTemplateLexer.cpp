#include "compiler/import/ChatTemplateLexer.h"

#include "runtime/text/TemplateUnicode.h"

#include <algorithm>

namespace axiom::chattemplate {

void failAt(Code code, uint32_t line, uint32_t column, const std::string &message) {
  throw TemplateSyntaxError{
      code, format("chat template, line %u, column %u: %s", line, column, message.c_str())};
}

namespace {

constexpr size_t npos = std::string_view::npos;

bool isNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNamePart(char c) { return isNameStart(c) || isDigit(c); }

/// Every \r\n and \r becomes \n, and one newline at the very end goes.
std::string normalizeNewlines(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n')
        ++i;
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n'))
    out.pop_back();
  return out;
}

class Lexer {
public:
  explicit Lexer(std::string_view source) : source_(normalizeNewlines(source)), text_(source_) {}

  std::vector<Token> run() {
    while (pos_ < text_.size())
      outside();
    push(TokenKind::End, "", pos_);
    return std::move(tokens_);
  }

private:
  [[noreturn]] void fail(size_t at, const std::string &message) {
    locate(at);
    failAt(Code::BadInput, line_, column_, message);
  }

  /// Moves line_ and column_ to `at`, which never goes back far: tokens come in order.
  void locate(size_t at) {
    if (at < located_) {
      located_ = 0;
      line_ = column_ = 1;
    }
    while (located_ < at) {
      size_t size;
      decodeUtf8(text_, located_, size);
      bool newline = text_[located_] == '\n';
      line_ += newline;
      column_ = newline ? 1 : column_ + 1;
      located_ += size;
    }
  }

  void push(TokenKind kind, std::string text, size_t at) {
    locate(at);
    tokens_.push_back({kind, std::move(text), line_, column_});
  }

  bool at(size_t pos, std::string_view expected) const {
    return text_.substr(std::min(pos, text_.size()), expected.size()) == expected;
  }

  /// Behind all white space from `pos`.
  size_t skipSpace(size_t pos) const { return pos + skipSpaceForward(text_.substr(pos)); }

  /// The text up to the next tag, cut as the tag's sign and lstrip_blocks say.
  void pushText(size_t begin, size_t end, char sign, bool lineTag) {
    std::string_view data = text_.substr(begin, end - begin);
    if (sign == '-') {
      data = data.substr(0, skipSpaceBackward(data));
    } else if (sign != '+' && lineTag) {
      size_t lineStart = data.rfind('\n') == npos ? 0 : data.rfind('\n') + 1;
      if ((lineStart > 0 || lineStarting_) && lineStart < data.size() &&
          skipSpaceForward(data.substr(lineStart)) == data.size() - lineStart)
        data = data.substr(0, lineStart);
    }
    if (!data.empty())
      push(TokenKind::Text, std::string(data), begin);
  }

  void moveTo(size_t pos) {
    pos_ = pos;
    lineStarting_ = pos > 0 && text_[pos - 1] == '\n';
  }

  /// {% raw %}: the position behind it, or npos if the block at `open` is another.
  size_t rawBegin(size_t open) const {
    size_t pos = open + 2;
    if (at(pos, "-") || at(pos, "+"))
      ++pos;
    pos = skipSpace(pos);
    if (!at(pos, "raw"))
      return npos;
    pos = skipSpace(pos + 3);
    if (at(pos, "-%}"))
      return skipSpace(pos + 3);
    return at(pos, "%}") ? pos + 2 : npos;
  }

  void outside() {
    size_t open = pos_;
    for (;; ++open) {
      open = text_.find('{', open);
      if (open == npos || at(open, "{%") || at(open, "{{") || at(open, "{#"))
        break;
    }
    if (open == npos) {
      push(TokenKind::Text, std::string(text_.substr(pos_)), pos_);
      return moveTo(text_.size());
    }
    char sign = at(open + 2, "-") ? '-' : at(open + 2, "+") ? '+' : '\0';
    char kind = text_[open + 1];
    pushText(pos_, open, sign, kind != '{');
    if (size_t raw = kind == '%' ? rawBegin(open) : npos; raw != npos) {
      moveTo(raw);
      return rawText(open);
    }
    size_t inside = open + 2 + (sign != '\0');
    if (kind == '#')
      return comment(open, inside);
    push(kind == '%' ? TokenKind::BlockBegin : TokenKind::VariableBegin, "", open);
    moveTo(inside);
    tag(open, kind == '%');
  }

  void comment(size_t open, size_t inside) {
    size_t close = text_.find("#}", inside);
    if (close == npos)
      fail(open, "the comment does not end; close it with #}");
    char sign = close > inside ? text_[close - 1] : '\0';
    moveTo(sign == '-' ? skipSpace(close + 2) : close + 2 + (sign != '+' && at(close + 2, "\n")));
  }

  void rawText(size_t open) {
    for (size_t close = pos_; (close = text_.find("{%", close)) != npos; ++close) {
      char sign = at(close + 2, "-") ? '-' : at(close + 2, "+") ? '+' : '\0';
      size_t pos = skipSpace(close + 2 + (sign != '\0'));
      if (!at(pos, "endraw"))
        continue;
      pos = skipSpace(pos + 6);
      size_t end = at(pos, "+%}")   ? pos + 3
                   : at(pos, "-%}") ? skipSpace(pos + 3)
                   : at(pos, "%}")  ? pos + 2 + at(pos + 2, "\n")
                                    : npos;
      if (end == npos)
        continue;
      pushText(pos_, close, sign, true);
      return moveTo(end);
    }
    fail(open, "the raw block does not end; close it with {% endraw %}");
  }

  /// The end of a tag at pos_, if it is one: its token and the new position.
  bool tagEnd(bool block) {
    const char *end = block ? "%}" : "}}";
    size_t start = pos_, next;
    if (at(pos_, std::string("-") + end))
      next = skipSpace(pos_ + 3);
    else if (block && at(pos_, "+%}"))
      next = pos_ + 3;
    else if (at(pos_, end))
      next = pos_ + 2 + (block && at(pos_ + 2, "\n"));
    else
      return false;
    push(block ? TokenKind::BlockEnd : TokenKind::VariableEnd, "", start);
    moveTo(next);
    return true;
  }

  void tag(size_t open, bool block) {
    std::string brackets;
    while (pos_ < text_.size()) {
      if (brackets.empty() && tagEnd(block))
        return;
      size_t after = skipSpace(pos_);
      if (after > pos_) {
        moveTo(after);
        continue;
      }
      char c = text_[pos_];
      if (isDigit(c))
        number();
      else if (isNameStart(c))
        name();
      else if (c == '\'' || c == '"')
        string();
      else
        symbol(brackets);
    }
    fail(open, block ? "the tag does not end; close it with %}"
                     : "the expression does not end; close it with }}");
  }

  void name() {
    size_t end = pos_;
    while (end < text_.size() && isNamePart(text_[end]))
      ++end;
    push(TokenKind::Name, std::string(text_.substr(pos_, end - pos_)), pos_);
    moveTo(end);
  }

  /// Digits with single underscores between them; the end, or `pos` when there are none.
  size_t digits(size_t pos, std::string_view set) const {
    size_t end = pos;
    auto in = [&](size_t i) { return i < text_.size() && set.find(text_[i]) != npos; };
    while (in(end) || (end > pos && end < text_.size() && text_[end] == '_' && in(end + 1)))
      ++end;
    return end;
  }

  void number() {
    constexpr std::string_view decimal = "0123456789";
    size_t end = digits(pos_, decimal);
    bool isFloat = false;
    size_t fraction = at(end, ".") ? digits(end + 1, decimal) : end + 1;
    if (fraction > end + 1) {
      end = fraction;
      isFloat = true;
    }
    if (at(end, "e") || at(end, "E")) {
      size_t sign = end + 1 + (at(end + 1, "+") || at(end + 1, "-"));
      if (size_t exponent = digits(sign, decimal); exponent > sign) {
        end = exponent;
        isFloat = true;
      }
    }
    bool afterDot = pos_ > 0 && text_[pos_ - 1] == '.';
    if (afterDot && isFloat) {
      // x.0.1 is two subscripts, not a float.
      end = digits(pos_, decimal);
      isFloat = false;
    }
    if (!isFloat && text_[pos_] == '0') {
      auto prefixed = [&](const char *lower, const char *upper, std::string_view set) {
        size_t start = pos_ + 2;
        if (!at(pos_, lower) && !at(pos_, upper))
          return false;
        size_t first = start + at(start, "_");
        size_t stop = digits(first, set);
        if (stop == first)
          return false;
        end = stop;
        return true;
      };
      if (!prefixed("0b", "0B", "01") && !prefixed("0o", "0O", "01234567") &&
          !prefixed("0x", "0X", "0123456789abcdefABCDEF"))
        end = digits(pos_, "0");
    }
    std::string text(text_.substr(pos_, end - pos_));
    std::erase(text, '_');
    push(isFloat ? TokenKind::Float : TokenKind::Integer, text, pos_);
    moveTo(end);
  }

  /// One escape of a string literal at `pos`, behind the backslash.
  size_t escape(std::string &out, size_t pos) {
    size_t size;
    uint32_t c = decodeUtf8(text_, pos, size);
    static constexpr std::string_view names = "\\'\"abfnrtv", values = "\\'\"\a\b\f\n\r\t\v";
    if (c < 0x80) {
      char ch = static_cast<char>(c);
      if (size_t i = names.find(ch); i != npos) {
        out += values[i];
        return pos + 1;
      }
      if (ch == '\n')
        return pos + 1;
      if (ch >= '0' && ch <= '7') {
        uint32_t value = 0;
        size_t end = pos;
        while (end < pos + 3 && end < text_.size() && text_[end] >= '0' && text_[end] <= '7')
          value = value * 8 + static_cast<uint32_t>(text_[end++] - '0');
        appendUtf8(out, value);
        return end;
      }
      if (ch == 'x' || ch == 'u' || ch == 'U')
        return hexEscape(out, pos, ch == 'x' ? 2 : ch == 'u' ? 4 : 8);
      if (ch == 'N')
        fail(pos - 1, "the escape \\N{...} is not supported; write the character itself");
      out += '\\';
      out += ch;
      return pos + 1;
    }
    // Python's literal decoder sees a character beyond ASCII as its own escape, so the backslash
    // before it eats that escape's backslash.
    out += format(c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    return pos + size;
  }

  size_t hexEscape(std::string &out, size_t pos, size_t count) {
    uint32_t value = 0;
    for (size_t i = 1; i <= count; ++i) {
      char c = pos + i < text_.size() ? text_[pos + i] : '\0';
      uint32_t digit = isDigit(c)             ? static_cast<uint32_t>(c - '0')
                       : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                       : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                              : 16;
      if (digit == 16)
        fail(pos - 1, format("the escape needs %zu hexadecimal digits", count));
      value = value << 4 | digit;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
      fail(pos - 1, "the escape is no Unicode character");
    appendUtf8(out, value);
    return pos + count + 1;
  }

  void string() {
    char quote = text_[pos_];
    std::string value;
    size_t pos = pos_ + 1;
    while (pos < text_.size() && text_[pos] != quote) {
      if (text_[pos] == '\\' && pos + 1 < text_.size())
        pos = escape(value, pos + 1);
      else
        value += text_[pos++];
    }
    if (pos >= text_.size())
      fail(pos_, "the string does not end");
    push(TokenKind::String, value, pos_);
    moveTo(pos + 1);
  }

  void symbol(std::string &brackets) {
    static constexpr std::string_view two[] = {"//", "**", "==", "!=", ">=", "<="};
    static constexpr std::string_view one = "+-/*%~[](){}><=.:|,;";
    std::string_view found;
    for (std::string_view s : two)
      if (at(pos_, s))
        found = text_.substr(pos_, 2);
    if (found.empty() && one.find(text_[pos_]) != npos)
      found = text_.substr(pos_, 1);
    if (found.empty()) {
      size_t size;
      decodeUtf8(text_, pos_, size);
      fail(pos_,
           format("unexpected character '%s'", std::string(text_.substr(pos_, size)).c_str()));
    }
    char c = found[0];
    if (c == '(' || c == '[' || c == '{')
      brackets += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (brackets.empty() || brackets.back() != c)
        fail(pos_, brackets.empty() ? format("unexpected '%c'", c)
                                    : format("unexpected '%c', expected '%c'", c, brackets.back()));
      brackets.pop_back();
    }
    push(TokenKind::Operator, std::string(found), pos_);
    moveTo(pos_ + found.size());
  }

  std::string source_;
  std::string_view text_;
  size_t pos_ = 0;
  /// Whether the text at pos_ begins a line: what was consumed last ended with a newline.
  bool lineStarting_ = true;
  size_t located_ = 0;
  uint32_t line_ = 1, column_ = 1;
  std::vector<Token> tokens_;
};

} // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

} // namespace axiom::chattemplate
