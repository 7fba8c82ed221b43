#include "codegen/cpu/LinearKernel.h"
#include "codegen/cpu/Recipes.h"

namespace axiom::codegen {

using namespace mlir;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// Max, lowest id with the max, and sum of exp(l - max) of `count` logits (a multiple of 64 by
/// padding the `valid` ones with -inf); id0 is the id of the first. If one of them is not finite:
/// NaN, id0, NaN.
static void emitTileStatistics(Emit &e, Value logits, Value count, Value valid, Value id0,
                               Value to) {
  Type v8 = e.vec(8, e.f32), v8i = e.vec(8, e.i32);
  Value bytes = e.shl(count, 2);
  Value minusInf = e.bitcast(e.intOf(v8i, 0xff800000u), v8);
  auto maximum = [&](Value a, Value b) { return e.select(e.fcmp(CmpFPredicate::OGT, b, a), b, a); };
  Value maxes =
      e.loop(e.i64c(0), bytes, 32, ValueRange{minusInf}, [&](Value at, ValueRange carried) {
        return SmallVector<Value>{maximum(carried[0], e.load(v8, e.at(logits, at)))};
      })[0];
  Value max = e.halve8(maxes, maximum);
  Value maxSplat = e.splat(max, v8);

  Value lanes = arith::ConstantOp::create(
      e.b, e.loc,
      DenseElementsAttr::get(cast<VectorType>(v8i), ArrayRef<int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  Value none = e.intOf(v8i, 0x7fffffff), zeros = e.intOf(v8i, 0);
  Value validSplat = e.splat(e.trunc(valid, e.i32), v8i);
  SmallVector<Value> found =
      e.loop(e.i64c(0), bytes, 32, ValueRange{none, zeros}, [&](Value at, ValueRange carried) {
        Value l = e.load(v8, e.at(logits, at));
        Value equal = e.fcmp(CmpFPredicate::OEQ, l, maxSplat);
        Value index = e.add(e.splat(e.trunc(e.lshr(at, 2), e.i32), v8i), lanes);
        Value size = e.and_(e.bitcast(l, v8i), none);
        Value exists = e.cmp(CmpIPredicate::ult, index, validSplat);
        return SmallVector<Value>{e.umin(carried[0], e.select(equal, index, none)),
                                  e.umax(carried[1], e.select(exists, size, zeros))};
      });
  Value argmax = e.halve8(found[0], [&](Value a, Value b) { return e.umin(a, b); });
  // Infinities and NaNs have the largest exponent.
  Value largest = e.halve8(found[1], [&](Value a, Value b) { return e.umax(a, b); });
  Value finite = e.cmp(CmpIPredicate::ult, largest, e.i32c(0x7f800000));

  SmallVector<Value> zero(8, e.floatOf(v8, 0.0f));
  SmallVector<Value> sums = e.loop(e.i64c(0), bytes, 256, zero, [&](Value at, ValueRange carried) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < 8; ++i) {
      Value l = e.load(v8, e.at(e.at(logits, at), 32 * i));
      next.push_back(e.fadd(carried[i], emitExp(e, e.fsub(l, maxSplat))));
    }
    return next;
  });
  Value nan = e.bitcast(e.i32c(0x7fc00000), e.f32);
  e.store(e.select(finite, max, nan), to);
  e.store(e.add(e.select(finite, argmax, e.i32c(0)), e.trunc(id0, e.i32)), e.at(to, 4));
  e.store(e.select(finite, emitHalve64(e, sums), nan), e.at(to, 8));
  e.store(e.i32c(0), e.at(to, 12));
}

void emitHeadEpilogue(LinearBody &body) {
  Emit &e = body.e;
  KernelContext &k = body.k;
  int64_t vocab = body.spec.ranges[0].rows, stride = plan::logitsStride(vocab);
  int64_t packed = plan::packedRows(body.spec.ranges[0]);
  int64_t tiles = (vocab + AXM_TILE_IDS - 1) / AXM_TILE_IDS;
  if (!e.hasFunction("tile.statistics"))
    e.function("tile.statistics", {e.ptr, e.i64, e.i64, e.i64, e.ptr}, true,
               [&](ValueRange a) { emitTileStatistics(e, a[0], a[1], a[2], a[3], a[4]); });
  e.loop(k.begin, k.end, 1, [&](Value unit) {
    Value first = e.shl(unit, 10);
    Value stripes = e.umin(e.i64c(128), e.sub(e.i64c(packed / 8), e.shl(unit, 7)));
    Value count = e.umin(e.i64c(AXM_TILE_IDS), e.sub(e.i64c(stride), first));
    Value valid = e.umin(count, e.sub(e.i64c(vocab), first));
    body.forTiles([&](Value t, Value n) {
      Value out = e.at(k.arg("logits"), e.add(e.mul(t, e.i64c(stride * 4)), e.shl(first, 2)));
      body.rows(0, e.shl(unit, 7), stripes, t, n, out, stride * 4);
      e.loop(e.i64c(0), n, 1, [&](Value token) {
        Value row = e.add(t, token);
        Value logits = e.at(out, e.mul(token, e.i64c(stride * 4)));
        if (body.spec.ranges[0].bias)
          e.loop(e.i64c(0), stripes, 1, [&](Value s) {
            Value at = e.at(logits, e.shl(s, 5));
            Value index = e.add(first, e.shl(s, 3));
            e.store(body.withBias(0, e.load(body.v8, at), index), at);
          });
        // Ids past the vocabulary, in the last tile only.
        Value pad = e.umax(first, e.i64c(vocab));
        e.loop(pad, e.add(first, count), 1, [&](Value id) {
          Value at = e.at(logits, e.shl(e.sub(id, first), 2));
          e.store(e.i32c(static_cast<int32_t>(0xff800000u)), at);
        });
        Value tile = e.at(k.arg("tiles"),
                          e.mul(e.add(e.mul(row, e.i64c(tiles)), unit), e.i64c(sizeof(AxmTile))));
        e.call("tile.statistics", {logits, count, valid, first, tile});
      });
    });
  });
}

} // namespace axiom::codegen
