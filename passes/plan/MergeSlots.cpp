// Slots share memory where they are never alive in the same phase. Liveness is counted per phase,
// not finer: tasks of a phase run in any order.
#include "passes/Passes.h"

#include "dialects/plan/PlanAttrs.h"

#include "llvm/ADT/BitVector.h"

namespace axiom {

#define GEN_PASS_DEF_MERGESLOTS
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;
using llvm::BitVector;

/// Slots that a phase reads, and those that it defines (writes without reading).
struct PhaseUse {
  BitVector read, written;
};

struct MergeSlots : impl::MergeSlotsBase<MergeSlots> {
  LogicalResult useOf(plan::PhaseOp phase, PhaseUse &use) {
    for (plan::TaskOp task : phase.getBody().getOps<plan::TaskOp>())
      for (Attribute symbol : task.getKernels()) {
        auto kernel = SymbolTable::lookupNearestSymbolFrom<plan::KernelOp>(
            task, cast<FlatSymbolRefAttr>(symbol).getAttr());
        auto spec = plan::specFromAttrs(kernel.getSymName(), kernel.getSpec(),
                                        [&] { return kernel.emitOpError(); });
        if (failed(spec))
          return failure();
        for (auto [arg, attr] : llvm::zip(plan::kernelArgs(*spec), task.getBindings())) {
          if (arg.space != AXM_SPACE_WORKSPACE)
            continue;
          unsigned slot = index_[cast<plan::BindingAttr>(attr).getSymbols()[0].getAttr()];
          if (arg.readFixed + arg.readPerToken > 0)
            use.read.set(slot);
          if (arg.writeFixed + arg.writePerToken > 0)
            use.written.set(slot);
        }
      }
    return success();
  }

  LogicalResult merge(plan::ModelOp model) {
    SmallVector<plan::SlotOp> slots(model.getBody().getOps<plan::SlotOp>());
    index_.clear();
    for (auto [i, slot] : llvm::enumerate(slots))
      index_[slot.getSymNameAttr()] = static_cast<unsigned>(i);
    auto count = static_cast<unsigned>(slots.size());

    // Phases in order; `loop` is the first phase of the repeat that a phase ends, or none.
    std::vector<PhaseUse> phases;
    std::vector<std::optional<size_t>> loop;
    for (plan::RepeatOp repeat : model.getBody().getOps<plan::RepeatOp>()) {
      size_t first = phases.size();
      for (plan::PhaseOp phase : repeat.getBody().getOps<plan::PhaseOp>()) {
        phases.push_back({BitVector(count), BitVector(count)});
        loop.push_back(std::nullopt);
        if (failed(useOf(phase, phases.back())))
          return failure();
      }
      if (repeat.getCount() > 1 && phases.size() > first)
        loop.back() = first;
    }

    // Backward liveness to its fixed point: what is read later, also by the next repetition.
    std::vector<BitVector> liveIn(phases.size() + 1, BitVector(count));
    std::vector<BitVector> occupied(phases.size(), BitVector(count));
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t p = phases.size(); p-- > 0;) {
        BitVector out = liveIn[p + 1];
        if (loop[p])
          out |= liveIn[*loop[p]];
        BitVector in = out;
        in.reset(phases[p].written);
        in |= phases[p].read;
        occupied[p] = out;
        occupied[p] |= in;
        occupied[p] |= phases[p].written;
        if (in != liveIn[p]) {
          liveIn[p] = in;
          changed = true;
        }
      }
    }

    // First fit, in the order of the plan.
    SmallVector<SmallVector<unsigned>> shared;
    for (unsigned i = 0; i < count; ++i) {
      bool alone = slots[i].getKeepsPadding() || slots[i].getSymName() == model.getResidual();
      auto fits = [&](ArrayRef<unsigned> members) {
        for (unsigned other : members) {
          if (slots[other].getKeepsPadding() || slots[other].getSymName() == model.getResidual())
            return false;
          for (const BitVector &live : occupied)
            if (live[i] && live[other])
              return false;
        }
        return true;
      };
      auto *home = alone ? shared.end() : llvm::find_if(shared, fits);
      if (home == shared.end())
        shared.push_back({i});
      else
        home->push_back(i);
    }
    llvm::DenseMap<StringAttr, FlatSymbolRefAttr> renamed;
    for (ArrayRef<unsigned> members : shared) {
      plan::SlotOp first = slots[members[0]];
      for (unsigned i : members) {
        renamed[slots[i].getSymNameAttr()] = FlatSymbolRefAttr::get(first.getSymNameAttr());
        first.setFixed(std::max(first.getFixed(), slots[i].getFixed()));
        first.setPerToken(std::max(first.getPerToken(), slots[i].getPerToken()));
      }
    }
    model.walk([&](plan::TaskOp task) {
      SmallVector<Attribute> bindings;
      for (Attribute attr : task.getBindings()) {
        auto binding = cast<plan::BindingAttr>(attr);
        if (binding.getSpace() == AXM_SPACE_WORKSPACE)
          binding = plan::BindingAttr::get(&getContext(), binding.getSpace(),
                                           {renamed[binding.getSymbols()[0].getAttr()]}, {});
        bindings.push_back(binding);
      }
      task.setBindingsAttr(ArrayAttr::get(&getContext(), bindings));
    });
    for (plan::SlotOp slot : slots)
      if (renamed[slot.getSymNameAttr()].getAttr() != slot.getSymNameAttr())
        slot.erase();
    return success();
  }

  void runOnOperation() override {
    for (plan::ModelOp model : getOperation().getOps<plan::ModelOp>())
      if (failed(merge(model)))
        return signalPassFailure();
  }

  llvm::DenseMap<StringAttr, unsigned> index_;
};

} // namespace
} // namespace axiom
