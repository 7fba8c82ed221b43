// C++ side of the plan dialect. Ops are in PlanOps.td.
#ifndef AXIOM_DIALECTS_PLAN_PLANDIALECT_H
#define AXIOM_DIALECTS_PLAN_PLANDIALECT_H

#include "runtime/abi/kernel_abi.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

#include "dialects/plan/PlanDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/plan/PlanAttrDefs.h.inc"
#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.h.inc"

#endif
