#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_FUSERESIDUAL
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct FuseResidual : impl::FuseResidualBase<FuseResidual> {
  void runOnOperation() override {
    SmallVector<ir::AddOp> adds;
    getOperation().walk([&](ir::AddOp add) { adds.push_back(add); });
    for (ir::AddOp add : adds) {
      auto linear = add.getUpdate().getDefiningOp<ir::LinearOp>();
      if (!linear || !linear->hasOneUse())
        continue;
      OpBuilder builder(add);
      auto fused = ir::LinearResidualOp::create(
          builder, linear.getLoc(), add.getType(), add.getResidual(), linear.getInput(),
          linear.getWeight(), linear.getBias(), linear.getRoleAttr(), linear.getCutsAttr());
      add.replaceAllUsesWith(fused.getResult());
      add.erase();
      linear.erase();
    }
  }
};

} // namespace
} // namespace axiom
