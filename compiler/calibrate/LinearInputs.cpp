#include "compiler/calibrate/LinearInputs.h"

namespace axiom::calibrate {

using plan::ExecutionPlan;
using plan::KernelSpec;
using plan::PlanBinding;
using plan::PlanTask;

static uint32_t indexOf(const PlanBinding &binding, uint32_t repetition) {
  return binding.indices[binding.indices.size() == 1 ? 0 : repetition];
}

/// What `task` reads in this repetition of its phase, which has number `phase`.
static Result<LinearInput> inputOf(const ExecutionPlan &plan, const PlanTask &task,
                                   uint32_t repetition, uint32_t phase) {
  const KernelSpec &spec = plan.kernels[task.kernels[2]];
  std::vector<plan::KernelArg> args = plan::kernelArgs(spec);
  LinearInput input;
  input.phase = phase;
  input.width = spec.inner;
  input.normEps = spec.normEps;
  for (size_t i = 0; i < args.size() && i < task.bindings.size(); ++i) {
    const PlanBinding &binding = task.bindings[i];
    if (args[i].name == "input") {
      input.slot = binding.slot;
      if (args[i].readPerToken != 4ull * plan::rowStride(spec.inner))
        return Status(Code::Internal, format("the inputs of '%s' are not rows of f32; calibration "
                                             "needs a plan with float weights",
                                             task.name.c_str()));
    } else if (args[i].name == "norm") {
      input.norm = indexOf(binding, repetition);
    } else if (args[i].name.starts_with("weights")) {
      input.tensors.push_back(plan.weights[indexOf(binding, repetition)].source);
    }
  }
  return input;
}

Result<LinearInputs> findLinearInputs(const ExecutionPlan &plan) {
  LinearInputs found;
  uint32_t phase = 0;
  for (const plan::PlanRepeat &repeat : plan.repeats) {
    for (uint32_t repetition = 0; repetition < repeat.count; ++repetition) {
      LayerPhases layer;
      layer.first = phase;
      for (const plan::PlanPhase &tasks : repeat.phases) {
        for (const PlanTask &task : tasks.tasks) {
          const KernelSpec &spec = plan.kernels[task.kernels[2]];
          if (spec.kind != plan::KernelKind::Linear)
            continue;
          AXIOM_ASSIGN_OR_RETURN(LinearInput input, inputOf(plan, task, repetition, phase));
          if (spec.epilogue == plan::Epilogue::Head)
            found.head = std::move(input);
          else
            layer.inputs.push_back(std::move(input));
        }
        ++phase;
      }
      layer.end = phase;
      if (repeat.firstLayer >= 0)
        found.layers.push_back(std::move(layer));
      else if (found.layers.empty())
        found.leadingPhases = phase;
    }
  }
  if (found.layers.empty() || found.head.tensors.empty())
    return Status(Code::Internal, "the plan has no layers or no head to calibrate");
  return found;
}

} // namespace axiom::calibrate
