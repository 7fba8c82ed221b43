#include "runtime/device/LaunchTable.h"

#include <algorithm>

namespace axiom {

uint64_t launchTableBytes(const LoadedProgram &program) {
  // The validator bounds the number of arguments and launches of a step: no overflow.
  uint64_t bytes = 0;
  for (const RepeatInfo &repeat : program.plan.repeats) {
    uint64_t once = 0;
    for (const PhaseInfo &phase : repeat.phases) {
      once += sizeof(LaunchPhase);
      for (const TaskInfo &task : phase.tasks)
        once += sizeof(Launch) + task.bindings.size() * (sizeof(void *) + sizeof(StepArg));
    }
    bytes += once * repeat.count;
  }
  return bytes;
}

LaunchTable buildLaunchTable(const LoadedProgram &program, const std::vector<uint8_t *> &slots,
                             uint8_t *kv) {
  LaunchTable table;
  auto resolve = [&](const BindingInfo &binding, uint32_t repetition) {
    uint32_t arg = static_cast<uint32_t>(table.args.size());
    uint64_t value = 0;
    if (!binding.values.empty())
      value = binding.values[binding.values.size() == 1 ? 0 : repetition];
    void *address = nullptr;
    switch (binding.space) {
    case AXM_SPACE_WEIGHTS:
      address = const_cast<uint8_t *>(program.weights + value);
      break;
    case AXM_SPACE_WORKSPACE:
      address = slots[binding.slot];
      break;
    case AXM_SPACE_KV:
      address = kv ? kv + value * program.kv.layerBytes : nullptr;
      break;
    default:
      table.stepArgs.push_back({arg, binding.space});
      break;
    }
    table.args.push_back(address);
  };
  for (const RepeatInfo &repeat : program.plan.repeats) {
    for (uint32_t repetition = 0; repetition < repeat.count; ++repetition) {
      for (size_t p = 0; p < repeat.phases.size(); ++p) {
        const PhaseInfo &phase = repeat.phases[p];
        bool last = p + 1 == repeat.phases.size() && repeat.firstLayer >= 0;
        table.phases.push_back({static_cast<uint32_t>(table.launches.size()),
                                static_cast<uint32_t>(phase.tasks.size()),
                                last ? repeat.firstLayer + repetition : -1});
        for (const TaskInfo &task : phase.tasks) {
          Launch launch{};
          for (size_t v = 0; v < 3; ++v) {
            launch.kernels[v] = &program.kernels[task.kernels[v]];
            const AxmKernelRow &row = launch.kernels[v]->row;
            table.scratchFixed = std::max(table.scratchFixed, row.scratchFixed);
            table.scratchPerToken = std::max(table.scratchPerToken, row.scratchPerToken);
          }
          launch.firstArg = static_cast<uint32_t>(table.args.size());
          launch.balance = task.balance;
          launch.perRow =
              std::any_of(task.bindings.begin(), task.bindings.end(),
                          [](const BindingInfo &b) { return b.space == AXM_SPACE_ROWS; });
          for (const BindingInfo &binding : task.bindings)
            resolve(binding, repetition);
          table.launches.push_back(launch);
        }
      }
    }
  }
  return table;
}

} // namespace axiom
