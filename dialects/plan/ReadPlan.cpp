#include "dialects/plan/ReadPlan.h"

#include "dialects/plan/PlanAttrs.h"
#include "dialects/plan/PlanDialect.h"

#include "mlir/IR/BuiltinOps.h"

#include "llvm/ADT/StringMap.h"

namespace axiom::plan {

using namespace mlir;

namespace {
/// Symbol -> index, in the order of the plan.
using Indices = llvm::StringMap<uint32_t>;

Result<uint32_t> indexOf(const Indices &indices, Attribute symbol, const char *what) {
  StringRef name = cast<FlatSymbolRefAttr>(symbol).getValue();
  auto it = indices.find(name);
  if (it == indices.end())
    return Status(Code::Internal, "the plan refers to " + std::string(what) + " '" + name.str() +
                                      "', which it does not define");
  return it->second;
}

Result<PlanTask> readTask(TaskOp op, const Indices &kernels, const Indices &weights,
                          const Indices &slots) {
  PlanTask task;
  task.name = op.getName().str();
  task.balance = op.getBalance();
  for (auto [i, symbol] : llvm::enumerate(op.getKernels())) {
    AXIOM_ASSIGN_OR_RETURN(task.kernels[i], indexOf(kernels, symbol, "kernel"));
  }
  for (Attribute attr : op.getBindings()) {
    auto source = cast<BindingAttr>(attr);
    PlanBinding binding;
    binding.space = source.getSpace();
    if (binding.space == AXM_SPACE_WORKSPACE) {
      AXIOM_ASSIGN_OR_RETURN(binding.slot, indexOf(slots, source.getSymbols()[0], "slot"));
    }
    if (binding.space == AXM_SPACE_WEIGHTS)
      for (FlatSymbolRefAttr symbol : source.getSymbols()) {
        AXIOM_ASSIGN_OR_RETURN(uint32_t index, indexOf(weights, symbol, "weight"));
        binding.indices.push_back(index);
      }
    if (binding.space == AXM_SPACE_KV)
      binding.indices.assign(source.getLayers().begin(), source.getLayers().end());
    task.bindings.push_back(std::move(binding));
  }
  return task;
}
} // namespace

Result<ExecutionPlan> readPlan(ModuleOp module) {
  auto models = module.getOps<ModelOp>();
  if (models.empty())
    return Status(Code::Internal, "the module has no plan.model; run the plan phase first");
  ModelOp model = *models.begin();
  ExecutionPlan plan;
  Indices kernels, weights, slots;
  // The verifier has been here; a failure to read a spec back would be an error of this program.
  auto quiet = [&] { return model.emitError(); };
  for (Operation &op : model.getBody().front()) {
    if (auto kernel = dyn_cast<KernelOp>(op)) {
      auto spec = specFromAttrs(kernel.getSymName(), kernel.getSpec(), quiet);
      if (failed(spec))
        return Status(Code::Internal, "kernel '" + kernel.getSymName().str() + "' is malformed");
      kernels[kernel.getSymName()] = static_cast<uint32_t>(plan.kernels.size());
      plan.kernels.push_back(std::move(*spec));
    } else if (auto weight = dyn_cast<WeightOp>(op)) {
      auto read = weightFromAttrs(weight.getSymName(), weight.getTensor(), quiet);
      if (failed(read))
        return Status(Code::Internal, "weight '" + weight.getSymName().str() + "' is malformed");
      weights[weight.getSymName()] = static_cast<uint32_t>(plan.weights.size());
      plan.weights.push_back(std::move(*read));
    } else if (auto slot = dyn_cast<SlotOp>(op)) {
      slots[slot.getSymName()] = static_cast<uint32_t>(plan.slots.size());
      plan.slots.push_back({slot.getSymName().str(), slot.getFixed(), slot.getPerToken()});
    }
  }
  for (auto repeatOp : model.getBody().getOps<RepeatOp>()) {
    PlanRepeat repeat;
    repeat.count = static_cast<uint32_t>(repeatOp.getCount());
    repeat.firstLayer = repeatOp.getFirstLayer() ? int64_t(*repeatOp.getFirstLayer()) : -1;
    for (auto phaseOp : repeatOp.getBody().getOps<PhaseOp>()) {
      PlanPhase phase;
      for (auto taskOp : phaseOp.getBody().getOps<TaskOp>()) {
        AXIOM_ASSIGN_OR_RETURN(PlanTask task, readTask(taskOp, kernels, weights, slots));
        phase.tasks.push_back(std::move(task));
      }
      repeat.phases.push_back(std::move(phase));
    }
    plan.repeats.push_back(std::move(repeat));
  }
  AXIOM_ASSIGN_OR_RETURN(plan.residualSlot, indexOf(slots, model.getResidualAttr(), "slot"));
  StringRef kv = model.getKvType();
  plan.kvType = kv == "f32" ? AXM_KV_F32 : kv == "f16" ? AXM_KV_F16 : AXM_KV_INT8;
  plan.kvHeadBytes = model.getKvHeadBytes();
  plan.kvLayerBytes = model.getKvLayerBytes();
  plan.kvBlockBytes = model.getKvBlockBytes();
  return plan;
}

} // namespace axiom::plan
