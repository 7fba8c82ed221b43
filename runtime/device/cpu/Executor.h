// Runs the plan of an artifact on CPU threads, one step at a time.
//
// An Executor owns the workspace, the scratch of each thread, the KV pool and its worker threads.
// It is used by one thread at a time (the caller's thread works too, as thread 0); step() allocates
// nothing, and its result does not depend on the number of threads.
#ifndef AXIOM_RUNTIME_DEVICE_CPU_EXECUTOR_H
#define AXIOM_RUNTIME_DEVICE_CPU_EXECUTOR_H

#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/Program.h"
#include "runtime/base/Status.h"
#include "runtime/device/Step.h"
#include "runtime/device/cpu/Profile.h"

#include <cstdint>
#include <memory>
#include <span>

namespace axiom {

struct ExecutorOptions {
  uint32_t threads = 0; ///< 0: usable cores; more than those are capped
  /// Tests: keep `threads` even when there are fewer cores, and let all of them work always. Else
  /// fewer work in steps while other processes hold cores (ActiveThreads).
  bool oversubscribe = false;
  uint32_t maxTokens = 512; ///< T of a step, at most
  uint32_t numBlocks = 0;   ///< KV blocks of 64 positions
  uint64_t memoryLimit = 0; ///< for all that the executor allocates, bytes; 0: no limit of its own
};

/// Bytes that an executor allocates.
struct ExecutorMemory {
  uint64_t workspace = 0; ///< slots for maxTokens
  uint64_t scratch = 0;   ///< all threads together
  uint64_t kv = 0;        ///< numBlocks blocks
  uint64_t tables = 0;    ///< resolved arguments
  uint64_t total() const { return workspace + scratch + kv + tables; }
};

class Executor {
public:
  /// Bytes for these options, checked for overflow; allocates nothing.
  static Result<ExecutorMemory> plan(const LoadedProgram &program, const ExecutorOptions &options);

  /// Keeps `artifact` alive.
  static Result<std::unique_ptr<Executor>> create(std::shared_ptr<const Artifact> artifact,
                                                  const ExecutorOptions &options);
  /// `program` must outlive the executor.
  static Result<std::unique_ptr<Executor>> create(const LoadedProgram &program,
                                                  const ExecutorOptions &options);
  ~Executor();
  Executor(const Executor &) = delete;
  Executor &operator=(const Executor &) = delete;

  uint32_t threads() const;
  uint32_t maxTokens() const;
  uint32_t numBlocks() const;
  const ExecutorMemory &memory() const;

  /// Runs one step. InvalidArgument names a wrong input (nothing was run).
  Status step(const StepInput &input);

  /// Zeroes a block; call it when the block is handed to a sequence, before the first step that
  /// uses it.
  void clearBlock(uint32_t block);

  /// Gives the memory of all KV blocks back to the system, between steps: they hold zeros then.
  void releaseBlocks();

  /// The memory of a workspace slot, between steps: for those that run a plan in parts to see what
  /// a phase has left, or to give it something else. Empty for a slot that the plan has not.
  std::span<uint8_t> slot(uint32_t index);

  /// Hidden state after the last layer of the last step's tokens [first, first + count): rows of
  /// config.hiddenStride() elements, until the next step.
  Result<const float *> hidden(uint32_t first, uint32_t count) const;

  /// Called by thread 0 after each repetition of a repeat over layers, while the other threads
  /// wait. Empty: none.
  void setLayerHook(LayerHook hook);

  /// On: times are collected from the next step on, beginning at zero (this call allocates what
  /// that takes, outside of ExecutorMemory; steps still allocate nothing), and all threads work in
  /// each. Not during a step.
  void setProfiling(bool on);
  /// Null when off; changes with each step.
  const StepProfile *profile() const;

private:
  struct Impl;
  explicit Executor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace axiom

#endif
