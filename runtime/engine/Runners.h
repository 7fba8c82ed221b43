// The devices behind StepRunner: the CPU's executor and a GPU's.
#ifndef AXIOM_RUNTIME_ENGINE_RUNNERS_H
#define AXIOM_RUNTIME_ENGINE_RUNNERS_H

#include "runtime/device/cpu/Executor.h"
#include "runtime/device/cuda/CudaExecutor.h"
#include "runtime/engine/LoadedModel.h"
#include "runtime/engine/StepRunner.h"

#include <memory>

namespace axiom::engine {

struct RunnerOptions {
  uint32_t maxTokens = 512; ///< of a step
  uint32_t maxRows = 16;    ///< of a step
  uint32_t numBlocks = 1;   ///< KV blocks of 64 positions
  // Of the CPU.
  uint32_t threads = 0; ///< 0: usable cores
  bool oversubscribe = false;
  // Of a GPU.
  bool graphs = true;
  uint64_t tableEntries = 0; ///< of all block tables of a step; 0: numBlocks
};

/// Bytes that a runner takes beside the weights. Rows of results count where a GPU keeps its own.
struct RunnerMemory {
  uint64_t kv = 0, workspace = 0;
};

class ExecutorRunner : public StepRunner {
public:
  explicit ExecutorRunner(std::unique_ptr<Executor> executor) : executor_(std::move(executor)) {}
  Status step(const StepInput &input) override { return executor_->step(input); }
  void clearBlock(uint32_t block) override { executor_->clearBlock(block); }
  Result<const float *> hidden(uint32_t first, uint32_t count) override {
    return executor_->hidden(first, count);
  }
  bool releaseBlocks() override {
    executor_->releaseBlocks();
    return true;
  }
  void setLayerHook(LayerHook hook) override { executor_->setLayerHook(std::move(hook)); }
  Executor &executor() { return *executor_; }

private:
  std::unique_ptr<Executor> executor_;
};

class CudaRunner : public StepRunner {
public:
  explicit CudaRunner(std::unique_ptr<cuda::CudaExecutor> executor)
      : executor_(std::move(executor)) {}
  Status step(const StepInput &input) override { return executor_->step(input); }
  bool keepsResults() const override { return true; }
  StepResults results() const override { return executor_->results(); }
  void clearBlock(uint32_t block) override { executor_->clearBlock(block); }
  Result<const float *> hidden(uint32_t first, uint32_t count) override {
    return executor_->hidden(first, count);
  }
  void setLayerHook(LayerHook hook) override { executor_->setLayerHook(std::move(hook)); }
  cuda::CudaExecutor &executor() { return *executor_; }

private:
  std::unique_ptr<cuda::CudaExecutor> executor_;
};

/// Allocates nothing.
Result<RunnerMemory> planRunner(const LoadedModel &model, const RunnerOptions &options);

/// `progress` is called while the weights are copied to a GPU, and not afterwards.
Result<std::unique_ptr<StepRunner>> createRunner(const LoadedModel &model,
                                                 const RunnerOptions &options,
                                                 const cuda::UploadProgress &progress = {});

} // namespace axiom::engine

#endif
