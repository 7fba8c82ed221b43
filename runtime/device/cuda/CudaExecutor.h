// Runs the plan of an artifact on a GPU, one step at a time: the counterpart of the CPU's Executor.
//
// Used by one thread at a time. A step copies its inputs in one piece, launches the plan's kernels
// (as a graph that is captured once for steps of about this size), waits, and copies the rows of
// results. A step without rows does not wait: an error of its kernels then shows in the next one.
#ifndef AXIOM_RUNTIME_DEVICE_CUDA_CUDAEXECUTOR_H
#define AXIOM_RUNTIME_DEVICE_CUDA_CUDAEXECUTOR_H

#include "runtime/device/Step.h"
#include "runtime/device/cuda/GpuModel.h"

#include <cstdint>
#include <memory>

namespace axiom::cuda {

struct CudaOptions {
  uint32_t maxTokens = 512; ///< T of a step, at most
  uint32_t maxRows = 16;    ///< R of a step, at most
  uint32_t numBlocks = 0;   ///< KV blocks of 64 positions
  bool graphs = true;       ///< false: each kernel is launched on its own
  /// Entries of all block tables of a step, at most; 0: numBlocks, as where no block is shared.
  uint64_t tableEntries = 0;

  uint64_t entries() const { return tableEntries == 0 ? numBlocks : tableEntries; }
};

/// The driver hands out device memory in pieces of this size.
inline constexpr uint64_t kMemoryGranule = 2ull << 20;

/// Bytes of device memory that an executor takes, each rounded up to what the driver gives.
struct CudaMemory {
  uint64_t workspace = 0; ///< slots for maxTokens
  uint64_t scratch = 0;   ///< what a kernel's launches and blocks leave for each other
  uint64_t counters = 0;  ///< between the blocks of a launch
  uint64_t inputs = 0;
  uint64_t logits = 0, tiles = 0; ///< of maxRows rows
  uint64_t kv = 0;                ///< numBlocks blocks
  uint64_t total() const { return workspace + scratch + counters + inputs + logits + tiles + kv; }
};

class CudaExecutor {
public:
  /// Checked for overflow; allocates nothing.
  static Result<CudaMemory> plan(const Artifact &artifact, const CudaOptions &options);

  /// Takes all memory, and copies the weights if no other executor of the model has.
  static Result<std::unique_ptr<CudaExecutor>> create(std::shared_ptr<GpuModel> model,
                                                      const CudaOptions &options,
                                                      const UploadProgress &progress = {});
  ~CudaExecutor();
  CudaExecutor(const CudaExecutor &) = delete;

  /// Runs one step. Where the input has no memory for logits and tiles, they stay in results().
  /// InvalidArgument names a wrong input (nothing was run). After any other error
  /// the KV memory's content is lost; everything is set up again in the next step.
  Status step(const StepInput &input);

  /// Rows of the last step whose input had no memory for them, until the next one; in pinned
  /// memory.
  StepResults results() const;

  /// Zeroes a block; see Executor::clearBlock().
  void clearBlock(uint32_t block);

  /// See Executor::hidden(): a copy on the host. `count` tokens at most are held there.
  Result<const float *> hidden(uint32_t first, uint32_t count);
  /// Called after each layer; see Executor::setLayerHook(). Steps then launch kernel by kernel.
  void setLayerHook(LayerHook hook);

  const CudaMemory &memory() const;
  /// Graphs that were captured so far.
  size_t numGraphs() const;

private:
  struct Impl;
  explicit CudaExecutor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace axiom::cuda

#endif
