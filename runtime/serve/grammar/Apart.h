// Compiling in a process of its own. A grammar of a few lines can keep the library busy for ever or
// let it take all memory, and a thread can't be stopped: a process can, and it may die alone.
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_APART_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_APART_H

#include "runtime/serve/grammar/Compiler.h"
#include "runtime/serve/grammar/EbnfCheck.h"

#include <memory>
#include <string>

namespace axiom::serve::grammar {

struct ApartLimits {
  uint32_t cpuMs = 700;       ///< of processor time, for any grammar
  uint32_t wideUs = 600;      ///< more, for each wide class and 1000 tokens of the vocabulary
  uint32_t mostMs = 12000;    ///< in all: what would get more is refused before it is tried
  uint32_t wallFactor = 15;   ///< where others want the processor, too
  size_t memory = 1u << 30;   ///< beside what this process has
  size_t result = 256u << 20; ///< bytes of a compiled grammar
};

/// compile() in a copy of this process, which also tries the masks of some tokens, then read() of
/// what it has written. Resource when a limit is met or the copy dies.
Result<std::shared_ptr<const Grammar>> compileApart(Compiler &compiler, const CheckedEbnf &ebnf,
                                                    uint32_t vocab, const ApartLimits &limits = {});
/// read() of what serialized() gave, once a copy of this process has done so and tried the masks of
/// some tokens: bytes that would end the process end the copy. BadInput or Resource then.
Result<std::shared_ptr<const Grammar>> readApart(Compiler &compiler, const std::string &serialized,
                                                 uint32_t vocab, const ApartLimits &limits = {});

} // namespace axiom::serve::grammar

#endif
