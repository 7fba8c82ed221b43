// What attention reads and works in, by the words of kernel_abi.h.
#ifndef AXIOM_TEST_UNIT_CODEGEN_KVMEMORY_H
#define AXIOM_TEST_UNIT_CODEGEN_KVMEMORY_H

#include "test/unit/codegen/KernelCases.h"

namespace axiom::test {

/// KV memory of one layer; block i of sequence s is block tables[s][i]. What a sequence has not
/// reached is NaN.
std::vector<uint8_t> kvMemory(const plan::KernelSpec &spec,
                              const std::vector<const numerics::KvStore *> &stores,
                              const std::vector<std::vector<uint32_t>> &tables);

/// The slot in which a token's spans meet: its counters are zero before and after, the rest is
/// whatever.
Operand spansOperand(const plan::KernelSpec &spec);

} // namespace axiom::test

#endif
