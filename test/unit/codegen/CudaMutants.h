// Mutants of the CUDA kernels, made from the text of a kernel header by rules, each with one
// change: a call removed that orders something (barrier, fence, commit, wait), a number of pending
// copy groups one higher or lower, an index into fragments or lanes one higher or lower.
#ifndef AXIOM_TEST_UNIT_CODEGEN_CUDAMUTANTS_H
#define AXIOM_TEST_UNIT_CODEGEN_CUDAMUTANTS_H

#include <string>
#include <vector>

namespace axiom::test {

struct Mutant {
  std::string header; ///< "Products.h"
  uint32_t line;      ///< from 1
  std::string what;   ///< "without blockSync();"
  std::string source; ///< the line as it was, without its indentation
  std::string text;   ///< of the whole changed header
};

/// Of the header `name` of codegen/cuda/kernels, whose text is `text`: in the order of its lines.
std::vector<Mutant> mutantsOf(const std::string &name, const std::string &text);

} // namespace axiom::test

#endif
