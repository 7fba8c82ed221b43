// Attention of some query rows over one KV block, and the fold of what comes out
// (docs/numerics.md). A row is a token and a query head of one KV head. Their memory is laid out in
// dialects/plan/AttentionLayout.h.
#ifndef AXIOM_CODEGEN_CPU_ATTENTIONBLOCK_H
#define AXIOM_CODEGEN_CPU_ATTENTIONBLOCK_H

#include "codegen/cpu/Emit.h"
#include "dialects/plan/AttentionLayout.h"

namespace axiom::codegen {

/// Emits one shared function a kernel form: the rows of one token (all at one position), or those
/// of a tile of tokens with rising positions.
class AttentionBlock {
public:
  AttentionBlock(Emit &e, const plan::KernelSpec &spec);

  /// All query heads of one token: `query` [group][head_dim padded]; folds into `state`. `block` is
  /// the KV head's memory of the block that starts at position `start`, `next` what to prefetch.
  void callToken(Value scratch, Value query, Value state, Value block, Value next, Value start,
                 Value position);
  /// `rows` rows, padded to a multiple of kAttentionRows, of tokens at the positions from `oldest`
  /// to `newest`, whose queries lie in `scratch`; folds into its span state.
  void callTile(Value scratch, Value rows, Value block, Value next, Value start, Value oldest,
                Value newest);

  /// (M, L, O) = (-inf, 0, 0) of `rows` rows.
  void emitClear(Value state, Value rows);
  /// One more state into `to`: blocks into a span or spans into the whole.
  void emitFold(Value scratch, Value to, Value from, Value rows);

private:
  /// Positions of a block, relative to its start, that the rows of a run see at most: of a single
  /// token [low, endMax); in a tile without a window all rows [0, endMin), the last [0, endMax).
  struct Range {
    Value low, endMin, endMax;
  };
  struct Rows {
    Value scratch, query, state; ///< query: of row 0
    Value first;                 ///< first row of the run
    int64_t count;
    Value oldest, newest; ///< positions of the first and the last token
    bool single;          ///< they are one token
    Value whole;          ///< i1: every row sees every position of the block
    Range range;
    Value start;
  };

  void emitBlock(Value scratch, Value query, Value state, Value block, Value next, Value start,
                 Value oldest, Value newest, Value rows);
  void emitScores(const Rows &rows, Value block, Value next);
  void emitSoftmax(const Rows &all, Value rows, Value block, Value next, bool whole);
  llvm::SmallVector<Value> expTogether(llvm::ArrayRef<Value> x);
  void emitFactors(Value scratch, Value max, Value sum, Value blockMax, Value blockSum, Value rows);
  void emitOutput(const Rows &rows, Value block, Value next);
  Range rangeOf(Value start, Value first, Value last);
  Value positionAt(const Rows &rows, Value row);
  /// The same in all lanes of `type`, i32.
  Value positionOf(const Rows &rows, Value row, Type type);
  Value validAt(Value index, Value position);

  int64_t elementBytes() const;
  int64_t vectorsFor(int64_t rows) const;
  /// How often the inner loops of a run of rows walk over a block.
  int64_t scoreParts(int64_t rows) const;
  int64_t outputParts(int64_t rows) const;
  /// n elements as f32.
  Value loadKv(Value at, int64_t n);
  Value kvScales(Value block, int64_t which);
  Value rowAt(Value base, Value row, int64_t bytes);
  struct Ahead {
    Value start;
    int64_t stride; ///< bytes per step
  };
  enum class Work { Scores, Softmax, Output };
  int64_t softmaxAhead(bool single) const;
  Ahead aheadOf(const Rows &rows, Value block, Value next, Work work, Value index = {});
  void prefetch(const Ahead &ahead, Value step);

  Emit &e;
  const plan::KernelSpec &spec;
  plan::AttentionScratch layout;
  int64_t group, dim, padded;
  const int64_t lanes; ///< of a vector in the inner products: 8, or 16 of 512 bits
  Type v8, v8i;
};

} // namespace axiom::codegen

#endif
