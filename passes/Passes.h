// The passes of the compiler; what each does is in Passes.td.
#ifndef AXIOM_PASSES_PASSES_H
#define AXIOM_PASSES_PASSES_H

#include "dialects/axiom/AxiomDialect.h"
#include "dialects/plan/PlanDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace axiom {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace axiom

#endif
