#include "runtime/device/cuda/GpuModel.h"

#include "runtime/base/Memory.h"

#include <algorithm>
#include <chrono>

namespace axiom::cuda {

namespace {

/// More than this a kernel gets only after it was asked for.
constexpr uint32_t kPlainShared = 48 * 1024;

Status findFunction(const Context &context, ModuleHandle module, const AxmCudaStage &stage,
                    FunctionHandle &function) {
  if (stage.symbol[0] == '\0')
    return Status::okStatus();
  Status status = context.check(
      "cuModuleGetFunction", context.driver().cuModuleGetFunction(&function, module, stage.symbol));
  if (!status.ok())
    return status.withContext(format("kernel %s", stage.symbol));
  if (stage.sharedBytes > context.gpu().sharedBytes())
    return Status(Code::Unsupported,
                  format("kernel %s takes %u bytes of shared memory; a block on %s has %u",
                         stage.symbol, stage.sharedBytes, context.gpu().name().c_str(),
                         context.gpu().sharedBytes()));
  if (stage.sharedBytes > kPlainShared)
    AXIOM_CUDA(context, cuFuncSetAttribute, function, kMaxDynamicShared,
               static_cast<int>(stage.sharedBytes));
  return Status::okStatus();
}

} // namespace

Result<std::shared_ptr<GpuModel>> GpuModel::create(std::shared_ptr<const Gpu> gpu,
                                                   std::shared_ptr<const Artifact> artifact) {
  if (!artifact->cuda())
    return Status(Code::InvalidArgument, "the artifact was not opened for a GPU");
  std::shared_ptr<GpuModel> model(new GpuModel());
  model->gpu_ = std::move(gpu);
  model->artifact_ = std::move(artifact);
  model->description_ = model->gpu_->name();
  auto start = std::chrono::steady_clock::now();
  AXIOM_ASSIGN_OR_RETURN(model->resident_, model->loadModule());
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (isPtxTarget(model->artifact_->target()))
    model->description_ +=
        format(", PTX compiled by the driver in %.1f s", std::max(0.0, seconds.count()));
  return model;
}

Result<std::shared_ptr<Resident>> GpuModel::loadModule() const {
  const CudaImage &image = *artifact_->cuda();
  auto resident = std::make_shared<Resident>();
  AXIOM_ASSIGN_OR_RETURN(resident->context, Context::create(gpu_));
  const Context &context = *resident->context;
  Current current(context);
  AXIOM_RETURN_IF_ERROR(context.check("cuCtxPushCurrent", current.error()));
  ModuleHandle module = nullptr;
  char log[1024] = {}; // of the driver's PTX compiler
  int options[] = {kJitErrorLog, kJitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log - 1)};
  Status loaded = context.check(
      "cuModuleLoadDataEx",
      context.driver().cuModuleLoadDataEx(&module, image.module.data(), 2, options, values));
  if (!loaded.ok()) {
    std::replace(log, log + sizeof log, '\n', ' ');
    return Status(loaded.code(),
                  format("the code for %s with a driver for CUDA %s: %s%s%s", image.target.c_str(),
                         versionText(gpu_->facts().driver).c_str(), loaded.message().c_str(),
                         log[0] ? "; the driver: " : "", log));
  }
  resident->module = Module(resident->context, module);
  for (const AxmCudaKernel &kernel : image.kernels) {
    KernelFunctions &functions = resident->functions.emplace_back();
    AXIOM_RETURN_IF_ERROR(findFunction(context, module, kernel.prologue, functions.prologue));
    for (size_t i = 0; i < AXM_CUDA_BODIES; ++i)
      AXIOM_RETURN_IF_ERROR(findFunction(context, module, kernel.bodies[i], functions.bodies[i]));
  }
  return resident;
}

Result<std::shared_ptr<const Resident>> GpuModel::resident(const UploadProgress &progress) {
  std::lock_guard lock(mutex_);
  if (!resident_) {
    AXIOM_ASSIGN_OR_RETURN(resident_, loadModule());
  }
  if (!resident_->weights) {
    Current current(*resident_->context);
    AXIOM_RETURN_IF_ERROR(gpu_->check("cuCtxPushCurrent", current.error()));
    auto weights = uploadWeights(resident_->context, *artifact_, progress);
    if (!weights.ok()) {
      // Nothing else hangs on this context yet, and it may be the context that is at fault.
      resident_.reset();
      return weights.status().withContext("copying the weights to the device");
    }
    resident_->weights = std::move(weights).value();
  }
  return std::shared_ptr<const Resident>(resident_);
}

void GpuModel::drop(const Resident *spoiled) {
  std::lock_guard lock(mutex_);
  if (resident_.get() == spoiled)
    resident_.reset();
}

Result<GpuModel::Memory> GpuModel::memory() {
  std::lock_guard lock(mutex_);
  if (!resident_) {
    AXIOM_ASSIGN_OR_RETURN(resident_, loadModule());
  }
  Current current(*resident_->context);
  AXIOM_RETURN_IF_ERROR(gpu_->check("cuCtxPushCurrent", current.error()));
  size_t free = 0, total = 0;
  AXIOM_CUDA(*gpu_, cuMemGetInfo, &free, &total);
  return Memory{free, total, static_cast<bool>(resident_->weights)};
}

} // namespace axiom::cuda
