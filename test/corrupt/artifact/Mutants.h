// Every scalar of the metadata with its name, so that each can be changed on its own.
#ifndef AXIOM_TEST_CORRUPT_ARTIFACT_MUTANTS_H
#define AXIOM_TEST_CORRUPT_ARTIFACT_MUTANTS_H

#include "runtime/artifact/Plan.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace axiom::test {

struct Field {
  std::string name;
  bool strict; ///< no other value is possible: every change must be rejected
  unsigned bits;
  std::function<uint64_t(const Metadata &)> get;
  std::function<void(Metadata &, uint64_t)> set;
};

std::vector<Field> metadataFields(const Metadata &metadata);

/// A change of structure: an element less, an element twice, two swapped.
struct Surgery {
  std::string name;
  std::function<void(Metadata &)> apply;
};
std::vector<Surgery> metadataSurgeries(const Metadata &metadata);

} // namespace axiom::test

#endif
