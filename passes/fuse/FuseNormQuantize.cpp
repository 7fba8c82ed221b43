#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_FUSENORMQUANTIZE
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct FuseNormQuantize : impl::FuseNormQuantizeBase<FuseNormQuantize> {
  void runOnOperation() override {
    SmallVector<ir::QuantizeOp> candidates;
    getOperation().walk([&](ir::QuantizeOp quantize) { candidates.push_back(quantize); });
    for (ir::QuantizeOp quantize : candidates) {
      auto norm = quantize.getInput().getDefiningOp<ir::RmsNormOp>();
      if (!norm || norm.getUnitOffset())
        continue;
      OpBuilder builder(norm);
      auto fused =
          ir::NormQuantizeOp::create(builder, norm.getLoc(), quantize.getType(), norm.getType(),
                                     norm.getInput(), norm.getGain(), norm.getEpsAttr());
      quantize.replaceAllUsesWith(fused.getQuantized());
      quantize.erase();
      norm.replaceAllUsesWith(fused.getNormalized());
      norm.erase();
    }
  }
};

} // namespace
} // namespace axiom
