// Pieces of EBNF text, as xgrammar reads it: literals, character classes, rules.
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_EBNFTEXT_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_EBNFTEXT_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::serve::grammar {

/// `text` (UTF-8) as a literal with its quotes.
std::string literal(std::string_view text);

/// Code points, both ends included; rising, apart from each other.
struct CharRange {
  uint32_t first = 0, last = 0;
};
using CharSet = std::vector<CharRange>;

/// Sorts, joins, and leaves out what is no character (surrogates, beyond 10FFFF).
CharSet normalized(CharSet set);
CharSet complement(const CharSet &set);
CharSet without(const CharSet &set, const CharSet &other);
bool contains(const CharSet &set, uint32_t c);
/// As a class in brackets; the set must not be empty.
std::string charClass(const CharSet &set);

/// A grammar while it is written. Rules have names of their own; the size is bounded.
class RuleBook {
public:
  explicit RuleBook(size_t maxBytes) : maxBytes_(maxBytes) {}

  /// A new rule's name; its body is given by define().
  std::string reserve(std::string_view hint);
  void define(const std::string &name, const std::string &body);
  std::string add(std::string_view hint, const std::string &body);

  bool tooLarge() const { return text_.size() > maxBytes_; }
  size_t maxBytes() const { return maxBytes_; }
  const std::string &text() const { return text_; }

private:
  size_t maxBytes_;
  uint32_t count_ = 0;
  std::string text_;
};

/// The texts between `|`, in brackets; one of them alone stays as it is.
std::string anyOf(const std::vector<std::string> &parts);

} // namespace axiom::serve::grammar

#endif
