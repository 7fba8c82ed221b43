// The memory in which an attention kernel works, in bytes: of the thread's scratch, and of the slot
// in which the spans of a token meet (docs/numerics.md, Attention). Sizes in the kernel's row and
// offsets in its code both come from here.
#ifndef AXIOM_DIALECTS_PLAN_ATTENTIONLAYOUT_H
#define AXIOM_DIALECTS_PLAN_ATTENTIONLAYOUT_H

#include "dialects/plan/KernelSpec.h"

#include <algorithm>

namespace axiom::plan {

/// Query rows (a token and a query head) whose sums one inner loop holds in registers, at most:
/// 6 rows x 2 vectors, two vectors of keys and a query make 15 of 16.
constexpr uint32_t kAttentionRows = 6;

inline uint32_t attentionGroup(const KernelSpec &spec) { return spec.heads / spec.kvHeads; }

/// Tokens of one sequence that are computed together, a power of two: about 48 rows, so that what
/// is done once per tile and block is small beside the rest. Tiles lie at multiples of it, so no
/// tile crosses a block.
inline uint32_t attentionTileTokens(const KernelSpec &spec) {
  uint32_t tokens = 1;
  while (tokens < 32 && 2 * tokens * attentionGroup(spec) <= 64)
    tokens *= 2;
  return tokens;
}

/// Running (M, L, O) of some rows: O as [rows][head_dim padded], then M and L as arrays of the rows
/// padded to 8.
struct AttentionState {
  uint64_t max, sum, bytes;
};
inline AttentionState attentionState(const KernelSpec &spec, uint32_t rows) {
  uint64_t max = 4ull * rows * headDimPadded(spec.headDim), sum = max + 4ull * padTo(rows, 8);
  return {max, sum, (sum + 4ull * padTo(rows, 8) + 63) / 64 * 64};
}

struct AttentionScratch {
  uint32_t rows;   ///< of a tile, padded to kAttentionRows; or of a token
  uint64_t query;  ///< f32 [rows][head_dim padded]; of a token they are read in place
  uint64_t scores; ///< f32 [rows][64]
  /// f32 [rows] each: max and sum of a block, then the factors of its fold.
  uint64_t blockMax, blockSum, keepFactor, addFactor;
  uint64_t span, total; ///< AttentionState of a span and of all spans so far
  uint64_t bytes;
};
inline AttentionScratch attentionScratch(const KernelSpec &spec) {
  uint32_t group = attentionGroup(spec), tile = group * attentionTileTokens(spec);
  AttentionScratch s{};
  s.rows = spec.spanUnits ? group : padTo(tile, kAttentionRows);
  uint64_t end = 0, array = 4ull * padTo(s.rows, 16);
  auto take = [&](uint64_t &offset, uint64_t bytes) {
    offset = end;
    end += (bytes + 63) / 64 * 64;
  };
  take(s.query, spec.spanUnits ? 0 : 4ull * s.rows * headDimPadded(spec.headDim));
  take(s.scores, 4ull * s.rows * AXM_KV_BLOCK);
  for (uint64_t *offset : {&s.blockMax, &s.blockSum, &s.keepFactor, &s.addFactor})
    take(*offset, array);
  take(s.span, attentionState(spec, s.rows).bytes);
  take(s.total, attentionState(spec, s.rows).bytes);
  s.bytes = end;
  return s;
}

/// The slot of a kernel with span units: a u32 counter per token and KV head, then a state per
/// token, span and KV head. T * spans of a step is at most kAttentionMaxSpans: 64k positions of
/// one token, 8k of each of eight.
constexpr uint32_t kAttentionMaxSpans = 256;
struct AttentionSlot {
  uint64_t states, stateBytes, bytes;
};
inline AttentionSlot attentionSlot(const KernelSpec &spec) {
  uint64_t states = (4ull * kAttentionMaxSpans * spec.kvHeads + 63) / 64 * 64;
  uint64_t stateBytes = attentionState(spec, attentionGroup(spec)).bytes;
  return {states, stateBytes, states + kAttentionMaxSpans * spec.kvHeads * stateBytes};
}

} // namespace axiom::plan

#endif
