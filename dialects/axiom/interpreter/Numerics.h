// docs/numerics.md as scalar C++, one function per rule.
#ifndef AXIOM_DIALECTS_AXIOM_INTERPRETER_NUMERICS_H
#define AXIOM_DIALECTS_AXIOM_INTERPRETER_NUMERICS_H

#include "dialects/axiom/interpreter/WeightProvider.h"

#include <span>
#include <vector>

namespace axiom::numerics {

float exp(float x);
float silu(float x);
/// cos and sin of position * invFreq.
void ropeAngle(uint32_t position, float invFreq, float &cosine, float &sine);

/// Sums 64 lanes by halving; the lanes are used up.
float joinLanes(float *lanes);

/// y may be x.
void rmsNorm(const float *x, const float *gain, uint32_t n, float eps, float *y);

/// One group: n values (n <= 32 for activations, head_dim for KV rows) to int8; gives the scale.
float quantizeGroup(const float *x, uint32_t n, int8_t *q);

/// Activation rows as int8, padded to groups of 32.
struct QuantizedRows {
  uint32_t rows = 0, cols = 0, groups = 0;
  std::vector<int8_t> q;          ///< [rows][groups * 32]
  std::vector<float> scale, ssum; ///< [rows][groups]
};
QuantizedRows quantizeRows(const float *x, uint32_t rows, uint32_t cols);

/// y[row][weight row], y dense. `bias` may be null. `cuts` are inner boundaries.
void linear(const QuantizedRows &x, const LogicalWeight &w, std::span<const int64_t> cuts,
            const float *bias, float *y);
void linear(const float *x, uint32_t rows, const LogicalWeight &w, std::span<const int64_t> cuts,
            const float *bias, float *y);

/// Row `id` of the table.
void embedding(const LogicalWeight &table, uint32_t id, float *out);

/// Rotates every head of a row in place.
void rope(float *row, uint32_t width, std::span<const float> invFreq, uint32_t position);

/// K and V of one layer and sequence, as stored: each value exact in f32 (int8: the integer).
struct KvStore {
  AxmKvType type = AXM_KV_F16;
  uint32_t heads = 0, dim = 0;
  std::vector<float> k, v;           ///< [position][heads * dim]
  std::vector<float> kscale, vscale; ///< int8: [position][heads]

  uint32_t length() const { return static_cast<uint32_t>(k.size() / (size_t(heads) * dim)); }
  /// Stores rounded rows at `position` <= length().
  void write(uint32_t position, const float *keys, const float *values);
};

/// Attention of one token; q and out are [heads * dim].
void attention(const float *q, uint32_t heads, const KvStore &kv, uint32_t position,
               uint32_t window, float *out);

/// Tiles of one row of logits.
void tiles(const float *logits, uint32_t vocab, AxmTile *out);

} // namespace axiom::numerics

#endif
