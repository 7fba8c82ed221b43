#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_FUSESWIGLU
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct FuseSwiGlu : impl::FuseSwiGluBase<FuseSwiGlu> {
  void fuse(ir::SwiGluOp swiglu) {
    auto list = swiglu.getGate().getDefiningOp<ir::LinearListOp>();
    if (!list || list.getOutputs().size() != 2 || swiglu.getGate() != list.getOutputs()[0] ||
        swiglu.getUp() != list.getOutputs()[1] || !swiglu.getGate().hasOneUse() ||
        !swiglu.getUp().hasOneUse())
      return;
    // Quantized if that is the only form in which the result is read.
    Operation *replaced = swiglu;
    if (swiglu->hasOneUse())
      if (auto quantize = dyn_cast<ir::QuantizeOp>(*swiglu->user_begin()))
        replaced = quantize;
    OpBuilder builder(swiglu);
    auto fused = ir::SwiGluLinearOp::create(
        builder, swiglu.getLoc(), replaced->getResult(0).getType(), list.getRows(), list.getQrows(),
        list.getWeights(), list.getBiases(), list.getCutsAttr(), list.getBiasOfAttr());
    replaced->replaceAllUsesWith(ValueRange(fused.getResult()));
    if (replaced != swiglu)
      replaced->erase();
    swiglu.erase();
    list.erase();
  }

  void runOnOperation() override {
    SmallVector<ir::SwiGluOp> found;
    getOperation().walk([&](ir::SwiGluOp swiglu) { found.push_back(swiglu); });
    for (ir::SwiGluOp swiglu : found)
      fuse(swiglu);
  }
};

} // namespace
} // namespace axiom
