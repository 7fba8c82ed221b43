#include "tools/axiom-inspect/Predict.h"

#include "runtime/artifact/CudaImage.h"

#include <algorithm>
#include <cmath>

namespace axiom {

namespace {

// Of attention, counted by hand in its machine code for sm_90a: instructions and cycles of a warp
// for each multiply-add of its lanes, a quarter of which are for rows that do not exist; the same
// for the rest of a KV block, its weights and its folds; waits for a block's slabs.
struct AttentionCost {
  double slotsPerFma, cyclesPerFma, slotsPerBlock, cyclesPerBlock, tripsPerBlock;
};
constexpr AttentionCost kSpans = {1.94, 3.2, 900, 2500, 2}, kTiles = {1.45, 2.0, 900, 2500, 0.7};
constexpr double kRowsShare = 0.75, kAttentionWarps = 12, kJoinTrips = 2;
// Of the prologue: waits of a block for its row and its weights, cycles of each, and for each 32
// values of a row.
constexpr double kRowTrips = 2, kRowCycles = 1500, kRowGroupCycles = 6, kRowWarps = 50;

/// bf16 and f32 weights cost what f16 ones do: their loops differ by a conversion.
std::string costName(size_t format) {
  bool floats = format == AXM_FORMAT_F32 || format == AXM_FORMAT_BF16;
  return formatName(floats ? AXM_FORMAT_F16 : static_cast<AxmFormat>(format));
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

/// Up to 64 tokens, blocks of the grid share a token's spans of 256 positions, four KV blocks at a
/// time; else a block goes through all KV blocks that its tokens see.
GpuLaunch attentionBody(const TaskWork &work, const AxmCudaStage &stage, uint32_t tokens,
                        const ArtifactConfig &config) {
  bool tiles = stage.mostTokens == UINT32_MAX;
  const AttentionCost &cost = tiles ? kTiles : kSpans;
  GpuLaunch launch;
  launch.bytes = static_cast<double>(work.bytes()) / work.repetitions;
  double macs = static_cast<double>(work.attentionMacs) / work.repetitions;
  double positions = macs / (2.0 * config.headDim * config.heads * std::max(tokens, 1u));
  double kvBlocks = std::ceil(positions / AXM_KV_BLOCK), rounds = kvBlocks;
  double warpsOfBlock = stage.threads / 32;
  launch.warps = warpsOf(stage, tokens);
  if (!tiles) {
    double spans = std::ceil(positions / AXM_ATTENTION_SPAN);
    double units = config.kvHeads, splits = std::max(stage.units / units, 1.0);
    double working = std::min(spans, splits);
    rounds = std::ceil(spans / working);
    launch.warps = static_cast<uint64_t>(units * working * tokens * warpsOfBlock);
    launch.trips = splits > 1 && spans > 1 ? kJoinTrips : 0;
  }
  double warps = static_cast<double>(std::max<uint64_t>(launch.warps, 1));
  double fmas = macs / 32 / kRowsShare;
  launch.slots = fmas * cost.slotsPerFma + warps * rounds * cost.slotsPerBlock;
  launch.floats = fmas;
  launch.resident = kAttentionWarps;
  launch.trips += 1 + rounds * cost.tripsPerBlock;
  launch.cycles = fmas / warps * cost.cyclesPerFma + rounds * cost.cyclesPerBlock;
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
      launch = attentionBody(task, *body, count, metadata.config);
    else
      launch.bytes = static_cast<double>(task.bytes()) / task.repetitions;
    GpuTime time = predictLaunch(device, launch);
    result.bound = time.bound();
    double all = time.total;
    if (kernel.prologue.symbol[0] != '\0') {
      GpuLaunch rowsLaunch;
      rowsLaunch.warps = warpsOf(kernel.prologue, count);
      rowsLaunch.resident = kRowWarps;
      double groups = static_cast<double>(kernel.scratchPerToken) / 40; // a group: 32 + 8 bytes
      rowsLaunch.tripsL2 = kRowTrips;
      rowsLaunch.cycles = kRowCycles + groups * kRowGroupCycles;
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
