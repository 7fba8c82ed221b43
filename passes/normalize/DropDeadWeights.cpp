#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_DROPDEADWEIGHTS
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct DropDeadWeights : impl::DropDeadWeightsBase<DropDeadWeights> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (isa<ir::WeightOp, ir::VectorOp>(op) && op->use_empty())
        op->erase();
    });
  }
};

} // namespace
} // namespace axiom
