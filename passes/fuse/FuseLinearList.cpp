#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_FUSELINEARLIST
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;
using ir::Role;

/// The f32 rows that a linear reads, directly or quantized.
Value baseInput(ir::LinearOp linear) {
  if (auto quantize = linear.getInput().getDefiningOp<ir::QuantizeOp>())
    return quantize.getInput();
  return linear.getInput();
}

struct FuseLinearList : impl::FuseLinearListBase<FuseLinearList> {
  /// The linears of one input by role, in the order of the block.
  struct Group {
    Value base;
    std::map<Role, ir::LinearOp> byRole;
    ir::LinearOp first;
  };

  void fuse(Group &group, ArrayRef<Role> roles) {
    SmallVector<ir::LinearOp> linears;
    for (Role role : roles) {
      auto it = group.byRole.find(role);
      if (it == group.byRole.end() || it->second.getCuts() != group.first.getCuts())
        return;
      linears.push_back(it->second);
    }
    // The list stands where the first of them stood. Constants and the quantization of the input,
    // which may be defined between them, move up; anything else stops the fusion.
    ir::LinearOp first = group.first;
    for (ir::LinearOp linear : linears)
      for (Value operand : linear->getOperands()) {
        Operation *definition = operand.getDefiningOp();
        if (!definition || definition->getBlock() != first->getBlock() ||
            definition->isBeforeInBlock(first))
          continue;
        if (!isa<ir::WeightOp, ir::VectorOp, ir::QuantizeOp>(definition))
          return;
        definition->moveBefore(first);
      }
    Value rows, qrows;
    SmallVector<Value> weights, biases;
    SmallVector<int64_t> biasOf;
    SmallVector<Type> types;
    for (auto [i, linear] : llvm::enumerate(linears)) {
      (isa<ir::QRowsType>(linear.getInput().getType()) ? qrows : rows) = linear.getInput();
      weights.push_back(linear.getWeight());
      if (linear.getBias()) {
        biases.push_back(linear.getBias());
        biasOf.push_back(static_cast<int64_t>(i));
      }
      types.push_back(linear.getType());
    }
    OpBuilder builder(first);
    auto list = ir::LinearListOp::create(builder, first.getLoc(), types, rows, qrows, weights,
                                         biases, first.getCuts(), biasOf);
    for (auto [linear, output] : llvm::zip(linears, list.getOutputs())) {
      linear.replaceAllUsesWith(output);
      linear.erase();
    }
  }

  void runOnOperation() override {
    std::vector<std::pair<Group, Group>> groups; // q|k|v and gate|up of one input
    llvm::DenseMap<std::pair<Block *, Value>, size_t> indexOf;
    getOperation().walk([&](ir::LinearOp linear) {
      Role role = linear.getRole();
      bool qkv = role == Role::Q || role == Role::K || role == Role::V;
      if (!qkv && role != Role::Gate && role != Role::Up)
        return;
      auto [it, fresh] =
          indexOf.try_emplace({linear->getBlock(), baseInput(linear)}, groups.size());
      if (fresh)
        groups.emplace_back();
      Group &group = qkv ? groups[it->second].first : groups[it->second].second;
      if (!group.first)
        group.first = linear;
      group.byRole.try_emplace(role, linear);
    });
    for (auto &[qkv, gateUp] : groups) {
      if (qkv.first)
        fuse(qkv, {Role::Q, Role::K, Role::V});
      if (gateUp.first)
        fuse(gateUp, {Role::Gate, Role::Up});
    }
  }
};

} // namespace
} // namespace axiom
