// What an instruction-set level does inside one group of 32 along K: weights to registers, exact
// integer dots with the activations of some tokens. A register holds S = 1 or 2 stripes of 8 rows,
// or the first or last 4 rows of one, and 4 k of each row; in DotWide.cpp one stripe and 8 k.
#ifndef AXIOM_CODEGEN_CPU_DOTOPS_H
#define AXIOM_CODEGEN_CPU_DOTOPS_H

#include "codegen/cpu/Emit.h"
#include "runtime/abi/kernel_abi.h"

#include <optional>

namespace axiom::codegen {

class DotOps {
public:
  /// `stripeBytes`: from a stripe to the next one. `half`: 0 or 1, the rows of half a stripe.
  DotOps(Emit &e, int64_t stripes, int64_t stripeBytes, std::optional<int64_t> half = {});

  Emit &e;
  const int64_t stripes, stripeBytes;
  const std::optional<int64_t> half;
  const int64_t rows;  ///< lanes of 32 bits
  Type f, h, i, bytes; ///< a register of f32, f16, i32, i8

  /// Whether a group's weights and a few tokens' sums fill the registers, so that the order of
  /// things is not left to LLVM (Emit::opaque).
  bool few() const { return e.level.registers < 32; }

  /// n elements (of 8 rows) at `at` of each stripe, side by side; or those of the half.
  Value loadEach(int64_t n, Type element, Value at);
  /// 8 f16 or unsigned bytes of each stripe as f32.
  Value halves(Value at) { return e.extf(loadEach(8, e.f16, at), f); }
  Value small(Value at) { return e.sitofp(e.zext(loadEach(8, e.i8, at), i), f); }
  /// Stores the lanes of stripe s at `to` + s * distance.
  void storeEach(Value lanes, Value to, Value distance);

  /// Gives done(t, dot) the f32 dot of one group of weights at `at` (behind its scales) with the 32
  /// activations at acts[t]. `sums`: each token's packed sums of these (AXM_QROW_BYTES).
  using Done = llvm::function_ref<void(size_t, Value)>;
  void nibbleDots(Value at, llvm::ArrayRef<Value> acts, Done done);
  void byteDots(Value at, llvm::ArrayRef<Value> acts, llvm::ArrayRef<Value> sums, Done done);
  /// 6-bit codes with their two scales: s0 * dot0 + s1 * dot1 of docs/numerics.md.
  void sixBitDots(Value at, llvm::ArrayRef<Value> acts, llvm::ArrayRef<Value> sums, Done done);

  /// The weights of one group as signed bytes: register after register at `to`.
  void spread(AxmFormat format, Value at, Value to);
  /// The integer dots of a token with what spread() left, as plain arithmetic.
  Value plainDots(Value spread, Value acts);

private:
  bool vnni() const { return e.level.dot == DotKind::Vnni; }
  bool sdot() const { return e.level.dot == DotKind::Sdot; }
  /// Whether a stripe is taken in registers of 64 bytes, two times 4 k of each row (DotWide.cpp).
  bool wide(size_t tokens) const;
  void wideNibbleDots(Value at, llvm::ArrayRef<Value> acts, Done done);
  void wideByteDots(Value at, llvm::ArrayRef<Value> acts, llvm::ArrayRef<Value> sums, Done done);
  void wideSixBitDots(Value at, llvm::ArrayRef<Value> acts, llvm::ArrayRef<Value> sums, Done done);
  /// The 32-bit lanes of a register of integers.
  Type lanesOf(Value integers) const;
  /// 4 bytes repeated over all rows.
  Value splatBytes(Value address, Type to);
  /// {low, high} as the two int16 of each 32-bit lane.
  Value pairOf(Value low, Value high);
  Value maddubs(Value u, Value s);
  Value maddwd(Value a, Value b);
  Value dpbusd(Value acc, Value u, Value s);
  /// acc + register j's products; `four` keeps the half of the activations that j belongs to.
  Value sdot(Value acc, Value w, Value &four, Value acts, int64_t j);
  /// step(t, j, w) for every token and every register of a group, which make(j) makes, in `order`
  /// for each token; then finish(t). The weights stay and a token's steps follow one another; or,
  /// with few registers, `tokensInner`: a weight is made when it is needed, for all tokens.
  void eachProduct(size_t tokens, llvm::ArrayRef<int64_t> order,
                   llvm::function_ref<Value(int64_t)> make,
                   llvm::function_ref<void(size_t, int64_t, Value)> step,
                   llvm::function_ref<void(size_t)> finish, bool tokensInner);
  /// Makes register j of unsigned nibbles (k = 4j .. 4j+3) from the 128 bytes at `at`.
  Value nibble(llvm::MutableArrayRef<Value> raw, Value at, int64_t j);
  /// Sum of `parts` neighbouring products of a and b, extended to 32 bits from their own signs.
  Value plainDot(Value a, bool unsignedA, Value b, int64_t parts);
};

} // namespace axiom::codegen

#endif
