// Which cases of the kernel tests a mutant of the CUDA kernels is held against: the smallest ones
// that take every path through the header that it is in.
#ifndef AXIOM_TEST_UNIT_CODEGEN_CUDAMUTANTCASES_H
#define AXIOM_TEST_UNIT_CODEGEN_CUDAMUTANTCASES_H

#include "codegen/cuda/LinearForm.h"
#include "test/unit/codegen/KernelCases.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace axiom::test {

class MutantCase {
public:
  MutantCase(std::function<KernelCase()> make, const codegen::FullGrid &full)
      : full(full), make(std::move(make)) {}

  const codegen::FullGrid full;
  /// All of its launches are to run. Made when it is first asked for.
  const KernelCase &kernels() const {
    if (!made)
      made = make();
    return *made;
  }

private:
  std::function<KernelCase()> make;
  mutable std::optional<KernelCase> made;
};

/// Of a header of codegen/cuda/kernels, "Products.h": the likeliest to show a fault first.
std::vector<MutantCase> mutantCasesFor(const std::string &header);

} // namespace axiom::test

#endif
