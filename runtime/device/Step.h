// What a step is, for every device: its inputs, where its results go, and the checks before it.
#ifndef AXIOM_RUNTIME_DEVICE_STEP_H
#define AXIOM_RUNTIME_DEVICE_STEP_H

#include "runtime/artifact/Plan.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <span>

namespace axiom {

/// Most tokens of a step, on any device.
inline constexpr uint32_t kMaxStepTokens = 65536;
/// Alignment of logits and tiles.
inline constexpr uint64_t kResultAlign = 64;

/// T tokens of any mix of sequences. All pointers are borrowed for the duration of step().
struct StepInput {
  std::span<const int32_t> tokens;        ///< [T], each < vocab
  std::span<const int32_t> positions;     ///< [T], each < maxContext
  std::span<const uint32_t> tableOffsets; ///< [T]: where the token's sequence starts in blockTables
  std::span<const uint32_t> blockTables;  ///< block ids of all sequences, concatenated
  std::span<const uint32_t> rows; ///< [R]: token index of each row that reaches the head, R <= T
  float *logits = nullptr;        ///< [R][config.logitsStride()], 64-byte aligned; R > 0
  AxmTile *tiles = nullptr;       ///< [R][config.numTiles()], 64-byte aligned; R > 0
  /// [R], or empty: all 0. Of rows with 1 only the tiles are results; their logits may be missing.
  std::span<const uint8_t> tilesOnly = {};
  /// The phases of the plan that run, numbered with all repetitions written out: [first, end).
  /// Slots keep what an earlier part of a step has left in them (slot()).
  uint32_t firstPhase = 0, endPhase = UINT32_MAX;
};

/// Hidden state after `layer`, T rows of config.hiddenStride() elements.
using LayerHook = std::function<void(uint32_t layer, const float *hidden, uint32_t numTokens)>;

/// Rows of results, as StepInput has them; of rows that are `tilesOnly`, the logits mean nothing.
struct StepResults {
  const float *logits = nullptr;
  const AxmTile *tiles = nullptr;
};

struct StepBounds {
  uint32_t maxTokens = 0, numBlocks = 0;
  size_t numPhases = 0; ///< with all repetitions written out
  /// The device has memory of its own for results: logits and tiles may both be null.
  bool ownResults = false;
};

/// InvalidArgument names what is wrong.
Status checkStep(const StepInput &input, const ArtifactConfig &config, const StepBounds &bounds);

/// Calls `hook`; what it throws becomes the status.
Status callLayerHook(const LayerHook &hook, uint32_t layer, const float *hidden,
                     uint32_t numTokens);

} // namespace axiom

#endif
