// One constant per tensor and form, at its first place, so that equal means identical further on:
// the tied embedding and head are one value, layers with the same frequencies share one vector.
#include "passes/Passes.h"

#include "mlir/IR/OperationSupport.h"

namespace axiom {

#define GEN_PASS_DEF_UNIQUECONSTANTS
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct UniqueConstants : impl::UniqueConstantsBase<UniqueConstants> {
  void runOnBlock(Block &block) {
    // By type and attributes; both are unique objects of the context.
    llvm::DenseMap<std::pair<Type, Attribute>, Operation *> seen;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          runOnBlock(inner);
      if (!isa<ir::WeightOp, ir::VectorOp>(op))
        continue;
      auto [it, fresh] = seen.try_emplace({op.getResult(0).getType(), op.getAttrDictionary()}, &op);
      if (fresh)
        continue;
      op.replaceAllUsesWith(it->second);
      op.erase();
    }
  }

  void runOnOperation() override { runOnBlock(*getOperation().getBody()); }
};

} // namespace
} // namespace axiom
