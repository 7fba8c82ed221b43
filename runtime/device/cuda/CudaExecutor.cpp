#include "runtime/device/cuda/CudaExecutor.h"

#include "runtime/base/Checked.h"
#include "runtime/device/cuda/DeviceState.h"

#include <algorithm>

namespace axiom::cuda {

namespace {

constexpr uint64_t kMost = 1ull << 60;

uint64_t rounded(uint64_t bytes) { return alignUp(std::max<uint64_t>(bytes, 1), kMemoryGranule); }

} // namespace

struct CudaExecutor::Impl {
  std::shared_ptr<GpuModel> model;
  CudaOptions options;
  CudaMemory memory;
  size_t numPhases = 0;
  std::unique_ptr<DeviceState> state; ///< null after an error, until the next step
  LayerHook hook;
  Status pending; ///< of clearBlock(), for the next step to report

  Status setUp(const UploadProgress &progress);
  Status run(const StepInput &input, Status &hookStatus);
  void letGo();
};

Result<CudaMemory> CudaExecutor::plan(const Artifact &artifact, const CudaOptions &options) {
  const LoadedProgram &program = artifact.program();
  const CudaImage *image = artifact.cuda();
  if (!image)
    return Status(Code::InvalidArgument, "the artifact was not opened for a GPU");
  if (options.maxTokens == 0 || options.maxTokens > kMaxStepTokens || options.maxRows == 0 ||
      options.maxRows > options.maxTokens)
    return Status(Code::InvalidArgument,
                  format("%u tokens and %u rows a step; 1 to %u tokens, and 1 row to as many are "
                         "possible",
                         options.maxTokens, options.maxRows, kMaxStepTokens));
  // Slots and scratch are at most 2^40 and 2^40 a token, tokens 2^16.
  std::optional<uint64_t> workspace = 0;
  for (const SlotInfo &slot : program.plan.slots)
    workspace = workspace ? checkedAdd(*workspace, slotBytes(slot, options.maxTokens)) : workspace;
  uint64_t scratch = 0;
  for (const AxmCudaKernel &kernel : image->kernels)
    scratch = std::max(scratch, kernel.scratchFixed + kernel.scratchPerToken * options.maxTokens);
  auto kv = checkedMul(options.numBlocks, program.kv.blockBytes);
  if (!workspace || !kv || *workspace > kMost || *kv > kMost || scratch > kMost)
    return Status(Code::Resource,
                  format("%u tokens a step and %u KV blocks need more memory than can be addressed",
                         options.maxTokens, options.numBlocks));
  CudaMemory memory;
  memory.workspace = rounded(*workspace);
  memory.scratch = rounded(scratch);
  memory.counters = rounded(AXM_CUDA_COUNTERS * sizeof(uint32_t));
  memory.kv = rounded(*kv);
  memory.inputs = rounded(StepLayout(options.maxTokens, options.maxRows).bytes(options.entries()));
  memory.logits =
      rounded(uint64_t(options.maxRows) * program.config.logitsStride() * sizeof(float));
  memory.tiles = rounded(uint64_t(options.maxRows) * program.config.numTiles() * sizeof(AxmTile));
  return memory;
}

Result<std::unique_ptr<CudaExecutor>> CudaExecutor::create(std::shared_ptr<GpuModel> model,
                                                           const CudaOptions &options,
                                                           const UploadProgress &progress) {
  try {
    auto impl = std::make_unique<Impl>();
    AXIOM_ASSIGN_OR_RETURN(impl->memory, plan(model->artifact(), options));
    impl->model = std::move(model);
    impl->options = options;
    for (const RepeatInfo &repeat : impl->model->artifact().program().plan.repeats)
      impl->numPhases += repeat.count * repeat.phases.size();
    AXIOM_RETURN_IF_ERROR(impl->setUp(progress));
    return std::unique_ptr<CudaExecutor>(new CudaExecutor(std::move(impl)));
  } catch (const std::exception &error) {
    return Status(Code::Resource, format("cannot set up the executor: %s", error.what()));
  }
}

CudaExecutor::CudaExecutor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CudaExecutor::~CudaExecutor() { impl_->letGo(); }

Status CudaExecutor::Impl::setUp(const UploadProgress &progress) {
  AXIOM_ASSIGN_OR_RETURN(std::shared_ptr<const Resident> resident, model->resident(progress));
  Current current(*resident->context);
  AXIOM_RETURN_IF_ERROR(resident->context->check("cuCtxPushCurrent", current.error()));
  auto made = DeviceState::create(resident, model->artifact(), options, memory);
  if (made.ok()) {
    state = std::move(made).value();
    return Status::okStatus();
  }
  if (!resident->context->synchronize().ok())
    model->drop(resident.get());
  return made.status();
}

/// Frees everything. What is under way comes to its end first; if it can't, the context is lost.
void CudaExecutor::Impl::letGo() {
  if (!state)
    return;
  if (!state->context().synchronize().ok())
    model->drop(&state->resident());
  state.reset();
}

Status CudaExecutor::Impl::run(const StepInput &input, Status &hookStatus) {
  AXIOM_RETURN_IF_ERROR(std::exchange(pending, Status()));
  if (!state)
    AXIOM_RETURN_IF_ERROR(setUp({}));
  Current current(state->context());
  AXIOM_RETURN_IF_ERROR(state->context().check("cuCtxPushCurrent", current.error()));
  return state->step(input, hook, hookStatus);
}

Status CudaExecutor::step(const StepInput &input) {
  AXIOM_RETURN_IF_ERROR(
      checkStep(input, impl_->model->artifact().config(),
                {impl_->options.maxTokens, impl_->options.numBlocks, impl_->numPhases, true}));
  if (input.rows.size() > impl_->options.maxRows ||
      input.blockTables.size() > impl_->options.entries())
    return Status(Code::InvalidArgument,
                  format("step: %zu rows and %zu entries of block tables; %u and %llu are possible",
                         input.rows.size(), input.blockTables.size(), impl_->options.maxRows,
                         static_cast<unsigned long long>(impl_->options.entries())));
  Status hookStatus;
  Status status = impl_->run(input, hookStatus);
  if (status.ok())
    return hookStatus;
  impl_->letGo();
  return Status(status.code(), status.message() + "; the device is set up anew with the next step");
}

StepResults CudaExecutor::results() const {
  return impl_->state ? impl_->state->results() : StepResults();
}

Result<const float *> CudaExecutor::hidden(uint32_t first, uint32_t count) {
  if (!impl_->state || first > impl_->options.maxTokens || count > impl_->options.maxTokens - first)
    return Status(Code::InvalidArgument,
                  format("hidden state of %u tokens from %u on; a step has at most %u", count,
                         first, impl_->options.maxTokens));
  Current current(impl_->state->context());
  AXIOM_RETURN_IF_ERROR(impl_->state->context().check("cuCtxPushCurrent", current.error()));
  return impl_->state->hidden(first, count);
}

void CudaExecutor::clearBlock(uint32_t block) {
  if (!impl_->state || block >= impl_->options.numBlocks) // a new KV pool is all zeros
    return;
  Current current(impl_->state->context());
  Status status = impl_->state->context().check("cuCtxPushCurrent", current.error());
  if (status.ok())
    status = impl_->state->clearBlock(block);
  if (!status.ok())
    impl_->pending = std::move(status);
}

void CudaExecutor::setLayerHook(LayerHook hook) { impl_->hook = std::move(hook); }
const CudaMemory &CudaExecutor::memory() const { return impl_->memory; }
size_t CudaExecutor::numGraphs() const { return impl_->state ? impl_->state->numGraphs() : 0; }

} // namespace axiom::cuda
