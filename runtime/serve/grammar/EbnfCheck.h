// What a grammar costs and whether it can end, before the library sees it.
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_EBNFCHECK_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_EBNFCHECK_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>

namespace axiom::serve::grammar {

struct EbnfLimits {
  size_t bytes = 256 << 10;
  uint32_t depth = 64; ///< of brackets
  uint32_t rules = 20000;
  uint32_t repeats = 4096; ///< of one repetition
  /// Characters, references and classes, all repetitions written out; a class of more than 16
  /// characters counts as 64, as what it costs grows with the tokens that it takes.
  uint64_t elements = 32768;
};

/// EBNF that the check has taken.
struct CheckedEbnf {
  std::string text;
  /// Classes of more than 16 characters, all repetitions written out: each costs the library a walk
  /// through the vocabulary.
  uint64_t wide = 0;
};

/// Rules `name ::= body`, the first or one called `root` being the start: strings, classes in
/// brackets, groups, `|`, `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`, comments behind `#`. Refuses what
/// is beyond the limits, names that have no rule, and grammars in which no text is ever complete.
/// In time and memory linear in the text.
Result<CheckedEbnf> checkEbnf(std::string text, const EbnfLimits &limits = {});

} // namespace axiom::serve::grammar

#endif
