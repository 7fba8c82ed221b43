// The inner products: one internal function per weight format and number of tokens, shared by all
// linear kernels of an image. It computes one K segment of `stripes` consecutive stripes (8 rows
// each) for `tokens` rows of activations and stores, per token and stripe, 8 f32 chain results.
#ifndef AXIOM_CODEGEN_CPU_DOT_H
#define AXIOM_CODEGEN_CPU_DOT_H

#include "codegen/cpu/Emit.h"
#include "dialects/plan/KernelSpec.h"

namespace axiom::codegen {

/// Arguments of a dot function; pointers and i64.
struct DotCall {
  Value weights;     ///< the segment's data of the first stripe
  Value stripeBytes; ///< distance to the next stripe
  Value stripes;
  Value acts;      ///< first token: int8 of the segment's first k, or its f32
  Value actStride; ///< bytes to the next token
  Value scales;    ///< first token: {scale, ssum} of the segment's first group; quantized formats
  int64_t groups;  ///< groups of 32 in the segment
  int64_t firstGroup;        ///< index of its first group from k = 0 (q4: where 256-runs begin)
  Value out;                 ///< first token, first stripe
  Value outToken, outStripe; ///< bytes to the next token, stripe
};

/// Emits the call of the function for `tokens` in {1, 2, 4, 8}; creates the function when it is
/// new.
void emitDot(Emit &e, AxmFormat format, int64_t tokens, const DotCall &call);

} // namespace axiom::codegen

#endif
