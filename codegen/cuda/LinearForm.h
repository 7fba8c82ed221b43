// The forms in which a linear kernel is generated, by its number of tokens, and how each shares out
// its rows and segments over blocks and warps. Chosen from the shape alone, when the code is
// emitted; the bits do not depend on it.
#ifndef AXIOM_CODEGEN_CUDA_LINEARFORM_H
#define AXIOM_CODEGEN_CUDA_LINEARFORM_H

#include "dialects/plan/KernelSpec.h"

#include <cstdint>
#include <vector>

namespace axiom::codegen {

struct LinearForm {
  uint32_t mostTokens = 0; ///< that the form is for
  uint32_t tokens = 0;     ///< of a block's tile
  bool many = false;       ///< codegen/cuda/kernels/Products.h: Many, else Few
  bool quads = false;      ///< up to 4 tokens: by Quads.h, else by Dots.h
  /// Of which a block has rows: 2 for SwiGLU and for parts of heads, else 1.
  uint32_t ranges = 1;
  uint32_t headParts = 1; ///< QKV: blocks that share a head
  uint32_t stripes = 0;   ///< of each of them
  uint32_t warpsOfRange = 0;
  uint32_t stages = 0, floatStages = 0; ///< of copies to shared memory
  uint32_t areaBytes = 0;               ///< shared memory of a warp
  /// The same with float weights, and how many warps go through those.
  uint32_t floatAreaBytes = 0, floatWarps = 0;
  /// Where the warps' areas, what waits in joins, and the results begin.
  uint32_t areas = 0, joins = 0, results = 0;
  uint32_t sharedBytes = 0;

  uint32_t threads() const { return 32 * ranges * warpsOfRange; }
  uint32_t rows() const { return 8 * ranges * stripes; }
};

/// What fills the largest GPU: blocks so that each multiprocessor has one, warps so that each
/// scheduler has one. Spans of attention whose states may meet in the scratch: 256k positions.
struct FullGrid {
  uint32_t blocks = 144, warps = 512, spans = 1024;
};

/// By rising mostTokens.
std::vector<LinearForm> linearForms(const plan::KernelSpec &spec, const FullGrid &full = {});

/// The prologue: a block has a row and a part of its columns, a thread four of them.
struct RowsForm {
  uint32_t threads = 0, parts = 0;
  bool staged = false; ///< the row goes through shared memory for its norm
  uint32_t sharedBytes = 0;
};
RowsForm rowsForm(const plan::KernelSpec &spec);

} // namespace axiom::codegen

#endif
