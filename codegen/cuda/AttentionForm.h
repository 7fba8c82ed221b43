// The forms in which an attention kernel is generated, by its number of tokens, and how each shares
// out heads, tokens and positions. Chosen from the shape alone; the bits do not depend on it.
#ifndef AXIOM_CODEGEN_CUDA_ATTENTIONFORM_H
#define AXIOM_CODEGEN_CUDA_ATTENTIONFORM_H

#include "codegen/cuda/LinearForm.h"

namespace axiom::codegen {

/// codegen/cuda/kernels/AttentionBlock.h says what the numbers mean.
struct AttentionForm {
  uint32_t mostTokens = 0;             ///< that the form is for
  bool tiles = false;                  ///< kernels/AttentionTiles.h, else AttentionSpans.h
  uint32_t tokens = 1;                 ///< of a block
  uint32_t heads = 0;                  ///< of a unit
  uint32_t unitsOfHead = 0, units = 0; ///< of a KV head, of all
  uint32_t splits = 1, spans = 0;
  uint32_t rows = 0, teamsOfBlock = 0; ///< teams that share a KV block
  uint32_t threads = 0;
  uint32_t dims = 0, positions = 0, slabBytes = 0, stages = 0;
  uint32_t areaBytes = 0;                                              ///< of a KV block's slabs
  uint32_t queryBytes = 0;                                             ///< of a team
  uint32_t queries = 0, weights = 0, places = 0, parts = 0, slabs = 0; ///< where they begin
  uint32_t sharedBytes = 0;
  uint64_t scratchBytes = 0; ///< states of spans

  uint32_t groupThreads() const { return 16 * teamsOfBlock; }
};

/// By rising mostTokens.
std::vector<AttentionForm> attentionForms(const plan::KernelSpec &spec, const FullGrid &full = {});

} // namespace axiom::codegen

#endif
