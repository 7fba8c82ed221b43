#include "runtime/serve/grammar/Compiler.h"

#include <algorithm>

namespace axiom::serve::grammar {

Vocabulary vocabularyOf(const Tokenizer &tokenizer, uint32_t vocab, std::span<const int32_t> end) {
  Vocabulary out;
  out.tokens.resize(vocab);
  out.end.assign(end.begin(), end.end());
  auto known = static_cast<size_t>(std::max(tokenizer.vocabSize(), 0));
  for (size_t i = 0; i < std::min(known, out.tokens.size()); ++i)
    if (auto id = static_cast<int32_t>(i); !tokenizer.isSpecial(id))
      out.tokens[i] = tokenizer.tokenBytes(id);
  return out;
}

} // namespace axiom::serve::grammar
