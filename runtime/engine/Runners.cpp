#include "runtime/engine/Runners.h"

#include <algorithm>

namespace axiom::engine {

namespace {

ExecutorOptions cpuOptions(const RunnerOptions &o) {
  ExecutorOptions cpu;
  cpu.threads = o.threads;
  cpu.oversubscribe = o.oversubscribe;
  cpu.maxTokens = o.maxTokens;
  cpu.numBlocks = o.numBlocks;
  return cpu;
}

cuda::CudaOptions gpuOptions(const RunnerOptions &o) {
  // A step has no more rows than tokens.
  return {o.maxTokens, std::min(o.maxRows, o.maxTokens), o.numBlocks, o.graphs, o.tableEntries};
}

} // namespace

Result<RunnerMemory> planRunner(const LoadedModel &model, const RunnerOptions &options) {
  if (model.gpu) {
    AXIOM_ASSIGN_OR_RETURN(cuda::CudaMemory gpu,
                           cuda::CudaExecutor::plan(*model.artifact, gpuOptions(options)));
    return RunnerMemory{gpu.kv, gpu.total() - gpu.kv};
  }
  AXIOM_ASSIGN_OR_RETURN(ExecutorMemory cpu,
                         Executor::plan(model.artifact->program(), cpuOptions(options)));
  return RunnerMemory{cpu.kv, cpu.total() - cpu.kv};
}

Result<std::unique_ptr<StepRunner>> createRunner(const LoadedModel &model,
                                                 const RunnerOptions &options,
                                                 const cuda::UploadProgress &progress) {
  std::unique_ptr<StepRunner> runner;
  if (model.gpu) {
    AXIOM_ASSIGN_OR_RETURN(auto gpu,
                           cuda::CudaExecutor::create(model.gpu, gpuOptions(options), progress));
    runner = std::make_unique<CudaRunner>(std::move(gpu));
  } else {
    AXIOM_ASSIGN_OR_RETURN(auto cpu, Executor::create(model.artifact, cpuOptions(options)));
    runner = std::make_unique<ExecutorRunner>(std::move(cpu));
  }
  return runner;
}

} // namespace axiom::engine
