#include "tools/axiom-inspect/Report.h"

namespace axiom::inspect {

std::string predictText(const Facts &facts) {
  const GpuAnswer &gpu = facts.gpu;
  uint32_t sequences = gpu.question.sequences, tokens = gpu.question.tokens;
  std::string out =
      format("predicted, not measured: a step with %u token%s of each of %u sequence%s, up to "
             "position %u, on %s\n",
             tokens, tokens == 1 ? "" : "s", sequences, sequences == 1 ? "" : "s",
             gpu.question.context, gpu.device->text);
  out += format("  %-18s %9s %9s %10s %10s  %s\n", "phase", "launches", "blocks", "MB", "us",
                "set by");
  double megabytes = 0;
  uint32_t launches = 0;
  for (const TaskPrediction &task : gpu.step.tasks) {
    std::string name =
        task.repetitions > 1 ? format("%s x%u", task.name.c_str(), task.repetitions) : task.name;
    out += format("  %-18s %9u %9llu %10.3f %10.1f  %s\n", name.c_str(),
                  task.launches * task.repetitions, static_cast<unsigned long long>(task.blocks),
                  task.megabytes, task.microseconds, task.bound.c_str());
    megabytes += task.megabytes;
    launches += task.launches * task.repetitions;
  }
  double seconds = gpu.step.microseconds * 1e-6;
  out += format("  %-18s %9u %9s %10.3f %10.1f  %.0f tokens/s, %.0f GB/s\n", "total", launches, "",
                megabytes, gpu.step.microseconds, sequences * tokens / seconds,
                megabytes / 1e3 / seconds);
  out += "start: the gap between kernels and the way to the first bytes; memory: all bytes; issue: "
         "all\ninstructions; warp: a warp with its waits, one after the other where a "
         "multiprocessor has no room\n";
  if (gpu.device->assumed[0] != '\0')
    out += format("assumed: %s\n", gpu.device->assumed);
  return out + "docs/cuda.md says what the formula was compared with\n";
}

} // namespace axiom::inspect
