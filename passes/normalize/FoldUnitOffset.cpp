// gain form 1 + w: the vector gets the addend, the norm an ordinary gain.
#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_FOLDUNITOFFSET
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct FoldUnitOffset : impl::FoldUnitOffsetBase<FoldUnitOffset> {
  template <typename Op> LogicalResult fold(Op op) {
    auto vector = op.getGain().template getDefiningOp<ir::VectorOp>();
    if (!vector || vector.getValues() || vector.getAddend())
      return op.emitOpError("has unit_offset, but its gain is no plain tensor of the model");
    OpBuilder builder(op);
    auto gain =
        ir::VectorOp::create(builder, vector.getLoc(), vector.getType(), vector.getTensorAttr(),
                             builder.getF32FloatAttr(1.0f), DenseF32ArrayAttr());
    op.getGainMutable().assign(gain);
    op.setUnitOffset(false);
    return success();
  }

  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](Operation *op) -> WalkResult {
      if (auto norm = dyn_cast<ir::RmsNormOp>(op); norm && norm.getUnitOffset())
        return fold(norm);
      if (auto norm = dyn_cast<ir::QkNormOp>(op); norm && norm.getUnitOffset())
        return fold(norm);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
} // namespace axiom
