// KernelSpec and PlanWeight as MLIR attributes and back.
#ifndef AXIOM_DIALECTS_PLAN_PLANATTRS_H
#define AXIOM_DIALECTS_PLAN_PLANATTRS_H

#include "dialects/plan/ExecutionPlan.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"

namespace axiom::plan {

/// The spec without its name; fields with default values are left out.
mlir::DictionaryAttr attrsFromSpec(mlir::MLIRContext *context, const KernelSpec &spec);
/// Refuses unknown fields, wrong types, and specs that no kernel can have.
mlir::FailureOr<KernelSpec> specFromAttrs(mlir::StringRef name, mlir::DictionaryAttr attrs,
                                          llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

/// The weight without its name.
mlir::DictionaryAttr attrsFromWeight(mlir::MLIRContext *context, const PlanWeight &weight);
mlir::FailureOr<PlanWeight>
weightFromAttrs(mlir::StringRef name, mlir::DictionaryAttr attrs,
                llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

/// Bytes of a weight in the weights segment.
uint64_t weightBytes(const PlanWeight &weight);

const char *spaceName(AxmSpace space);

} // namespace axiom::plan

#endif
