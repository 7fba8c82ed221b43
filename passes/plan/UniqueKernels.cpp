#include "passes/Passes.h"

namespace axiom {

#define GEN_PASS_DEF_UNIQUEKERNELS
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

struct UniqueKernels : impl::UniqueKernelsBase<UniqueKernels> {
  void runOnOperation() override {
    for (plan::ModelOp model : getOperation().getOps<plan::ModelOp>()) {
      // Specs are unique objects of the context: equal means identical.
      llvm::DenseMap<Attribute, FlatSymbolRefAttr> kept;
      llvm::DenseMap<Attribute, Attribute> renamed;
      for (plan::KernelOp kernel :
           llvm::make_early_inc_range(model.getBody().getOps<plan::KernelOp>())) {
        auto symbol = FlatSymbolRefAttr::get(kernel.getSymNameAttr());
        auto [it, fresh] = kept.try_emplace(kernel.getSpec(), symbol);
        renamed[symbol] = it->second;
        if (!fresh)
          kernel.erase();
      }
      model.walk([&](plan::TaskOp task) {
        SmallVector<Attribute> variants;
        for (Attribute symbol : task.getKernels())
          variants.push_back(renamed.lookup_or(symbol, symbol));
        task.setKernelsAttr(ArrayAttr::get(&getContext(), variants));
      });
    }
  }
};

} // namespace
} // namespace axiom
