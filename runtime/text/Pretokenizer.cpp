#include "runtime/text/Pretokenizer.h"

#include "runtime/text/Unicode.h"

namespace axiom::tokenizer {
namespace {

using unicode::CharClass;

enum class Kind : uint8_t { End, Letter, Number, Space, Mark, Other };

struct Char {
  Kind kind;
  size_t end; ///< where the next character starts
};

Char charAt(std::string_view text, size_t pos) {
  if (pos >= text.size())
    return {Kind::End, pos};
  uint32_t c = unicode::decode(text, pos);
  switch (unicode::charClass(c)) {
  case CharClass::Letter:
    return {Kind::Letter, pos};
  case CharClass::Number:
    return {Kind::Number, pos};
  case CharClass::Mark:
    return {Kind::Mark, pos};
  case CharClass::Separator:
  case CharClass::Other:
    return {unicode::isWhiteSpace(c) ? Kind::Space : Kind::Other, pos};
  default:
    return {Kind::Other, pos};
  }
}

/// End of the run of characters from `pos` for which `in(kind)` holds.
template <typename In> size_t runEnd(std::string_view text, size_t pos, In in) {
  for (;;) {
    Char c = charAt(text, pos);
    if (c.kind == Kind::End || !in(c.kind))
      return pos;
    pos = c.end;
  }
}

bool isNewline(char c) { return c == '\r' || c == '\n'; }

/// End of an English contraction at the start of `text`, or 0.
size_t contractionEnd(std::string_view text, bool anyCase) {
  if (text.size() < 2 || text[0] != '\'')
    return 0;
  auto at = [&](size_t i) {
    char c = i < text.size() ? text[i] : '\0';
    return anyCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  switch (at(1)) {
  case 's':
  case 't':
  case 'm':
  case 'd':
    return 2;
  case 'r':
  case 'v':
    return at(2) == 'e' ? 3 : 0;
  case 'l':
    return at(2) == 'l' ? 3 : 0;
  default:
    // U+017F, the long s, folds to s.
    return anyCase && text.substr(1, 2) == "\u017F" ? 3 : 0;
  }
}

/// \s+(?!\S)|\s+ : a run of white space leaves its last character to the word that follows.
size_t spaceEnd(std::string_view text) {
  size_t pos = 0, last = 0;
  for (;;) {
    Char c = charAt(text, pos);
    if (c.kind == Kind::End)
      return pos;
    if (c.kind != Kind::Space)
      return last == 0 ? pos : last;
    last = pos;
    pos = c.end;
  }
}

} // namespace

size_t nextGpt2Word(std::string_view text) {
  if (size_t end = contractionEnd(text, false))
    return end;
  size_t start = text[0] == ' ' ? 1 : 0;
  Kind kind = charAt(text, start).kind;
  if (kind == Kind::Letter || kind == Kind::Number)
    return runEnd(text, start, [kind](Kind k) { return k == kind; });
  if (kind == Kind::Other || kind == Kind::Mark)
    return runEnd(text, start, [](Kind k) { return k == Kind::Other || k == Kind::Mark; });
  return spaceEnd(text);
}

size_t nextLlama3Word(std::string_view text, unsigned digits, bool marks) {
  if (size_t end = contractionEnd(text, true))
    return end;
  auto isLetter = [marks](Kind k) { return k == Kind::Letter || (marks && k == Kind::Mark); };
  auto isOther = [marks](Kind k) { return k == Kind::Other || (!marks && k == Kind::Mark); };
  Char c = charAt(text, 0);
  if (isLetter(c.kind))
    return runEnd(text, c.end, isLetter);
  if (c.kind == Kind::Number) {
    size_t pos = c.end;
    for (unsigned n = 1; n < digits; ++n) {
      Char d = charAt(text, pos);
      if (d.kind != Kind::Number)
        break;
      pos = d.end;
    }
    return pos;
  }
  if (!isNewline(text[0]) && isLetter(charAt(text, c.end).kind))
    return runEnd(text, c.end, isLetter);
  size_t start = text[0] == ' ' ? 1 : 0;
  size_t end = runEnd(text, start, isOther);
  if (end > start) {
    while (end < text.size() && isNewline(text[end]))
      ++end;
    return end;
  }
  // White space: up to its last line end if it has one.
  size_t run = runEnd(text, 0, [](Kind k) { return k == Kind::Space; });
  size_t newline = text.substr(0, run).find_last_of("\r\n");
  return newline != std::string_view::npos ? newline + 1 : spaceEnd(text);
}

/// Cuts every piece again: nextEnd(rest of the piece) is the size of its next part, not 0.
template <typename NextEnd> void Pieces::cut(NextEnd nextEnd) {
  std::vector<size_t> ends;
  ends.reserve(ends_.size() + text_.size() / 4);
  size_t pos = 0;
  for (size_t end : ends_)
    while (pos < end) {
      pos += nextEnd(text_.substr(pos, end - pos));
      ends.push_back(pos);
    }
  ends_ = std::move(ends);
}

void Pieces::rewrite(std::string text, std::vector<size_t> ends) {
  storage_ = std::move(text);
  text_ = storage_;
  ends_ = std::move(ends);
}

void Pieces::splitDigits(bool individually) {
  cut([individually](std::string_view rest) {
    size_t pos = 0;
    bool digit = unicode::isDigit(unicode::decode(rest, pos));
    if (digit && individually)
      return pos;
    while (pos < rest.size()) {
      size_t next = pos;
      if (unicode::isDigit(unicode::decode(rest, next)) != digit)
        break;
      pos = next;
    }
    return pos;
  });
}

void Pieces::prefixSpaces() {
  std::string text;
  text.reserve(text_.size() + ends_.size());
  std::vector<size_t> ends;
  for (size_t i = 0; i < size(); ++i) {
    std::string_view piece = (*this)[i];
    if (piece[0] != ' ')
      text += ' ';
    text += piece;
    ends.push_back(text.size());
  }
  rewrite(std::move(text), std::move(ends));
}

void Pieces::metaspace(std::string_view replacement, MetaspaceScheme scheme) {
  std::string text;
  text.reserve(text_.size() + text_.size() / 2);
  std::vector<size_t> ends;
  for (size_t i = 0; i < size(); ++i) {
    std::string_view piece = (*this)[i];
    bool prepend = scheme == MetaspaceScheme::Always ||
                   (scheme == MetaspaceScheme::First && i == 0 && atStart_);
    if (prepend && piece[0] != ' ' && !piece.starts_with(replacement))
      text += replacement;
    for (char c : piece)
      if (c == ' ')
        text += replacement;
      else
        text += c;
    ends.push_back(text.size());
  }
  rewrite(std::move(text), std::move(ends));
}

void Pieces::splitText(std::string_view separator, SplitBehavior behavior) {
  if (behavior == SplitBehavior::Removed) {
    std::string text;
    std::vector<size_t> ends;
    for (size_t i = 0; i < size(); ++i)
      for (std::string_view rest = (*this)[i]; !rest.empty();) {
        size_t at = rest.find(separator);
        std::string_view part = rest.substr(0, at);
        rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + separator.size());
        if (part.empty())
          continue;
        text += part;
        ends.push_back(text.size());
      }
    rewrite(std::move(text), std::move(ends));
    return;
  }
  cut([=](std::string_view rest) {
    bool separatorFirst = rest.starts_with(separator);
    if (separatorFirst && behavior != SplitBehavior::WithNext)
      return separator.size();
    // With the next: a separator takes the text up to the following separator.
    size_t from = separatorFirst ? separator.size() : 0;
    size_t at = rest.find(separator, from);
    if (at == std::string_view::npos)
      return rest.size();
    return behavior == SplitBehavior::WithPrevious ? at + separator.size() : at;
  });
}

void Pieces::apply(const PretokenizerStep &step) {
  switch (step.op) {
  case PretokenizerOp::Gpt2:
    cut(nextGpt2Word);
    break;
  case PretokenizerOp::Llama3:
    cut([&](std::string_view rest) { return nextLlama3Word(rest, step.a, step.b == 1); });
    break;
  case PretokenizerOp::Digits:
    splitDigits(step.a == 1);
    break;
  case PretokenizerOp::ByteLevel:
    if (step.a == 1)
      prefixSpaces();
    break;
  case PretokenizerOp::Metaspace:
    metaspace(step.text, static_cast<MetaspaceScheme>(step.a));
    if (step.b == 1)
      splitText(step.text, SplitBehavior::WithNext);
    break;
  case PretokenizerOp::Text:
    splitText(step.text, static_cast<SplitBehavior>(step.a));
    break;
  }
}

} // namespace axiom::tokenizer
