// Faults for emitted kernels: where one can be, how it is planted, and where it would change
// nothing.
#ifndef AXIOM_TEST_UNIT_CODEGEN_FAULTS_H
#define AXIOM_TEST_UNIT_CODEGEN_FAULTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>
#include <vector>

namespace axiom::test {

enum class Fault {
  Lane,      ///< another lane of a vector, another of several loads or stores side by side
  Order,     ///< the same summands summed in another order
  LostFma,   ///< a product and a sum, each rounded
  GainedFma, ///< a product and a sum, rounded once
  Operands,  ///< swapped operands of a difference, quotient or comparison
  Constant,  ///< an f32 constant one last bit off
  Bound,     ///< a loop without its first or last step, a lane mask off by one
};
constexpr Fault allFaults[] = {Fault::Lane,     Fault::Order,    Fault::LostFma, Fault::GainedFma,
                               Fault::Operands, Fault::Constant, Fault::Bound};
const char *faultName(Fault fault);

/// Where one fault can be planted. `variant` tells apart several ways at one op.
struct Place {
  mlir::Operation *op;
  Fault fault;
  int variant = 0;
};

/// All places in a function, in the order of its ops. Nothing that decides over an address or a
/// count is one, but for loop bounds, which only shrink: such a fault is a crash, not a wrong bit.
std::vector<Place> placesOf(mlir::func::FuncOp function, Fault fault);

/// Changes the module.
void plant(const Place &place);

/// The rule by which a fault here changes no output for any input, or null. The long fault test
/// plants these faults too and expects no difference.
const char *harmlessRule(const Place &place);

std::string describe(const Place &place);

} // namespace axiom::test

#endif
