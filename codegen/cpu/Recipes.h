// The written recipes of docs/numerics.md as emitted code. Each works on f32 scalars and on
// vectors.
#ifndef AXIOM_CODEGEN_CPU_RECIPES_H
#define AXIOM_CODEGEN_CPU_RECIPES_H

#include "codegen/cpu/Emit.h"

namespace axiom::codegen {

/// exp(x); `atMostZero`: the caller knows that x is at most 0 or a NaN, which saves a step.
Value emitExp(Emit &e, Value x, bool atMostZero = false);
/// x / (1 + exp(-x)).
Value emitSilu(Emit &e, Value x);
/// cos and sin of a rope angle.
std::pair<Value, Value> emitCosSin(Emit &e, Value angle);

/// The 64 virtual lanes as 8 vectors of 8: joined by halving to one scalar.
Value emitHalve64(Emit &e, llvm::ArrayRef<Value> lanes, bool maximum = false);

/// 1 / sqrt(mean square + eps) of `n` f32 at `row`; elements from n to the next multiple of 8 must
/// be 0.
Value emitRmsScale(Emit &e, Value row, int64_t n, float eps);
/// dst[i] = (src[i] * scale) * weight[i] for i < n rounded up to 8; all three padded accordingly.
void emitApplyNorm(Emit &e, Value src, Value scale, Value weight, Value dst, int64_t n);

/// Quantizes `groups` groups of 32 f32 at `src` into the quantized row at `q` (AXM_QROW_BYTES).
void emitQuantizeRow(Emit &e, Value src, Value q, int64_t groups);
/// One group: four vectors of 8 in, 32 int8 out to `q`, its pair to `pair`, its packed sums to
/// `sums`.
void emitQuantizeGroup(Emit &e, llvm::ArrayRef<Value> x, Value q, Value pair, Value sums);

} // namespace axiom::codegen

#endif
