// Dots of 16 tokens and 16 rows at a time in matrix tiles (AMX): exact integers, so the bits are
// those of every other level. A group's products of 32 along K are one instruction; what remains is
// the f32 step for each of them. The weights of two stripes are spread to bytes once for all tokens
// of the call.
#include "codegen/cpu/Dot.h"

namespace axiom::codegen {

using namespace mlir;

namespace {

constexpr int64_t kTileTokens = kSumTokens, kTileRows = 16;
constexpr int64_t kWeightBytes = kTileRows * AXM_GROUP;       ///< a group's, as bytes
constexpr int64_t kScaleBytes = 2 * 4 * kTileRows;            ///< f32 scale and min
constexpr int64_t kResultBytes = 4 * kTileTokens * kTileRows; ///< int32 [token][row]
/// Longest segment whose weights, spread, still leave room for activations in the cache of level 1.
constexpr int64_t kMostGroups = 48;
/// Tile registers: int32 results, int8 activations [token][32], weights [8][row][4].
constexpr int64_t kResults = 0, kActs = 1, kWeights = 2;

class TileDot {
public:
  TileDot(Emit &e, const DotShape &shape, const DotArgs &a)
      : e(e), shape(shape), a(a), ops(e, 2, shape.stripeBytes) {
    staged = e.stack(shape.maxGroups * kWeightBytes, 64);
    scales = e.stack(shape.maxGroups * kScaleBytes, 64);
    results = e.stack(2 * kResultBytes, 64);
  }

  void emit(Value stripes) {
    if (!e.level.plainDots)
      configure();
    e.loop(e.i64c(0), stripes, 2, [&](Value stripe) {
      stage(e.at(a.weights, e.mul(stripe, e.i64c(shape.stripeBytes))));
      Value to = e.at(a.out, e.mul(a.outStripe, stripe));
      e.loop(e.i64c(0), e.i64c(shape.tokens), kTileTokens, [&](Value token) { pass(token, to); });
    });
    if (!e.level.plainDots)
      e.effect("llvm.x86.tilerelease", {});
  }

private:
  Emit &e;
  const DotShape &shape;
  const DotArgs &a;
  DotOps ops;
  Value staged, scales, results;

  Value tile(int64_t number) { return e.intOf(e.i8, number); }

  void configure() {
    // Palette 1; u16 bytes of a row from byte 16 on, u8 rows from byte 48 on.
    Value config = e.stack(64, 64);
    e.store(e.intOf(e.vec(64, e.i8), 0), config);
    e.store(e.intOf(e.i8, 1), config);
    auto set = [&](int64_t number, int64_t rows, int64_t bytes) {
      e.store(e.intOf(e.i16, bytes), e.at(config, 16 + 2 * number));
      e.store(e.intOf(e.i8, rows), e.at(config, 48 + number));
    };
    set(kResults, kTileTokens, 4 * kTileRows);
    set(kActs, kTileTokens, AXM_GROUP);
    set(kWeights, AXM_GROUP / 4, 4 * kTileRows);
    e.effect("llvm.x86.ldtilecfg", {config});
  }

  /// The segment's weights as bytes, its scales as f32.
  void stage(Value weights) {
    forGroups(ops, shape, a, weights, {}, [&](const Group &group, ValueRange) {
      ops.spread(shape.format, group.weights,
                 e.at(staged, e.mul(group.index, e.i64c(kWeightBytes))));
      Value to = e.at(scales, e.mul(group.index, e.i64c(kScaleBytes)));
      e.store(group.scale(), to);
      if (Value min = group.min())
        e.store(min, e.at(to, kScaleBytes / 2));
      return SmallVector<Value>();
    });
  }

  Value resultsOf(Value group) {
    return e.at(results, e.mul(e.and_(group, e.i64c(1)), e.i64c(kResultBytes)));
  }

  /// The integer dots of one group.
  void multiply(Value acts, Value group) {
    Value mine = e.at(acts, e.shl(group, 5));
    Value weights = e.at(staged, e.mul(group, e.i64c(kWeightBytes))), to = resultsOf(group);
    if (e.level.plainDots) {
      e.loop(e.i64c(0), e.i64c(kTileTokens), 1, [&](Value t) {
        Value dots = ops.plainDots(weights, e.at(mine, e.mul(t, e.i64c(shape.actStride))));
        e.store(dots, e.at(to, e.mul(t, e.i64c(4 * kTileRows))));
      });
      return;
    }
    e.effect("llvm.x86.tileloadd64", {tile(kActs), mine, e.i64c(shape.actStride)});
    e.effect("llvm.x86.tileloadd64", {tile(kWeights), weights, e.i64c(4 * kTileRows)});
    e.effect("llvm.x86.tilezero", {tile(kResults)});
    e.effect("llvm.x86.tdpbssd", {tile(kResults), tile(kActs), tile(kWeights)});
    e.effect("llvm.x86.tilestored64", {tile(kResults), to, e.i64c(4 * kTileRows)});
  }

  /// The chains of 16 tokens from `token` on.
  void pass(Value token, Value to) {
    Value offset = e.mul(token, e.i64c(shape.actStride));
    Value acts = e.at(a.acts, offset), pairs = e.at(a.scales, offset);
    bool min = shape.format != AXM_FORMAT_Q8;
    SmallVector<Value> zero(kTileTokens, e.floatOf(ops.f, 0.0f));
    Value last = e.sub(a.groups, e.i64c(1));
    // One group ahead: its products are on their way while the f32 steps of this one run.
    multiply(acts, e.i64c(0));
    SmallVector<Value> sums =
        e.loop(e.i64c(0), a.groups, 1, zero, [&](Value g, ValueRange carried) {
          SmallVector<Value> acc(carried);
          multiply(acts, e.umin(e.add(g, e.i64c(1)), last));
          Value own = e.at(scales, e.mul(g, e.i64c(kScaleBytes))), dots = e.opaque(resultsOf(g));
          Value pairsOfGroup = e.opaque(e.at(pairs, e.shl(g, 3)));
          Value scale = e.load(ops.f, own),
                mins = min ? e.load(ops.f, e.at(own, kScaleBytes / 2)) : Value();
          for (int64_t t = 0; t < kTileTokens; ++t) {
            Value dot = e.sitofp(e.load(ops.i, e.at(dots, t * 4 * kTileRows)), ops.f);
            Value pair = e.at(pairsOfGroup, t * shape.actStride);
            acc[t] = emitGroupStep(ops, acc[t], dot, scale, mins, pair);
          }
          return acc;
        });
    for (int64_t t = 0; t < kTileTokens; ++t)
      ops.storeEach(sums[t], e.at(to, e.mul(a.outToken, e.add(token, e.i64c(t)))), a.outStripe);
  }
};

} // namespace

bool usesTiles(const CpuLevel &level, const DotShape &shape) {
  return level.tiles && shape.tokens % kTileTokens == 0 && shape.maxGroups <= kMostGroups &&
         plan::isQuantized(shape.format) && shape.format != AXM_FORMAT_Q6;
}

void emitTileDot(Emit &e, const DotShape &shape, const DotArgs &a, Value stripes) {
  TileDot(e, shape, a).emit(stripes);
}

} // namespace axiom::codegen
