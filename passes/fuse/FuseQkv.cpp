#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_FUSEQKV
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

/// What happens to q or k between its linear and its use, each step the only reader of the one
/// before.
struct Chain {
  ir::QkNormOp norm;
  ir::RopeOp rope;
  ir::ScaleOp scale;
  SmallVector<Operation *> ops; ///< in order
};

template <typename Op> Op onlyUser(Value value) {
  return value.hasOneUse() ? dyn_cast<Op>(*value.user_begin()) : Op();
}

std::optional<Chain> chainFrom(Value value) {
  Chain chain;
  auto take = [&](auto &slot) {
    using Op = std::remove_reference_t<decltype(slot)>;
    slot = onlyUser<Op>(value);
    if (slot) {
      chain.ops.push_back(slot);
      value = slot.getResult();
    }
  };
  take(chain.norm);
  take(chain.rope);
  take(chain.scale);
  if (!chain.rope || (chain.norm && chain.norm.getUnitOffset()))
    return std::nullopt;
  return chain;
}

struct FuseQkv : impl::FuseQkvBase<FuseQkv> {
  void fuse(ir::KvWriteOp write) {
    auto list = write.getValue().getDefiningOp<ir::LinearListOp>();
    if (!list || list.getOutputs().size() != 3 || write.getValue() != list.getOutputs()[2] ||
        !write.getValue().hasOneUse())
      return;
    auto q = chainFrom(list.getOutputs()[0]), k = chainFrom(list.getOutputs()[1]);
    if (!q || !k || k->scale || k->rope.getResult() != write.getKey() || !k->rope->hasOneUse() ||
        q->rope.getInvFreq() != k->rope.getInvFreq() || !q->norm != !k->norm ||
        (q->norm && q->norm.getEps() != k->norm.getEps()) ||
        q->rope.getInvFreq().getType().getSize() * 2 != write.getType().getDim())
      return;
    if (q->norm && q->norm.getGain().getType().getSize() != write.getType().getDim())
      return;
    // The fused op stands at the later of the KV write and the query's last step; every reader of
    // the results must come after it.
    Operation *last = q->ops.back(), *place = last->isBeforeInBlock(write) ? write : last;
    for (Operation *end : {last, write.getOperation()})
      for (Operation *user : end->getUsers())
        if (user->getBlock() != place->getBlock() || !place->isBeforeInBlock(user))
          return;
    OpBuilder builder(place);
    builder.setInsertionPointAfter(place);
    Value qNorm, kNorm;
    FloatAttr eps;
    if (q->norm) {
      qNorm = q->norm.getGain();
      kNorm = k->norm.getGain();
      eps = q->norm.getEpsAttr();
    }
    FloatAttr scale = q->scale ? q->scale.getFactorAttr() : builder.getF32FloatAttr(1.0f);
    auto fused = ir::QkvOp::create(
        builder, list.getLoc(), last->getResult(0).getType(), write.getType(), list.getRows(),
        list.getQrows(), list.getWeights(), list.getBiases(), qNorm, kNorm, q->rope.getInvFreq(),
        scale, eps, list.getCutsAttr(), list.getBiasOfAttr(), write.getLayerAttr());
    last->replaceAllUsesWith(ValueRange(fused.getQuery()));
    write->replaceAllUsesWith(ValueRange(fused.getKv()));
    write.erase();
    for (Chain *chain : {&*q, &*k})
      for (Operation *op : llvm::reverse(chain->ops))
        op->erase();
    list.erase();
  }

  void runOnOperation() override {
    SmallVector<ir::KvWriteOp> writes;
    getOperation().walk([&](ir::KvWriteOp write) { writes.push_back(write); });
    for (ir::KvWriteOp write : writes)
      fuse(write);
  }
};

} // namespace
} // namespace axiom
