// All that an executor has in a context, from set-up until an error or the end: memory, the plan
// with device addresses, graphs. Private to runtime/device/cuda.
#ifndef AXIOM_RUNTIME_DEVICE_CUDA_DEVICESTATE_H
#define AXIOM_RUNTIME_DEVICE_CUDA_DEVICESTATE_H

#include "runtime/device/LaunchTable.h"
#include "runtime/device/cuda/CudaExecutor.h"
#include "runtime/device/cuda/StepLayout.h"

#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace axiom::cuda {

/// Of a slot of the workspace, up to the next one.
uint64_t slotBytes(const SlotInfo &slot, uint32_t tokens);

class DeviceState {
public:
  /// Takes the memory that was planned and zeroes the KV pool.
  static Result<std::unique_ptr<DeviceState>> create(std::shared_ptr<const Resident> resident,
                                                     const Artifact &artifact,
                                                     const CudaOptions &options,
                                                     const CudaMemory &memory);

  const Context &context() const { return *resident_->context; }
  const Resident &resident() const { return *resident_; }
  size_t numPhases() const { return table_.phases.size(); }
  size_t numGraphs() const { return graphs_.size(); }

  StepResults results() const;

  // The context is the calling thread's.
  Status clearBlock(uint32_t block);
  /// Waits for the step.
  Result<const float *> hidden(uint32_t first, uint32_t count);
  /// Runs a checked step. The hook's own failure is `hookStatus`.
  Status step(const StepInput &input, const LayerHook &hook, Status &hookStatus);

private:
  DeviceState(std::shared_ptr<const Resident> resident, const Artifact &artifact,
              const CudaOptions &options);
  Status allocate(const CudaMemory &memory);
  void buildTable();
  Status copyInputs(const StepInput &input, const StepLayout &layout);
  /// Points the arguments that come with a step to where this layout has them.
  void bind(const StepLayout &layout);
  Status launchPhase(const LaunchPhase &phase, const StepLayout &layout);
  Status launchStage(const AxmCudaStage &stage, FunctionHandle function, uint32_t tokens,
                     AxmCudaLaunch &launch);
  Status launchAll(const StepInput &input, const StepLayout &layout, const LayerHook &hook,
                   Status &hookStatus);
  Status callHook(uint32_t layer, uint32_t numTokens, const LayerHook &hook, Status &hookStatus);
  Result<GraphExec> capture(const StepLayout &layout);
  Status launchGraph(const StepLayout &layout);
  Status copyResults(const StepInput &input);
  Status synchronize();

  std::shared_ptr<const Resident> resident_;
  const CudaImage &image_;
  CudaOptions options_;
  LoadedProgram program_; ///< with the weights' device address
  // What the kernels work on goes after the stream that runs them, which is idle by then.
  DeviceMemory workspace_, scratch_, counters_, inputs_, logits_, tiles_, kv_;
  PinnedMemory staging_, logitRows_, tileRows_;
  std::vector<uint8_t *> slots_; ///< device addresses
  std::vector<uint8_t> hidden_;  ///< on the host, for the layer hook and hidden()
  LaunchTable table_;
  Stream stream_;
  Event copied_;
  bool copying_ = false; ///< the last step did not wait: the staging buffer may still be read
  std::map<std::pair<uint32_t, uint32_t>, GraphExec> graphs_; ///< by token and row bucket
};

} // namespace axiom::cuda

#endif
