#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_FUSEHEAD
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct FuseHead : impl::FuseHeadBase<FuseHead> {
  void fuse(ir::HeadTilesOp tiles) {
    auto linear = tiles.getLogits().getDefiningOp<ir::LinearOp>();
    if (!linear || linear.getRole() != ir::Role::Head)
      return;
    // The norm, in whichever form earlier fusions left it.
    Operation *norm = linear.getInput().getDefiningOp();
    SmallVector<Operation *> chain{linear};
    if (isa_and_nonnull<ir::QuantizeOp>(norm)) {
      chain.push_back(norm);
      norm = cast<ir::QuantizeOp>(norm).getInput().getDefiningOp();
    }
    Value rows, gain;
    FloatAttr eps;
    if (auto plain = dyn_cast_or_null<ir::RmsNormOp>(norm); plain && !plain.getUnitOffset()) {
      rows = plain.getInput();
      gain = plain.getGain();
      eps = plain.getEpsAttr();
    } else if (auto fused = dyn_cast_or_null<ir::NormQuantizeOp>(norm)) {
      rows = fused.getInput();
      gain = fused.getGain();
      eps = fused.getEpsAttr();
    } else {
      return;
    }
    auto select = rows.getDefiningOp<ir::SelectRowsOp>();
    if (!select)
      return;
    chain.append({norm, select});
    for (Operation *user : linear->getUsers())
      if (user != tiles && (user->getBlock() != tiles->getBlock() || user->isBeforeInBlock(tiles)))
        return;
    OpBuilder builder(tiles);
    auto head = ir::HeadOp::create(builder, linear.getLoc(), linear.getType(), tiles.getType(),
                                   select.getInput(), gain, linear.getWeight(), linear.getBias(),
                                   eps, linear.getCutsAttr());
    tiles.replaceAllUsesWith(head.getTiles());
    tiles.erase();
    linear.replaceAllUsesWith(head.getLogits());
    for (Operation *op : chain)
      if (op->use_empty())
        op->erase();
  }

  void runOnOperation() override {
    SmallVector<ir::HeadTilesOp> found;
    getOperation().walk([&](ir::HeadTilesOp tiles) { found.push_back(tiles); });
    for (ir::HeadTilesOp tiles : found)
      fuse(tiles);
  }
};

} // namespace
} // namespace axiom
