// Parts of a linear kernel that the epilogues use.
#ifndef AXIOM_CODEGEN_CPU_LINEARKERNEL_H
#define AXIOM_CODEGEN_CPU_LINEARKERNEL_H

#include "codegen/cpu/Dot.h"
#include "codegen/cpu/KernelContext.h"

namespace axiom::codegen {

/// Where the input rows of a range lie.
struct InputRows {
  Value base;
  int64_t stride;      ///< bytes to the next token
  int64_t scaleOffset; ///< quantized: bytes from a row's start to its {scale, ssum} pairs
  int64_t sumOffset;   ///< quantized: to its packed sums
};

class LinearBody {
public:
  explicit LinearBody(KernelContext &k);

  KernelContext &k;
  Emit &e;
  const plan::KernelSpec &spec;
  Type v8;

  /// Calls body(t, n) for consecutive tiles that cover the step; n is the level's largest tile or
  /// a smaller power of two.
  void forTiles(llvm::function_ref<void(Value t, Value n)> body);

  /// Linear outputs of `stripes` stripes from `stripe` of range `range`, for the n tokens from t:
  /// stored at out + token * outToken + stripe * 32 (f32, without bias).
  void rows(size_t range, Value stripe, Value stripes, Value t, Value n, Value out,
            int64_t outToken);

  /// The tile at the start of the scratch.
  Value tile() { return k.scratch; }
  /// Adds the bias of a range to a vector of 8 rows, if it has one; `row` is a packed row index.
  Value withBias(size_t range, Value y, Value row);

private:
  DotShape dotShape(size_t range, int64_t tokens) const;
  void rowsFor(int64_t n, size_t range, Value stripe, Value stripes, Value t, Value out,
               int64_t outToken);
  Value joinSegments(Value partials, int64_t lo, int64_t hi);
  std::vector<int64_t> bounds_; ///< K segment boundaries, 0 and padded K included
  int64_t longest_ = 0;         ///< elements of the longest segment
};

/// Offset (i64 value) in the scratch of the prologue's f32 rows and QRows; their input rows.
InputRows inputRows(KernelContext &k, AxmFormat format);

void emitQkvEpilogue(LinearBody &body);
void emitSwiGluEpilogue(LinearBody &body);
void emitHeadEpilogue(LinearBody &body);

} // namespace axiom::codegen

#endif
