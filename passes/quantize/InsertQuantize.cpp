#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_INSERTQUANTIZE
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct InsertQuantize : impl::InsertQuantizeBase<InsertQuantize> {
  void runOnOperation() override {
    llvm::DenseMap<Value, Value> quantized; // rows -> their quantized form, once per value
    getOperation().walk([&](ir::LinearOp linear) {
      Value input = linear.getInput();
      if (!ir::isInteger(linear.getWeight().getType().getFormat()) || !ir::isRows(input.getType()))
        return;
      Value &rows = quantized[input];
      if (!rows) {
        OpBuilder builder(linear);
        builder.setInsertionPointAfterValue(input);
        rows = ir::QuantizeOp::create(
            builder, linear.getLoc(),
            ir::QRowsType::get(&getContext(), ir::widthOf(input.getType())), input);
      }
      linear.getInputMutable().assign(rows);
    });
  }
};

} // namespace
} // namespace axiom
