// What a sequence's output has to look like: told of each token, it says which may come next. What
// it is made of (a grammar, a list) is the caller's business.
#ifndef AXIOM_RUNTIME_ENGINE_TOKENCONSTRAINT_H
#define AXIOM_RUNTIME_ENGINE_TOKENCONSTRAINT_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <span>

namespace axiom::engine {

/// Of one sequence, used by the engine's thread alone. Tokens are drawn one after the other, those
/// behind a draft too (a draft is a guess, it decides nothing), so nothing is ever taken back.
class TokenConstraint {
public:
  virtual ~TokenConstraint() = default;

  /// Sets bit t % 32 of word t / 32 for each token t that may be next, clears the others. `mask`
  /// has maskWords(vocabulary) words. At least one token may be, unless ended().
  virtual Status fill(std::span<uint32_t> mask) = 0;
  /// The next token; one that fill() allowed.
  virtual Status accept(int32_t token) = 0;
  /// Nothing may follow: the sample ends as with a stop token.
  virtual bool ended() const = 0;
};

inline constexpr size_t maskWords(uint32_t vocab) { return (size_t(vocab) + 31) / 32; }

/// Makes the constraint of each sample of a request. May be shared between requests; start() may be
/// called from any thread.
class ConstraintSource {
public:
  virtual ~ConstraintSource() = default;
  virtual Result<std::unique_ptr<TokenConstraint>> start() const = 0;
};

} // namespace axiom::engine

#endif
