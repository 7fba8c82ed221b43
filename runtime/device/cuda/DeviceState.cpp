#include "runtime/device/cuda/DeviceState.h"

#include "runtime/base/Checked.h"

#include <algorithm>
#include <cstring>

namespace axiom::cuda {

namespace {

uint8_t *address(const DeviceMemory &memory) { return reinterpret_cast<uint8_t *>(memory.get()); }
DevicePointer pointer(const void *address) { return reinterpret_cast<DevicePointer>(address); }

} // namespace

uint64_t slotBytes(const SlotInfo &slot, uint32_t tokens) {
  return alignUp(slot.fixed + slot.perToken * tokens, 256);
}

DeviceState::DeviceState(std::shared_ptr<const Resident> resident, const Artifact &artifact,
                         const CudaOptions &options)
    : resident_(std::move(resident)), image_(*artifact.cuda()), options_(options),
      program_(artifact.program()) {
  program_.weights = address(resident_->weights);
}

Result<std::unique_ptr<DeviceState>> DeviceState::create(std::shared_ptr<const Resident> resident,
                                                         const Artifact &artifact,
                                                         const CudaOptions &options,
                                                         const CudaMemory &memory) {
  std::unique_ptr<DeviceState> state(new DeviceState(std::move(resident), artifact, options));
  AXIOM_RETURN_IF_ERROR(state->allocate(memory));
  state->buildTable();
  return state;
}

Status DeviceState::allocate(const CudaMemory &memory) {
  const std::shared_ptr<const Context> &c = resident_->context;
  AXIOM_ASSIGN_OR_RETURN(workspace_, allocateDevice(c, memory.workspace, "the workspace"));
  AXIOM_ASSIGN_OR_RETURN(scratch_, allocateDevice(c, memory.scratch, "scratch"));
  AXIOM_ASSIGN_OR_RETURN(counters_, allocateDevice(c, memory.counters, "counters"));
  AXIOM_ASSIGN_OR_RETURN(inputs_, allocateDevice(c, memory.inputs, "a step's inputs"));
  AXIOM_ASSIGN_OR_RETURN(logits_, allocateDevice(c, memory.logits, "rows of logits"));
  AXIOM_ASSIGN_OR_RETURN(tiles_, allocateDevice(c, memory.tiles, "tiles of logits"));
  AXIOM_ASSIGN_OR_RETURN(kv_, allocateDevice(c, memory.kv, "the KV cache"));
  AXIOM_ASSIGN_OR_RETURN(staging_, allocatePinned(c, memory.inputs, "a step's inputs"));
  AXIOM_ASSIGN_OR_RETURN(logitRows_, allocatePinned(c, memory.logits, "rows of logits"));
  AXIOM_ASSIGN_OR_RETURN(tileRows_, allocatePinned(c, memory.tiles, "tiles of logits"));
  AXIOM_ASSIGN_OR_RETURN(stream_, createStream(c));
  AXIOM_ASSIGN_OR_RETURN(copied_, createEvent(c));
  std::memset(staging_.get(), 0, memory.inputs);
  AXIOM_CUDA(context(), cuMemsetD8Async, kv_.get(), 0, memory.kv, stream_.get());
  AXIOM_CUDA(context(), cuMemsetD8Async, counters_.get(), 0, memory.counters, stream_.get());
  return Status::okStatus();
}

void DeviceState::buildTable() {
  uint64_t offset = 0;
  for (const SlotInfo &slot : program_.plan.slots) {
    slots_.push_back(address(workspace_) + offset);
    offset += slotBytes(slot, options_.maxTokens);
  }
  table_ = buildLaunchTable(program_, slots_, address(kv_));
}

Status DeviceState::clearBlock(uint32_t block) {
  uint64_t bytes = program_.kv.blockBytes;
  AXIOM_CUDA(context(), cuMemsetD8Async, kv_.get() + block * bytes, 0, bytes, stream_.get());
  return Status::okStatus();
}

Status DeviceState::synchronize() {
  AXIOM_CUDA(context(), cuStreamSynchronize, stream_.get());
  copying_ = false;
  return Status::okStatus();
}

Status DeviceState::copyInputs(const StepInput &in, const StepLayout &layout) {
  if (copying_)
    AXIOM_CUDA(context(), cuEventSynchronize, copied_.get());
  copying_ = false;
  uint64_t bytes = layout.pack(in, static_cast<uint8_t *>(staging_.get()));
  AXIOM_CUDA(context(), cuMemcpyHtoDAsync, inputs_.get(), staging_.get(), bytes, stream_.get());
  if (in.rows.empty()) { // else the step waits for its results
    AXIOM_CUDA(context(), cuEventRecord, copied_.get(), stream_.get());
    copying_ = true;
  }
  return Status::okStatus();
}

void DeviceState::bind(const StepLayout &layout) {
  for (const StepArg &arg : table_.stepArgs)
    table_.args[arg.arg] = arg.space == AXM_SPACE_LOGITS ? address(logits_)
                           : arg.space == AXM_SPACE_TILES
                               ? address(tiles_)
                               : address(inputs_) + layout.offsetOf(arg.space);
}

Status DeviceState::launchStage(const AxmCudaStage &stage, FunctionHandle function, uint32_t tokens,
                                AxmCudaLaunch &launch) {
  void *parameters[] = {&launch};
  Status status = context().check(
      "cuLaunchKernel",
      context().driver().cuLaunchKernel(function, static_cast<unsigned>(cudaBlocks(stage, tokens)),
                                        1, 1, stage.threads, 1, 1, stage.sharedBytes, stream_.get(),
                                        parameters, nullptr));
  return status.ok() ? status : status.withContext(format("kernel %s", stage.symbol));
}

Status DeviceState::launchPhase(const LaunchPhase &phase, const StepLayout &layout) {
  for (uint32_t i = phase.firstLaunch; i < phase.firstLaunch + phase.numLaunches; ++i) {
    const Launch &task = table_.launches[i];
    uint32_t tokens = task.perRow ? layout.rowBucket : layout.tokenBucket;
    if (tokens == 0)
      continue;
    auto index = static_cast<size_t>(task.kernels[2] - program_.kernels.data());
    const AxmCudaKernel &kernel = image_.kernels[index];
    const KernelFunctions &functions = resident_->functions[index];
    AxmCudaLaunch launch{};
    std::copy_n(table_.args.begin() + task.firstArg, task.kernels[2]->row.numArgs, launch.args);
    launch.scratch = address(scratch_);
    launch.counters = reinterpret_cast<uint32_t *>(address(counters_));
    launch.tokens = reinterpret_cast<const uint32_t *>(
        address(inputs_) + (task.perRow ? layout.rowCount : layout.tokenCount));
    if (functions.prologue)
      AXIOM_RETURN_IF_ERROR(launchStage(kernel.prologue, functions.prologue, tokens, launch));
    size_t body = cudaBody(kernel, tokens);
    AXIOM_RETURN_IF_ERROR(launchStage(kernel.bodies[body], functions.bodies[body], tokens, launch));
  }
  return Status::okStatus();
}

Result<const float *> DeviceState::hidden(uint32_t first, uint32_t count) {
  uint64_t rowBytes = uint64_t(program_.config.hiddenStride()) * sizeof(float);
  hidden_.resize(std::max<size_t>(hidden_.size(), count * rowBytes));
  AXIOM_CUDA(context(), cuMemcpyDtoHAsync, hidden_.data(),
             pointer(slots_[program_.plan.residualSlot] + first * rowBytes), count * rowBytes,
             stream_.get());
  AXIOM_RETURN_IF_ERROR(synchronize());
  return reinterpret_cast<const float *>(hidden_.data());
}

Status DeviceState::callHook(uint32_t layer, uint32_t numTokens, const LayerHook &hook,
                             Status &hookStatus) {
  AXIOM_ASSIGN_OR_RETURN(const float *rows, hidden(0, numTokens));
  Status status = callLayerHook(hook, layer, rows, numTokens);
  if (!status.ok())
    hookStatus = std::move(status);
  return Status::okStatus();
}

Status DeviceState::launchAll(const StepInput &in, const StepLayout &layout, const LayerHook &hook,
                              Status &hookStatus) {
  bind(layout);
  size_t end = std::min<size_t>(in.endPhase, table_.phases.size());
  for (size_t p = in.firstPhase; p < end; ++p) {
    const LaunchPhase &phase = table_.phases[p];
    AXIOM_RETURN_IF_ERROR(launchPhase(phase, layout));
    if (hook && phase.layerDone >= 0)
      AXIOM_RETURN_IF_ERROR(callHook(static_cast<uint32_t>(phase.layerDone),
                                     static_cast<uint32_t>(in.tokens.size()), hook, hookStatus));
  }
  return Status::okStatus();
}

Result<GraphExec> DeviceState::capture(const StepLayout &layout) {
  bind(layout);
  const std::shared_ptr<const Context> &c = resident_->context;
  AXIOM_CUDA(*c, cuStreamBeginCapture, stream_.get(), kCaptureThreadLocal);
  Status launched;
  for (const LaunchPhase &phase : table_.phases)
    if (launched.ok())
      launched = launchPhase(phase, layout);
  GraphHandle handle = nullptr; // ended in any case, so that the stream can be used again
  Status ended =
      c->check("cuStreamEndCapture", c->driver().cuStreamEndCapture(stream_.get(), &handle));
  Graph graph;
  if (handle)
    graph = Graph(c, handle);
  AXIOM_RETURN_IF_ERROR(launched);
  AXIOM_RETURN_IF_ERROR(ended);
  GraphExecHandle exec = nullptr;
  AXIOM_CUDA(*c, cuGraphInstantiate, &exec, handle, 0);
  return GraphExec(c, exec);
}

Status DeviceState::launchGraph(const StepLayout &layout) {
  auto key = std::pair(layout.tokenBucket, layout.rowBucket);
  auto found = graphs_.find(key);
  if (found == graphs_.end()) {
    AXIOM_ASSIGN_OR_RETURN(GraphExec exec, capture(layout));
    found = graphs_.emplace(key, std::move(exec)).first;
  }
  AXIOM_CUDA(context(), cuGraphLaunch, found->second.get(), stream_.get());
  return Status::okStatus();
}

Status DeviceState::copyResults(const StepInput &in) {
  const ArtifactConfig &config = program_.config;
  uint64_t rowBytes = uint64_t(config.logitsStride()) * sizeof(float);
  uint64_t tiles = in.rows.size() * uint64_t(config.numTiles()) * sizeof(AxmTile);
  auto *rows = static_cast<uint8_t *>(logitRows_.get());
  auto wanted = [&](size_t row) { return in.tilesOnly.empty() || !in.tilesOnly[row]; };
  // Neighbouring rows come in one copy.
  for (size_t begin = 0, end; begin < in.rows.size(); begin = end) {
    for (end = begin + 1; end < in.rows.size() && wanted(end) == wanted(begin);)
      ++end;
    if (!wanted(begin))
      continue;
    uint64_t at = begin * rowBytes, bytes = (end - begin) * rowBytes;
    AXIOM_CUDA(context(), cuMemcpyDtoHAsync, rows + at, logits_.get() + at, bytes, stream_.get());
  }
  AXIOM_CUDA(context(), cuMemcpyDtoHAsync, tileRows_.get(), tiles_.get(), tiles, stream_.get());
  AXIOM_RETURN_IF_ERROR(synchronize());
  if (!in.logits)
    return Status::okStatus();
  for (size_t row = 0; row < in.rows.size(); ++row)
    if (wanted(row))
      std::memcpy(reinterpret_cast<uint8_t *>(in.logits) + row * rowBytes, rows + row * rowBytes,
                  rowBytes);
  std::memcpy(in.tiles, tileRows_.get(), tiles);
  return Status::okStatus();
}

StepResults DeviceState::results() const {
  return {static_cast<const float *>(logitRows_.get()),
          static_cast<const AxmTile *>(tileRows_.get())};
}

Status DeviceState::step(const StepInput &in, const LayerHook &hook, Status &hookStatus) {
  StepLayout layout(bucketOf(static_cast<uint32_t>(in.tokens.size()), options_.maxTokens),
                    bucketOf(static_cast<uint32_t>(in.rows.size()), options_.maxRows));
  AXIOM_RETURN_IF_ERROR(copyInputs(in, layout));
  bool whole = in.firstPhase == 0 && in.endPhase >= table_.phases.size();
  if (options_.graphs && whole && !hook)
    AXIOM_RETURN_IF_ERROR(launchGraph(layout));
  else
    AXIOM_RETURN_IF_ERROR(launchAll(in, layout, hook, hookStatus));
  return in.rows.empty() ? Status::okStatus() : copyResults(in);
}

} // namespace axiom::cuda
