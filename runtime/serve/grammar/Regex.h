// Regular expressions (the common part of JavaScript's and Python's) into EBNF.
//
// The whole text has to match: anchors may stand at the ends and change nothing. In a JSON string
// the characters that need an escape are written with it.
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_REGEX_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_REGEX_H

#include "runtime/base/Status.h"
#include "runtime/serve/grammar/EbnfText.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::serve::grammar {

inline constexpr uint32_t kUnbounded = UINT32_MAX;
inline constexpr uint32_t kMaxRepeats = 4096; ///< of one repetition
inline constexpr uint32_t kMaxRegexDepth = 64;

class Regex {
public:
  /// An error says where and why.
  static Result<Regex> parse(std::string_view pattern);

  /// The expression, for a place in a rule's body.
  std::string ebnf(bool inJson) const;
  /// Lengths of the texts that match, in characters.
  uint32_t shortest() const { return shortest_; }
  uint32_t longest() const { return longest_; } ///< kUnbounded: any

  struct Node;

private:
  std::shared_ptr<const Node> root_;
  uint32_t shortest_ = 0, longest_ = 0;
};

/// A character of a JSON string out of `set`, escaped where it has to be.
std::string jsonChar(const CharSet &set);

} // namespace axiom::serve::grammar

#endif
