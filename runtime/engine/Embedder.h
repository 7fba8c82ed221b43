// From the hidden states of a text's tokens to its embedding: docs/numerics.md, "Embeddings".
#ifndef AXIOM_RUNTIME_ENGINE_EMBEDDER_H
#define AXIOM_RUNTIME_ENGINE_EMBEDDER_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace axiom::engine {

/// How the hidden states of a text's tokens become its embedding.
enum class Pooling : uint32_t { None = 0, Mean = 1, Last = 2 };

/// The norm between the last layer and the head.
struct FinalNorm {
  std::vector<float> gain; ///< [hidden]; empty: not known
  float eps = 0;
  uint32_t stride = 0; ///< elements between two rows of the hidden state
};

/// The rms_norm of docs/numerics.md, as the head computes it.
void normalizeRow(const FinalNorm &norm, const float *row, std::span<float> out);

/// Takes the rows of a sequence in the order of positions, in any portions.
class Embedder {
public:
  /// Keeps `norm`, which must outlive it.
  Embedder(const FinalNorm &norm, Pooling pooling)
      : norm_(norm), pooling_(pooling), sum_(norm.gain.size()), row_(norm.gain.size()) {}

  /// A position that was there already, as after a preemption, changes nothing.
  void add(uint32_t position, const float *row, bool last);
  /// After the last row. Fails with Internal when a number is not finite.
  Result<std::vector<float>> finish(bool unitLength);

private:
  const FinalNorm &norm_;
  Pooling pooling_;
  std::vector<float> sum_, row_;
  uint32_t next_ = 0; ///< position
};

} // namespace axiom::engine

#endif
