// Mutants of the CUDA kernels, made from the text of a kernel header by rules, each with one
// change: a call removed that orders something (barrier, commit, wait), a ticket that orders
// nothing, a number of pending copies or of tickets one higher or lower, a lane or an index into
// fragments one higher or lower.
#ifndef AXIOM_TEST_UNIT_CODEGEN_CUDAMUTANTS_H
#define AXIOM_TEST_UNIT_CODEGEN_CUDAMUTANTS_H

#include <string>
#include <vector>

namespace axiom::test {

enum class MutantKind { Barrier, Commit, Wait, Fence, Count, Lane, Index };
const char *mutantKindName(MutantKind kind);

struct Mutant {
  MutantKind kind;
  std::string header; ///< "Products.h"
  size_t number;      ///< of the header's mutants
  uint32_t line;      ///< from 1
  std::string what;   ///< "without blockSync();"; no two of a line are alike
  std::string source; ///< the line as it was, without its indentation
  std::string text;   ///< of the whole changed header
};

/// Of the header `name` of codegen/cuda/kernels, whose text is `text`: in the order of its lines.
std::vector<Mutant> mutantsOf(const std::string &name, const std::string &text);

} // namespace axiom::test

#endif
