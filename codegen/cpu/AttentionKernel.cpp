#include "codegen/cpu/KernelContext.h"
#include "codegen/cpu/Recipes.h"

namespace axiom::codegen {

using namespace mlir;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

namespace {

/// One unit: a token and a KV head, with all query heads of that KV head together, so that K and V
/// are read and converted once for the group. Scratch: scores [group][64], block output
/// [group][dim], folded output [group][dim], then {max, sum of the block, folded max, folded sum}
/// per query head.
class AttentionUnit {
public:
  AttentionUnit(KernelContext &k, Value unit)
      : k(k), e(k.e), spec(k.spec), group(spec.heads / spec.kvHeads), dim(spec.headDim),
        padded(plan::headDimPadded(spec.headDim)), token(e.udiv(unit, e.i64c(spec.kvHeads))),
        head(e.urem(unit, e.i64c(spec.kvHeads))), v8(e.vec(8, e.f32)), v8i(e.vec(8, e.i32)) {
    scores = k.scratch;
    output = e.at(scores, group * 256);
    folded = e.at(output, group * padded * 4);
    stats = e.at(folded, group * padded * 4);
    query =
        e.at(k.arg("q"), e.mul(e.add(e.mul(token, e.i64c(spec.heads)), e.mul(head, e.i64c(group))),
                               e.i64c(padded * 4)));
  }

  void emit() {
    Value position = k.entry("positions", token), table = k.entry("tableOffsets", token);
    Value oldest = e.i64c(0);
    if (spec.window) {
      Value past = e.cmp(CmpIPredicate::ugt, position, e.i64c(spec.window - 1));
      oldest = e.select(past, e.sub(position, e.i64c(spec.window - 1)), oldest);
    }
    Value first = e.lshr(oldest, 6), last = e.add(e.lshr(position, 6), e.i64c(1));
    e.loop(first, last, 1, [&](Value block) {
      Value base = emitKvHead(k, table, block, head), start = e.shl(block, 6);
      Value low = e.sub(e.umax(oldest, start), start);
      Value count = e.umin(e.sub(e.add(position, e.i64c(1)), start), e.i64c(64));
      Value isFirst = e.cmp(CmpIPredicate::eq, block, first);
      forHeads(2, [&](Value g, int64_t n) { emitScores(base, g, n); });
      e.loop(e.i64c(0), e.i64c(group), 1, [&](Value g) { emitSoftmax(base, g, low, count); });
      forHeads(2, [&](Value g, int64_t n) { emitOutput(base, g, n, low, count); });
      e.loop(e.i64c(0), e.i64c(group), 1, [&](Value g) { emitFold(g, isFirst); });
    });
    e.loop(e.i64c(0), e.i64c(group), 1, [&](Value g) { emitFinish(g); });
  }

private:
  KernelContext &k;
  Emit &e;
  const plan::KernelSpec &spec;
  int64_t group, dim, padded;
  Value token, head;
  Type v8, v8i;
  Value scores, output, folded, stats, query;

  /// body(first head, number of heads) over the group in chunks.
  void forHeads(int64_t chunk, function_ref<void(Value, int64_t)> body) {
    int64_t whole = group / chunk * chunk;
    if (whole)
      e.loop(e.i64c(0), e.i64c(whole), chunk, [&](Value g) { body(g, chunk); });
    if (group != whole)
      body(e.i64c(whole), group - whole);
  }

  int64_t elementShift() {
    return spec.kvType == AXM_KV_F32 ? 2 : spec.kvType == AXM_KV_F16 ? 1 : 0;
  }
  Value loadKv(Value at) {
    if (spec.kvType == AXM_KV_F32)
      return e.load(v8, at);
    if (spec.kvType == AXM_KV_F16)
      return e.extf(e.load(e.vec(8, e.f16), at), v8);
    return e.sitofp(e.sext(e.load(e.vec(8, e.i8), at), v8i), v8);
  }
  Value scalesAt(Value base, int64_t which) {
    return e.at(base, plan::kvKeyBytes(spec.kvType, dim) + padded * 64 + which * 256);
  }
  Value headRow(Value base, Value g, int64_t rowBytes) {
    return e.at(base, e.mul(g, e.i64c(rowBytes)));
  }

