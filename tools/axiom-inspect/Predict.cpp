#include "tools/axiom-inspect/Predict.h"

#include "runtime/artifact/CudaImage.h"

#include <algorithm>

namespace axiom {

namespace {

// Of the attention kernel, counted by hand in its machine code for sm_90a: instructions of a warp
// for each f32 multiply-add, their cycles, waits of a warp for each block of 64 positions, and
// warps of a multiprocessor.
constexpr double kSlotsPerFma = 4.4, kCyclesPerSlot = 1.8, kTripsPerBlock = 18,
                 kAttentionWarps = 20;
// Of the prologue, for each 32 values of a row: waits (the rows lie in the cache of level 2) and
// cycles.
constexpr double kRowTrips = 1.5, kRowCycles = 120;

/// bf16 and f32 weights cost what f16 ones do: their loops differ by a conversion.
const char *costName(size_t format) {
  switch (format) {
  case AXM_FORMAT_Q8:
    return "q8";
  case AXM_FORMAT_Q4F16:
    return "q4f16";
  case AXM_FORMAT_Q4:
    return "q4";
  case AXM_FORMAT_Q6:
    return "q6";
  default:
    return "f16";
  }
}

uint64_t warpsOf(const AxmCudaStage &stage, uint32_t tokens) {
  return std::max<uint64_t>(cudaBlocks(stage, tokens) * (stage.threads / 32), 1);
}

/// The body of a linear: each tile of tokens reads the weights again, from the cache.
GpuLaunch linearBody(const TaskWork &work, const AxmCudaStage &stage, uint32_t tokens) {
  GpuLaunch launch;
  launch.bytes = static_cast<double>(work.bytes()) / work.repetitions;
  launch.warps = warpsOf(stage, tokens);
  double tiles =
      static_cast<double>((uint64_t(tokens) + stage.tokensPerTile - 1) / stage.tokensPerTile);
  double residentOf = 0, all = 0;
  for (size_t format = 0; format < std::size(work.matrixBytes); ++format) {
    double bytes = static_cast<double>(work.matrixBytes[format]) / work.repetitions * tiles;
    if (format == AXM_FORMAT_F32)
      bytes /= 2; // a weight costs what an f16 one does
    const KernelCost *cost = bytes > 0 ? findCost(costName(format), stage.tokensPerTile) : nullptr;
    if (!cost)
      continue;
    double each = bytes / static_cast<double>(launch.warps);
    launch.slots += bytes * cost->slots;
    launch.integers += bytes * cost->integers;
    launch.floats += bytes * cost->floats;
    launch.matrix += bytes * cost->matrix;
    launch.cycles += each * cost->cycles;
    launch.trips += each / cost->trip;
    residentOf += bytes * cost->resident;
    all += bytes;
  }
  launch.resident = all > 0 ? residentOf / all : 1;
  return launch;
}

/// A warp for each token and query head, or so many in the grid; each has its part of the
/// positions.
GpuLaunch attentionBody(const TaskWork &work, const AxmCudaStage &stage, uint32_t tokens,
                        uint32_t headDim) {
  GpuLaunch launch;
  launch.bytes = static_cast<double>(work.bytes()) / work.repetitions;
  launch.warps = warpsOf(stage, tokens);
  double macs = static_cast<double>(work.attentionMacs) / work.repetitions;
  double each = macs / static_cast<double>(launch.warps);
  launch.slots = macs / 32 * kSlotsPerFma;
  launch.floats = macs / 32 * 2; // the multiply-add and the conversion
  launch.resident = kAttentionWarps;
  launch.trips = each / (2.0 * headDim) / AXM_KV_BLOCK * kTripsPerBlock;
  launch.cycles = each / 32 * kSlotsPerFma * kCyclesPerSlot;
  return launch;
}

} // namespace

Result<StepPrediction> predictStep(const GpuDevice &device, const Metadata &metadata,
                                   const StepWork &work, std::span<const AxmCudaKernel> kernels,
                                   std::span<const SequenceSlice> slices) {
  uint32_t tokens = 0, rows = 0;
  for (const SequenceSlice &s : slices) {
    tokens += s.tokens;
    rows += s.rows;
  }
  StepPrediction step;
  for (const TaskWork &task : work.tasks) {
    const TaskInfo &info = metadata.plan.repeats[task.repeat].phases[task.phase].tasks[task.task];
    uint32_t index = info.kernels[2]; // the last variant is the one that GPUs run
    if (index >= kernels.size())
      return Status(Code::Unsupported, "the CUDA code has no launches for '" + task.name + "'");
    const AxmCudaKernel &kernel = kernels[index];
    bool head = std::any_of(info.bindings.begin(), info.bindings.end(),
                            [](const BindingInfo &b) { return b.space == AXM_SPACE_ROWS; });
    uint32_t count = head ? rows : tokens;
    const AxmCudaStage *body = kernel.bodies;
    while (body->mostTokens < count && body + 1 < kernel.bodies + AXM_CUDA_BODIES)
      ++body;
    TaskPrediction result;
    result.name = task.name;
    result.repetitions = task.repetitions;
    result.megabytes = static_cast<double>(task.bytes()) / 1e6;
    result.blocks = cudaBlocks(*body, count);
    result.launches = 1;
    GpuLaunch launch;
    if (task.linearMacs > 0)
      launch = linearBody(task, *body, count);
    else if (task.attentionMacs > 0)
      launch = attentionBody(task, *body, count, metadata.config.headDim);
    else
      launch.bytes = static_cast<double>(task.bytes()) / task.repetitions;
    GpuTime time = predictLaunch(device, launch);
    result.bound = time.bound();
    double all = time.total;
    if (kernel.prologue.symbol[0] != '\0') {
      GpuLaunch rowsLaunch;
      rowsLaunch.warps = warpsOf(kernel.prologue, count);
      rowsLaunch.resident = 64;
      double groups = static_cast<double>(kernel.scratchPerToken) / 40; // a group: 32 + 8 bytes
      rowsLaunch.tripsL2 = groups * kRowTrips;
      rowsLaunch.cycles = groups * kRowCycles;
      all += predictLaunch(device, rowsLaunch).total;
      ++result.launches;
    }
    result.microseconds = all * task.repetitions;
    step.microseconds += result.microseconds;
    step.tasks.push_back(std::move(result));
  }
  return step;
}

} // namespace axiom
