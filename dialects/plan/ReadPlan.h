// The plan dialect as plain C++ for the packager.
#ifndef AXIOM_DIALECTS_PLAN_READPLAN_H
#define AXIOM_DIALECTS_PLAN_READPLAN_H

#include "dialects/plan/ExecutionPlan.h"
#include "runtime/base/Status.h"

namespace mlir {
class ModuleOp;
}

namespace axiom::plan {

/// Reads the plan.model of a module that passed the plan phase.
Result<ExecutionPlan> readPlan(mlir::ModuleOp module);

} // namespace axiom::plan

#endif