  /// Chains over d with 64 positions in lanes, in parts of `width` vectors.
  void emitScores(Value base, Value g, int64_t heads) {
    int64_t width = heads == 1 ? 8 : 4;
    e.loop(e.i64c(0), e.i64c(8), width, [&](Value part) {
      SmallVector<Value> zero(heads * width, e.floatOf(v8, 0.0f));
      Value keys = e.at(base, e.shl(part, 3 + elementShift()));
      SmallVector<Value> acc =
          e.loop(e.i64c(0), e.i64c(dim), 1, zero, [&](Value d, ValueRange carried) {
            // 8 sums, 4 keys and a query: more sums would spill, fewer would wait for the fma.
            SmallVector<Value> next(carried), q;
            Value row = e.at(keys, e.shl(d, 6 + elementShift()));
            for (int64_t h = 0; h < heads; ++h) {
              Value at = headRow(query, e.add(g, e.i64c(h)), padded * 4);
              q.push_back(e.loadSplat(v8, e.at(at, e.shl(d, 2))));
            }
            for (int64_t v = 0; v < width; ++v) {
              Value key = loadKv(e.at(row, v * (8 << elementShift())));
              for (int64_t h = 0; h < heads; ++h)
                next[h * width + v] = e.fma(q[h], key, next[h * width + v]);
            }
            return next;
          });
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t v = 0; v < width; ++v) {
          Value offset = e.shl(e.add(part, e.i64c(v)), 5);
          Value s = acc[h * width + v];
          if (spec.kvType == AXM_KV_INT8)
            s = e.fmul(s, e.load(v8, e.at(scalesAt(base, 0), offset)));
          e.store(s, e.at(headRow(scores, e.add(g, e.i64c(h)), 256), offset));
        }
    });
  }

