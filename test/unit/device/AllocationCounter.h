// Counts calls of operator new in this test program.
#ifndef AXIOM_TEST_UNIT_DEVICE_ALLOCATIONCOUNTER_H
#define AXIOM_TEST_UNIT_DEVICE_ALLOCATIONCOUNTER_H

#include <cstdint>
#include <optional>

namespace axiom::test {

/// Nothing under a sanitizer: it brings an operator new of its own.
std::optional<uint64_t> allocationCount();

} // namespace axiom::test

#endif
