// From an opened artifact to an engine: how much memory it takes, and whether there is so much.
#ifndef AXIOM_RUNTIME_ENGINE_SETUP_H
#define AXIOM_RUNTIME_ENGINE_SETUP_H

#include "runtime/engine/Engine.h"
#include "runtime/engine/LoadedModel.h"
#include "runtime/engine/Runners.h"

#include <memory>
#include <string>

namespace axiom::engine {

struct EngineSettings {
  uint32_t threads = 0; ///< 0: usable cores
  uint32_t maxBatchedTokens = 512;
  uint32_t maxSequences = 16;
  uint32_t maxRows = 0; ///< 0: maxSequences, and what drafts take of kMaxDraftRows
  /// 0: on the CPU a context, or 512 a sequence if that is more; on a GPU a context for each
  /// sequence; less where that does not fit.
  uint64_t kvPositions = 0;
  uint64_t memoryLimit = 0; ///< bytes; 0: what the system has
  AdmissionLimits admission;
  bool prefixCache = true;
  uint32_t maxStepMs = 0;       ///< EngineOptions
  uint32_t maxDraftTokens = 0;  ///< EngineOptions
  uint64_t sleepAfterMs = 0;    ///< EngineOptions; the pages of mapped weights go, too
  std::function<void()> sleeps; ///< EngineOptions
  bool oversubscribe = false;
  /// On the CPU: the weights are in private memory already: what is free now is without them.
  bool weightsResident = false;
  bool graphs = true; ///< on a GPU: steps are captured as graphs
  /// On a GPU, while the weights are copied there; empty: not wanted.
  cuda::UploadProgress progress = {};
};

/// On a GPU everything counts in its memory.
struct MemoryPlan {
  uint64_t weights = 0, kv = 0;
  uint64_t workspace = 0; ///< slots, scratch, tables, rows of logits
  uint64_t limit = 0;
  std::string limitSource;
  uint64_t kvPositions = 0;
  uint64_t largestPositions = 0; ///< the most that fit; 0: not even 64
  RunnerOptions runner;
  SchedulerLimits limits;

  uint64_t total() const { return weights + kv + workspace; }
  bool fits() const { return kvPositions <= largestPositions; }
  /// "weights 84.4 MB + KV 5.9 MB (256 positions) + workspace 7.1 MB = 97.4 MB"
  std::string text() const;
};

/// Allocates nothing.
Result<MemoryPlan> planMemory(const LoadedModel &model, const EngineSettings &settings);

/// Refuses what does not fit, with the largest that would.
Result<std::unique_ptr<Engine>>
createEngine(const LoadedModel &model, const EngineSettings &settings,
             std::function<std::unique_ptr<TextStream>(TextOptions)> newText);

} // namespace axiom::engine

#endif
