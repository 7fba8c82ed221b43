// The inner products: one internal function per shape of DotShape, shared by all linear kernels of
// an image. It computes one K segment of consecutive stripes (8 rows each) for some rows of
// activations and stores, per token and stripe, 8 f32 chain results.
#ifndef AXIOM_CODEGEN_CPU_DOT_H
#define AXIOM_CODEGEN_CPU_DOT_H

#include "codegen/cpu/DotOps.h"
#include "dialects/plan/KernelSpec.h"

namespace axiom::codegen {

/// Tokens whose sums the registers of a level with 512 bits hold, and those of a matrix tile.
inline constexpr int64_t kSumTokens = 16;

/// Up to so many tokens wait for the weights' bytes and not for their multiplies.
inline constexpr int64_t kFewTokens = 2;

/// What a dot function is generated for. Distances are constants, so that the tokens of a tile need
/// one pointer and not one each.
struct DotShape {
  AxmFormat format;
  int64_t tokens;      ///< a tile size of the level
  int64_t stripeBytes; ///< to the next stripe
  int64_t actStride;   ///< bytes to the next token, of activations and their scales alike
  int64_t maxGroups;   ///< groups of 32 of the longest segment
};

/// Arguments of a dot function; pointers and i64.
struct DotCall {
  Value weights; ///< the segment's data of the first stripe
  Value stripes;
  Value acts;     ///< first token: int8 of the segment's first k, or its f32
  Value scales;   ///< first token: {scale, ssum} of the segment's first group; quantized formats
  Value sums;     ///< first token: packed sums of the segment's first group; quantized formats
  int64_t groups; ///< groups of 32 in the segment
  int64_t firstGroup;        ///< index of its first group from k = 0 (q4: where 256-runs begin)
  Value out;                 ///< first token, first stripe
  Value outToken, outStripe; ///< bytes to the next token, stripe
};

/// Emits the call of the function for `shape`; creates the function when it is new.
void emitDot(Emit &e, const DotShape &shape, const DotCall &call);

/// The dot functions' forms (Dot.cpp, DotTile.cpp, DotFloat.cpp); `a` are the function's arguments.
struct DotArgs {
  Value weights, stripes, acts, scales, sums, groups, firstRun, out, outToken, outStripe;
};
void emitQuantizedDot(Emit &e, const DotShape &shape, const DotArgs &a);
/// The first `stripes` stripes, an even number.
void emitTileDot(Emit &e, const DotShape &shape, const DotArgs &a, Value stripes);
void emitFloatDot(Emit &e, const DotShape &shape, const DotArgs &a);
/// Whether a shape goes through matrix tiles.
bool usesTiles(const CpuLevel &level, const DotShape &shape);

/// One group of 32 along K of a quantized segment.
struct Group {
  Value index;                       ///< within the segment
  Value weights;                     ///< behind the scales
  std::function<Value()> scale, min; ///< f32 per row; min may give none
};
/// body for each group of the segment that starts at `weights`, with loop-carried values.
using GroupBody =
    llvm::function_ref<llvm::SmallVector<Value>(const Group &, mlir::ValueRange carried)>;
llvm::SmallVector<Value> forGroups(DotOps &ops, const DotShape &shape, const DotArgs &a,
                                   Value weights, mlir::ValueRange inits, GroupBody body);

/// The f32 step of docs/numerics.md: one group's dots into the chain of a token. `pair`: the
/// token's {scale, ssum} of the group; `min` may be none.
Value emitGroupStep(DotOps &ops, Value sum, Value dot, Value scale, Value min, Value pair);

} // namespace axiom::codegen

#endif