  void emitSoftmax(Value base, Value g, Value low, Value count) {
    Value row = headRow(scores, g, 256);
    Value lanes = arith::ConstantOp::create(
        e.b, e.loc,
        DenseElementsAttr::get(cast<VectorType>(v8i), ArrayRef<int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
    Value lowSplat = e.splat(e.trunc(low, e.i32), v8i), end = e.splat(e.trunc(count, e.i32), v8i);
    Value minusInf = e.bitcast(e.intOf(v8i, 0xff800000u), v8), zero = e.floatOf(v8, 0.0f);
    SmallVector<Value> values, valid;
    for (int64_t v = 0; v < 8; ++v) {
      Value index = e.add(lanes, e.intOf(v8i, 8 * v));
      valid.push_back(e.and_(e.cmp(CmpIPredicate::sge, index, lowSplat),
                             e.cmp(CmpIPredicate::slt, index, end)));
      values.push_back(e.select(valid[v], e.load(v8, e.at(row, 32 * v)), minusInf));
    }
    Value max = emitHalve64(e, values, /*maximum=*/true), splat = e.splat(max, v8);
    SmallVector<Value> weights;
    for (int64_t v = 0; v < 8; ++v) {
      Value w = e.select(valid[v], emitExp(e, e.fsub(values[v], splat)), zero);
      weights.push_back(w);
      if (spec.kvType == AXM_KV_INT8)
        w = e.fmul(w, e.load(v8, e.at(scalesAt(base, 1), 32 * v)));
      e.store(w, e.at(row, 32 * v));
    }
    Value mine = e.at(stats, e.shl(g, 4));
    e.store(max, mine);
    e.store(emitHalve64(e, weights), e.at(mine, 4));
  }

  /// Chains over the valid positions with the head's features in lanes.
  void emitOutput(Value base, Value g, int64_t heads, Value low, Value count) {
    Value values = e.at(base, plan::kvKeyBytes(spec.kvType, dim));
    auto part = [&](Value vector, int64_t width) {
      SmallVector<Value> zero(heads * width, e.floatOf(v8, 0.0f));
      Value column = e.at(values, e.shl(vector, 3 + elementShift()));
      SmallVector<Value> acc = e.loop(low, count, 1, zero, [&](Value j, ValueRange carried) {
        SmallVector<Value> next(carried), w;
        Value row = e.at(column, e.mul(j, e.i64c(padded << elementShift())));
        for (int64_t h = 0; h < heads; ++h) {
          Value at = headRow(scores, e.add(g, e.i64c(h)), 256);
          w.push_back(e.loadSplat(v8, e.at(at, e.shl(j, 2))));
        }
        for (int64_t i = 0; i < width; ++i) {
          Value v = loadKv(e.at(row, i * (8 << elementShift())));
          for (int64_t h = 0; h < heads; ++h)
            next[h * width + i] = e.fma(w[h], v, next[h * width + i]);
        }
        return next;
      });
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t i = 0; i < width; ++i) {
          Value to = headRow(output, e.add(g, e.i64c(h)), padded * 4);
          e.store(acc[h * width + i], e.at(e.at(to, e.shl(vector, 5)), 32 * i));
        }
    };
    int64_t vectors = padded / 8, width = heads == 1 ? 8 : 4, whole = vectors / width * width;
    if (whole)
      e.loop(e.i64c(0), e.i64c(whole), width, [&](Value v) { part(v, width); });
    if (vectors != whole)
      part(e.i64c(whole), vectors - whole);
  }

  void emitFold(Value g, Value isFirst) {
    Value mine = e.at(stats, e.shl(g, 4));
    Value from = headRow(output, g, padded * 4), to = headRow(folded, g, padded * 4);
    Value m = e.load(e.f32, mine), l = e.load(e.f32, e.at(mine, 4));
    e.when(
        isFirst,
        [&] {
          e.store(m, e.at(mine, 8));
          e.store(l, e.at(mine, 12));
          e.loop(e.i64c(0), e.i64c(padded * 4), 32,
                 [&](Value at) { e.store(e.load(v8, e.at(from, at)), e.at(to, at)); });
        },
        [&] {
          Value oldMax = e.load(e.f32, e.at(mine, 8)), oldSum = e.load(e.f32, e.at(mine, 12));
          Value next = e.select(e.fcmp(CmpFPredicate::OGT, m, oldMax), m, oldMax);
          Value a = emitExp(e, e.fsub(oldMax, next)), c = emitExp(e, e.fsub(m, next));
          e.store(next, e.at(mine, 8));
          e.store(e.fma(oldSum, a, e.fmul(l, c)), e.at(mine, 12));
          Value av = e.splat(a, v8), cv = e.splat(c, v8);
          e.loop(e.i64c(0), e.i64c(padded * 4), 32, [&](Value at) {
            Value block = e.fmul(e.load(v8, e.at(from, at)), cv);
            e.store(e.fma(e.load(v8, e.at(to, at)), av, block), e.at(to, at));
          });
        });
  }

  void emitFinish(Value g) {
    Value mine = e.at(stats, e.shl(g, 4)), from = headRow(folded, g, padded * 4);
    Value r = e.fdiv(e.floatOf(e.f32, 1.0f), e.load(e.f32, e.at(mine, 12)));
    int64_t rowBytes = 4 * plan::rowStride(spec.heads * spec.headDim);
    Value index = e.add(e.mul(head, e.i64c(group)), g);
    Value to =
        e.at(e.at(k.arg("out"), e.mul(token, e.i64c(rowBytes))), e.mul(index, e.i64c(dim * 4)));
    auto copy = [&](int64_t begin, int64_t end, int64_t lanes) {
      Type type = e.vec(lanes, e.f32);
      Value scale = e.splat(r, type);
      e.loop(e.i64c(begin * 4), e.i64c(end * 4), lanes * 4,
             [&](Value at) { e.store(e.fmul(e.load(type, e.at(from, at)), scale), e.at(to, at)); });
    };
    copy(0, dim / 8 * 8, 8);
    if (dim % 8)
      copy(dim / 8 * 8, dim, 1);
    // The last head also clears the padding of the row.
    int64_t features = spec.heads * spec.headDim, stride = plan::rowStride(features);
    if (stride != features)
      e.when(e.cmp(CmpIPredicate::eq, index, e.i64c(spec.heads - 1)), [&] {
        e.loop(e.i64c(0), e.i64c(stride - features), 1, [&](Value i) {
          e.store(e.floatOf(e.f32, 0.0f), e.at(e.at(to, dim * 4), e.shl(i, 2)));
        });
      });
  }
};

} // namespace

void emitAttentionBody(KernelContext &k) {
  k.e.loop(k.begin, k.end, 1, [&](Value unit) { AttentionUnit(k, unit).emit(); });
}

} // namespace axiom::codegen
