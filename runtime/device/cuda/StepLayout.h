// How a step's inputs lie in the one buffer that is copied to the GPU, and which sizes of steps
// share a graph.
#ifndef AXIOM_RUNTIME_DEVICE_CUDA_STEPLAYOUT_H
#define AXIOM_RUNTIME_DEVICE_CUDA_STEPLAYOUT_H

#include "runtime/device/Step.h"

#include <cstdint>

namespace axiom::cuda {

/// The next power of two, but at most `most`; 0 for 0. A launch for so many serves all counts up to
/// it.
uint32_t bucketOf(uint32_t count, uint32_t most);

/// Byte offsets in the buffer, for steps of a bucket. Block tables come last: how many there are is
/// no part of the layout.
struct StepLayout {
  StepLayout(uint32_t tokenBucket, uint32_t rowBucket);

  uint32_t tokenBucket, rowBucket;
  uint64_t tokenCount, rowCount; ///< u32 each: how many there are
  uint64_t tokens, positions, tableOffsets, rows, blockTables;

  uint64_t bytes(uint64_t tableEntries) const { return blockTables + 4 * tableEntries; }
  /// Of the input of kernels that is bound to `space`.
  uint64_t offsetOf(AxmSpace space) const;
  /// Writes the inputs. Returns the bytes that are used.
  uint64_t pack(const StepInput &input, uint8_t *to) const;
};

} // namespace axiom::cuda

#endif
