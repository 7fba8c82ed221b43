// Grammars into constraints for the engine. The only part of the server that knows xgrammar, and
// the only one that is built in two ways: without the library nothing can be constrained.
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_COMPILER_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_COMPILER_H

#include "runtime/base/Status.h"
#include "runtime/engine/TokenConstraint.h"
#include "runtime/text/Tokenizer.h"

#include <memory>
#include <string>
#include <vector>

namespace axiom::serve::grammar {

/// What a grammar has to know of the model.
struct Vocabulary {
  /// The bytes of each token, one for each logit; empty: it never comes in constrained output, as
  /// special tokens.
  std::vector<std::string> tokens;
  std::vector<int32_t> end; ///< may come once the text is complete; without any the text just ends
};

/// Of a model with so many logits. Special tokens and ids without a token never come, but for the
/// ends.
Vocabulary vocabularyOf(const Tokenizer &tokenizer, uint32_t vocab, std::span<const int32_t> end);

/// A compiled grammar; immutable, shared by requests.
class Grammar : public engine::ConstraintSource {
public:
  virtual size_t bytes() const = 0; ///< memory that it takes, about
  virtual std::string serialized() const = 0;
};

class Compiler {
public:
  virtual ~Compiler() = default;
  /// Compiles EBNF that checkEbnf() takes; `root` is where a text begins. Any thread, one at a
  /// time.
  virtual Result<std::shared_ptr<const Grammar>> compile(const std::string &ebnf) = 0;
  /// What serialized() gave, for the same vocabulary and the same library.
  virtual Result<std::shared_ptr<const Grammar>> read(const std::string &serialized) = 0;
};

/// Unsupported, with the reason, in a build without the library.
Result<std::unique_ptr<Compiler>> makeCompiler(Vocabulary vocabulary);
/// The library and its version; empty without it.
const char *libraryName();

} // namespace axiom::serve::grammar

#endif
