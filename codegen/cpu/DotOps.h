// What an instruction-set level does inside one group of 32 along K: weights to registers, exact
// integer dots with the activations of a token. A register holds S = 1 or 2 stripes of 8 rows, 4 k
// of each row.
#ifndef AXIOM_CODEGEN_CPU_DOTOPS_H
#define AXIOM_CODEGEN_CPU_DOTOPS_H

#include "codegen/cpu/Emit.h"
#include "runtime/abi/kernel_abi.h"

namespace axiom::codegen {

class DotOps {
public:
  /// `stripeBytes`: from a stripe to the next one.
  DotOps(Emit &e, int64_t stripes, int64_t stripeBytes);

  Emit &e;
  const int64_t stripes, stripeBytes;
  Type f, h, i, bytes; ///< 8S f32, f16, i32; 32S i8

  /// n elements at `at` of each stripe, side by side.
  Value loadEach(int64_t n, Type element, Value at);
  /// 8 f16 or unsigned bytes of each stripe as f32.
  Value halves(Value at) { return e.extf(loadEach(8, e.f16, at), f); }
  Value small(Value at) { return e.sitofp(e.zext(loadEach(8, e.i8, at), i), f); }
  /// Stores the lanes of stripe s at `to` + s * distance.
  void storeEach(Value lanes, Value to, Value distance);

  /// The 8 registers of unsigned nibbles of one group (register j holds k = 4j .. 4j+3).
  llvm::SmallVector<Value> nibbles(Value at);
  /// Their dot with 32 activations at `acts`, as f32.
  Value nibbleDot(llvm::ArrayRef<Value> weights, Value acts);

  /// The registers to keep for one group of signed bytes, and their dot. `sums`: the packed sums of
  /// the group's activations (AXM_QROW_BYTES).
  llvm::SmallVector<Value> signedBytes(Value at);
  Value signedDot(llvm::ArrayRef<Value> weights, Value acts, Value sums);

  /// The registers to keep for one group of 6-bit codes (8 of codes, then what its two scales
  /// become), and their dot: s0 * dot0 + s1 * dot1 of docs/numerics.md, as f32.
  llvm::SmallVector<Value> sixBits(Value at);
  Value sixBitDot(llvm::ArrayRef<Value> weights, Value acts, Value sums);

private:
  bool vnni() const { return e.level.dot == DotKind::Vnni; }
  /// 4 bytes repeated over all rows.
  Value splatBytes(Value address, Type to);
  /// {low, high} as the two int16 of each 32-bit lane.
  Value pairOf(Value low, Value high);
  Value maddubs(Value u, Value s);
  Value maddwd(Value a, Value b);
  Value dpbusd(Value acc, Value u, Value s);
  /// Sum of `parts` neighbouring products of a and b, extended to 32 bits from their own signs.
  Value plainDot(Value a, bool unsignedA, Value b, int64_t parts);
};

} // namespace axiom::codegen

#endif
