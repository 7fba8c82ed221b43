// The fused and outlined graph as a plan.model. Every task gets a kernel of its own here; equal
// ones are merged by UniqueKernels, slots by MergeSlots.
#include "passes/Passes.h"
#include "passes/plan/builder/PlanBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace axiom {

#define GEN_PASS_DEF_FORMKERNELS
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct FormKernels : impl::FormKernelsBase<FormKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto step = module.lookupSymbol<func::FuncOp>("step");
    if (!step || step.isExternal()) {
      module.emitError("has no func.func @step to plan");
      return signalPassFailure();
    }
    PlanBuilder builder(module);
    if (failed(builder.build(step)))
      return signalPassFailure();
    for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
      if (!isa<plan::ModelOp>(op))
        op.erase();
  }
};

} // namespace
} // namespace axiom
