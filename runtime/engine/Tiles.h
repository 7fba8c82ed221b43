// Joining the head's tile statistics of one row of logits: docs/numerics.md, "swiglu, head, tiles".
#ifndef AXIOM_RUNTIME_ENGINE_TILES_H
#define AXIOM_RUNTIME_ENGINE_TILES_H

#include "runtime/abi/kernel_abi.h"

#include <cstdint>
#include <span>

namespace axiom::engine {

/// The exp of docs/numerics.md, in f32.
float contractExp(float x);

struct RowStats {
  float max = 0;
  int32_t argmax = 0;  ///< lowest id with the max
  float sumExp = 0;    ///< sum of exp(l - max)
  bool finite = false; ///< no logit is infinite or NaN
};

/// Tiles in rising order of ids.
RowStats joinTiles(std::span<const AxmTile> tiles);

/// log(softmax(l)) of one logit, in f64.
double logProbability(const RowStats &stats, float logit);

/// Computes the tiles of a row from its logits, as the head kernel does. For rows that have none.
void computeTiles(std::span<const float> logits, std::span<AxmTile> tiles);

} // namespace axiom::engine

#endif
