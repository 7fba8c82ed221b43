#include "codegen/cpu/AttentionBlock.h"

#include "codegen/cpu/Recipes.h"

namespace axiom::codegen {

using namespace mlir;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

namespace {

constexpr int64_t kBlock = AXM_KV_BLOCK;

/// Runs of a token's rows: six at a time, but never one alone after more.
SmallVector<int64_t> runsOf(int64_t rows) {
  SmallVector<int64_t> runs;
  while (rows > 0) {
    int64_t run = rows <= 6 ? rows : rows == 7 || rows == 8 ? 4 : 6;
    runs.push_back(run);
    rows -= run;
  }
  return runs;
}

Value smin(Emit &e, Value a, Value b) { return arith::MinSIOp::create(e.b, e.loc, a, b); }
Value smax(Emit &e, Value a, Value b) { return arith::MaxSIOp::create(e.b, e.loc, a, b); }

} // namespace

AttentionBlock::AttentionBlock(Emit &e, const plan::KernelSpec &spec)
    : e(e), spec(spec), layout(plan::attentionScratch(spec)), group(plan::attentionGroup(spec)),
      dim(spec.headDim), padded(plan::headDimPadded(spec.headDim)), lanes(8 * e.level.stripes),
      v8(e.vec(8, e.f32)), v8i(e.vec(8, e.i32)) {}

/// Vectors that one run of rows holds sums for: with the vectors of keys and a query all stay in 16
/// registers, and at least 8 sums hide the latency of the fma. 32 registers of 512 bits take a
/// whole block of keys.
int64_t AttentionBlock::vectorsFor(int64_t rows) const {
  int64_t narrow = rows == 1 ? 8 : rows <= 3 ? 4 : 2;
  return lanes == 8 ? narrow : std::max<int64_t>(narrow, 4);
}

int64_t AttentionBlock::elementBytes() const {
  return spec.kvType == AXM_KV_F32 ? 4 : spec.kvType == AXM_KV_F16 ? 2 : 1;
}

Value AttentionBlock::loadKv(Value at, int64_t n) {
  Type floats = e.vec(n, e.f32);
  if (spec.kvType == AXM_KV_F32)
    return e.load(floats, at);
  if (spec.kvType == AXM_KV_F16)
    return e.extf(e.load(e.vec(n, e.f16), at), floats);
  return e.sitofp(e.sext(e.load(e.vec(n, e.i8), at), e.vec(n, e.i32)), floats);
}

Value AttentionBlock::kvScales(Value block, int64_t which) {
  return e.at(block, plan::kvKeyBytes(spec.kvType, spec.headDim) + padded * kBlock + which * 256);
}

Value AttentionBlock::rowAt(Value base, Value row, int64_t bytes) {
  return e.at(base, e.mul(row, e.i64c(bytes)));
}

int64_t AttentionBlock::scoreParts(int64_t rows) const {
  int64_t vectors = kBlock / lanes, full = vectorsFor(rows);
  return (vectors + full - 1) / full;
}

/// Eight features that are no whole vector are a part of their own.
int64_t AttentionBlock::outputParts(int64_t rows) const {
  int64_t vectors = padded / lanes, full = vectorsFor(rows);
  return (vectors + full - 1) / full + (padded % lanes ? 1 : 0);
}

/// Bytes that half a row's softmax prefetches, so that memory is not idle meanwhile. A tile's rows
/// do not wait for memory.
int64_t AttentionBlock::softmaxAhead(bool single) const {
  return single ? std::min<int64_t>(256, spec.kvHeadBytes / (8 * group) / 64 * 64) : 0;
}

/// Where part `index` of the block's inner loops starts to prefetch: scores, softmax and outputs
/// together run once over the lines of `next` in their order, which suits the hardware's own
/// prefetching, and evenly, so that the memory is never idle. A line may come twice.
AttentionBlock::Ahead AttentionBlock::aheadOf(const Rows &rows, Value block, Value next, Work work,
                                              Value index) {
  int64_t bytes = spec.kvHeadBytes, each = softmaxAhead(rows.single), softmax = 2 * group * each;
  int64_t scoreSteps = scoreParts(rows.count) * dim, outputSteps = outputParts(rows.count) * kBlock;
  int64_t stride = (bytes - softmax + scoreSteps + outputSteps - 1) / (scoreSteps + outputSteps);
  if (work == Work::Softmax)
    return {e.at(next, scoreSteps * stride), each};
  bool output = work == Work::Output;
  Value from = e.mul(index, e.i64c((output ? kBlock : dim) * stride));
  if (output)
    from = e.add(from, e.i64c(scoreSteps * stride + softmax));
  Value inside = e.cmp(CmpIPredicate::ult, from, e.i64c(bytes));
  return {e.select(inside, e.at(next, from), block), stride};
}

void AttentionBlock::prefetch(const Ahead &ahead, Value step) {
  Value at = e.at(ahead.start, e.mul(step, e.i64c(ahead.stride)));
  // Level 2: a block fills half of level 1, and more lines can be on their way.
  for (int64_t offset = 0; offset < ahead.stride; offset += 64)
    e.prefetch(e.at(at, offset), 2);
}

AttentionBlock::Range AttentionBlock::rangeOf(Value start, Value first, Value last) {
  auto clamp = [&](Value v) {
    return smin(e, smax(e, e.sub(v, start), e.i64c(0)), e.i64c(kBlock));
  };
  Range range{e.i64c(0), clamp(e.add(first, e.i64c(1))), clamp(e.add(last, e.i64c(1)))};
  if (spec.window && first == last)
    range.low = clamp(e.sub(first, e.i64c(spec.window - 1)));
  return range;
}

/// Rows beyond the last token's are copies of its last one.
Value AttentionBlock::positionAt(const Rows &rows, Value row) {
  if (rows.single)
    return rows.oldest;
  return smin(e, e.add(rows.oldest, e.udiv(row, e.i64c(group))), rows.newest);
}

Value AttentionBlock::positionOf(const Rows &rows, Value row, Type type) {
  return e.splat(e.trunc(positionAt(rows, row), e.i32), type);
}

/// Lanes of `index`, absolute positions, that a query at `position` sees.
Value AttentionBlock::validAt(Value index, Value position) {
  Value valid = e.cmp(CmpIPredicate::sge, position, index);
  if (!spec.window)
    return valid;
  Value oldest = e.sub(position, e.intOf(position.getType(), spec.window));
  return e.and_(valid, e.cmp(CmpIPredicate::sgt, index, oldest));
}

/// Chains over d with positions in lanes, in parts of some vectors.
void AttentionBlock::emitScores(const Rows &rows, Value block, Value next) {
  int64_t vectors = kBlock / lanes, full = std::min(vectorsFor(rows.count), vectors);
  int64_t count = rows.count, bytes = elementBytes(), vectorBytes = 4 * lanes;
  Type v = e.vec(lanes, e.f32);
  Value query = rowAt(rows.query, rows.first, padded * 4);
  Value scores = rowAt(e.at(rows.scratch, layout.scores), rows.first, 256);
  // Parts without a valid position are left out: their scores are removed by select anyway.
  auto part = [&](Value vector, int64_t width) {
    Value keys = e.at(block, e.mul(vector, e.i64c(lanes * bytes)));
    Ahead ahead = aheadOf(rows, block, next, Work::Scores, e.udiv(vector, e.i64c(full)));
    SmallVector<Value> zero(count * width, e.floatOf(v, 0.0f));
    SmallVector<Value> sums =
        e.loop(e.i64c(0), e.i64c(dim), 1, zero, [&](Value d, ValueRange carried) {
          SmallVector<Value> sum(carried), key, q;
          Value row = e.mul(d, e.i64c(kBlock * bytes)), column = e.opaque(e.at(query, e.shl(d, 2)));
          prefetch(ahead, d);
          Value at = e.at(keys, row);
          for (int64_t i = 0; i < width; ++i)
            key.push_back(loadKv(e.at(at, i * lanes * bytes), lanes));
          for (int64_t r = 0; r < count; ++r)
            q.push_back(e.loadSplat(v, e.at(column, r * padded * 4)));
          for (int64_t r = 0; r < count; ++r)
            for (int64_t i = 0; i < width; ++i)
              sum[r * width + i] = e.fma(q[r], key[i], sum[r * width + i]);
          return sum;
        });
    for (int64_t i = 0; i < width; ++i) {
      Value column = e.mul(e.add(vector, e.i64c(i)), e.i64c(vectorBytes)), scale;
      if (spec.kvType == AXM_KV_INT8)
        scale = e.load(v, e.at(kvScales(block, 0), column));
      for (int64_t r = 0; r < count; ++r) {
        Value s = sums[r * width + i];
        e.store(scale ? e.fmul(s, scale) : s, e.at(e.at(scores, column), r * 256));
      }
    }
  };
  int64_t whole = vectors / full * full;
  Value begin = e.mul(e.udiv(rows.range.low, e.i64c(lanes * full)), e.i64c(full));
  Value end = e.udiv(e.add(rows.range.endMax, e.i64c(lanes - 1)), e.i64c(lanes));
  e.loop(begin, e.umin(end, e.i64c(whole)), full, [&](Value first) { part(first, full); });
  if (vectors != whole)
    e.when(e.cmp(CmpIPredicate::ugt, end, e.i64c(whole)),
           [&] { part(e.i64c(whole), vectors - whole); });
}

/// exp of some vectors, step by step of all of them: a vector's own steps wait for each other.
SmallVector<Value> AttentionBlock::expTogether(ArrayRef<Value> x) {
  SmallVector<int64_t> lanes;
  for (int64_t i = 0; i < 32; ++i)
    lanes.push_back(i);
  ArrayRef<int64_t> all = lanes;
  Value low = e.shuffle(x[0], x[1], all.take_front(16));
  Value high = e.shuffle(x[2], x[3], all.take_front(16));
  Value y = emitExp(e, e.shuffle(low, high, all), /*atMostZero=*/true);
  SmallVector<Value> parts;
  for (int64_t i = 0; i < 4; ++i)
    parts.push_back(e.shuffle(y, y, all.slice(8 * i, 8)));
  return parts;
}

/// Scores to weights in place, max and sum of each row. `whole`: every position is valid.
void AttentionBlock::emitSoftmax(const Rows &all, Value rows, Value block, Value next, bool whole) {
  Value minusInf = e.bitcast(e.intOf(v8i, 0xff800000u), v8), zero = e.floatOf(v8, 0.0f), first;
  if (!whole) {
    Value lanes = arith::ConstantOp::create(
        e.b, e.loc,
        DenseElementsAttr::get(cast<VectorType>(v8i), ArrayRef<int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
    first = e.add(lanes, e.splat(e.trunc(all.start, e.i32), v8i));
  }
  Ahead ahead = aheadOf(all, block, next, Work::Softmax);
  auto scoresOf = [&](Value row) { return rowAt(e.at(all.scratch, layout.scores), row, 256); };
  // In two passes, so that the rows' chains of dependent steps overlap.
  e.loop(e.i64c(0), rows, 1, [&](Value row) {
    Value at = scoresOf(row), position = whole ? Value() : positionOf(all, row, v8i);
    SmallVector<Value> s;
    for (int64_t v = 0; v < 8; ++v) {
      s.push_back(e.load(v8, e.at(at, 32 * v)));
      if (!whole)
        s[v] = e.select(validAt(e.add(first, e.intOf(v8i, 8 * v)), position), s[v], minusInf);
    }
    e.store(emitHalve64(e, s, /*maximum=*/true),
            e.at(e.at(all.scratch, layout.blockMax), e.shl(row, 2)));
  });
  e.loop(e.i64c(0), rows, 1, [&](Value row) {
    Value at = scoresOf(row), position = whole ? Value() : positionOf(all, row, v8i);
    Value column = e.shl(row, 2);
    Value splat = e.loadSplat(v8, e.at(e.at(all.scratch, layout.blockMax), column));
    // Four vectors at a time, which need no spills; the sum is that of the halving.
    Value sum = e.loop(e.i64c(0), e.i64c(2), 1, {zero}, [&](Value half, ValueRange before) {
      SmallVector<Value> offset, x;
      prefetch(ahead, e.add(e.shl(row, 1), half));
      for (int64_t v = 0; v < 8; v += 2) {
        offset.push_back(e.add(e.shl(half, 5), e.i64c(32 * v)));
        x.push_back(e.fsub(e.load(v8, e.at(at, offset.back())), splat));
      }
      SmallVector<Value> w = expTogether(x);
      for (int64_t i = 0; i < 4; ++i) {
        if (!whole) {
          Value index = e.add(e.shl(half, 3), e.i64c(16 * i));
          Value valid = validAt(e.add(first, e.splat(e.trunc(index, e.i32), v8i)), position);
          w[i] = e.select(valid, w[i], zero);
        }
        Value stored = w[i];
        if (spec.kvType == AXM_KV_INT8)
          stored = e.fmul(stored, e.load(v8, e.at(kvScales(block, 1), offset[i])));
        e.store(stored, e.at(at, offset[i]));
      }
      Value join = e.fadd(e.fadd(w[0], w[2]), e.fadd(w[1], w[3]));
      return SmallVector<Value>{e.fadd(before[0], join)};
    })[0];
    sum = e.halve8(sum, [&](Value a, Value b) { return e.fadd(a, b); });
    e.store(sum, e.at(e.at(all.scratch, layout.blockSum), column));
  });
}

/// Folds max and sum, 8 rows at a time, and leaves the factors for the outputs. A part without a
/// valid position, max -inf and sum 0, gets the factors 1 and 0, or 0 and 0 while there was none.
void AttentionBlock::emitFactors(Value scratch, Value max, Value sum, Value blockMax,
                                 Value blockSum, Value rows) {
  e.loop(e.i64c(0), rows, 8, [&](Value row) {
    Value column = e.shl(row, 2);
    auto in = [&](Value array) { return e.load(v8, e.at(array, column)); };
    auto out = [&](Value v, Value array) { e.store(v, e.at(array, column)); };
    Value old = in(max), m = in(blockMax), l = in(blockSum);
    Value zero = e.floatOf(v8, 0.0f), minusInf = e.bitcast(e.intOf(v8i, 0xff800000u), v8);
    Value joint = e.select(e.fcmp(CmpFPredicate::OGT, m, old), m, old);
    Value nothing = e.fcmp(CmpFPredicate::OEQ, joint, minusInf);
    Value keep = e.select(nothing, zero, emitExp(e, e.fsub(old, joint), true));
    Value add = e.select(nothing, zero, emitExp(e, e.fsub(m, joint), true));
    out(e.fma(in(sum), keep, e.fmul(l, add)), sum);
    out(joint, max);
    out(keep, e.at(scratch, layout.keepFactor));
    out(add, e.at(scratch, layout.addFactor));
  });
}

/// Chains over the valid positions with features in lanes, folded into the state's O.
void AttentionBlock::emitOutput(const Rows &rows, Value block, Value next) {
  int64_t bytes = elementBytes(), count = rows.count, full = vectorsFor(count);
  int64_t valueBytes = plan::kvKeyBytes(spec.kvType, spec.headDim);
  Value weights = rowAt(e.at(rows.scratch, layout.scores), rows.first, 256);
  Value output = rowAt(rows.state, rows.first, padded * 4), four = e.shl(rows.first, 2);
  Value keep = e.at(e.at(rows.scratch, layout.keepFactor), four);
  Value add = e.at(e.at(rows.scratch, layout.addFactor), four);
  const Range &range = rows.range;
  // `width` vectors of n features from `feature` on.
  auto part = [&](Value feature, int64_t width, int64_t n, Value index) {
    Type v = e.vec(n, e.f32);
    Value values = e.at(e.at(block, e.mul(feature, e.i64c(bytes))), valueBytes);
    Ahead ahead = aheadOf(rows, block, next, Work::Output, index);
    // Rows from firstRow on see positions from `from` to `to`, all or some of them.
    auto chain = [&](Value from, Value to, bool some, int64_t firstRow,
                     ArrayRef<Value> sums) -> SmallVector<Value> {
      if (firstRow >= count)
        return SmallVector<Value>(sums);
      return e.loop(from, to, 1, sums, [&](Value j, ValueRange carried) {
        SmallVector<Value> sum(carried), value;
        Value row = e.mul(j, e.i64c(padded * bytes)), column = e.opaque(e.at(weights, e.shl(j, 2)));
        if (!some)
          prefetch(ahead, j);
        Value at = e.at(values, row), position;
        Type integers = e.vec(n, e.i32);
        if (some)
          position = e.splat(e.trunc(e.add(rows.start, j), e.i32), integers);
        for (int64_t i = 0; i < width; ++i)
          value.push_back(loadKv(e.at(at, i * n * bytes), n));
        for (int64_t r = firstRow; r < count; ++r) {
          Value w = e.loadSplat(v, e.at(column, r * 256)), valid;
          if (some)
            valid = validAt(position, positionOf(rows, e.add(rows.first, e.i64c(r)), integers));
          for (int64_t i = 0; i < width; ++i) {
            Value &mine = sum[r * width + i];
            Value longer = e.fma(w, value[i], mine);
            mine = some ? e.select(valid, longer, mine) : longer;
          }
        }
        return sum;
      });
    };
    SmallVector<Value> sums(count * width, e.floatOf(v, 0.0f));
    Value zero = e.i64c(0), all = e.i64c(kBlock);
    if (rows.single) {
      sums = chain(range.low, range.endMax, false, 0, sums);
    } else if (spec.window) {
      sums = chain(zero, e.select(rows.whole, zero, range.endMax), true, 0, sums);
      sums = chain(e.select(rows.whole, zero, all), all, false, 0, sums);
    } else {
      // The rows of the run's first token see nothing more.
      int64_t same = count % group == 0 ? group : 1;
      sums = chain(zero, range.endMin, false, 0, sums);
      sums = chain(range.endMin, range.endMax, true, same, sums);
    }
    for (int64_t r = 0; r < count; ++r) {
      Value a = e.loadSplat(v, e.at(keep, 4 * r)), b = e.loadSplat(v, e.at(add, 4 * r));
      for (int64_t i = 0; i < width; ++i) {
        Value at = e.at(e.at(output, e.shl(feature, 2)), r * padded * 4 + 4 * n * i);
        e.store(e.fma(e.load(v, at), a, e.fmul(sums[r * width + i], b)), at);
      }
    }
  };
  int64_t vectors = padded / lanes, parts = vectors / full, left = vectors % full;
  if (parts)
    e.loop(e.i64c(0), e.i64c(parts), 1,
           [&](Value i) { part(e.mul(i, e.i64c(full * lanes)), full, lanes, i); });
  if (left)
    part(e.i64c(parts * full * lanes), left, lanes, e.i64c(parts));
  if (padded % lanes)
    part(e.i64c(vectors * lanes), 1, 8, e.i64c(outputParts(count) - 1));
}

void AttentionBlock::emitBlock(Value scratch, Value query, Value state, Value block, Value next,
                               Value start, Value oldest, Value newest, Value count) {
  plan::AttentionState stateLayout = plan::attentionState(spec, layout.rows);
  bool single = !count;
  Value whole = e.cmp(CmpIPredicate::sge, oldest, e.add(start, e.i64c(kBlock - 1)));
  if (spec.window)
    whole = e.and_(whole, e.cmp(CmpIPredicate::slt, e.sub(newest, e.i64c(spec.window)), start));
  Rows rows{scratch, query, state, {}, 0, oldest, newest, single, whole, {}, start};
  if (single)
    count = e.i64c(group);
  auto forRuns = [&](function_ref<void(const Rows &)> body) {
    if (single) {
      rows.range = rangeOf(start, oldest, newest);
      int64_t at = 0;
      for (int64_t run : runsOf(group)) {
        rows.first = e.i64c(at);
        rows.count = run;
        body(rows);
        at += run;
      }
      return;
    }
    e.loop(e.i64c(0), count, plan::kAttentionRows, [&](Value row) {
      rows.first = row;
      rows.count = plan::kAttentionRows;
      rows.range = rangeOf(start, positionAt(rows, row),
                           positionAt(rows, e.add(row, e.i64c(plan::kAttentionRows - 1))));
      body(rows);
    });
  };
  forRuns([&](const Rows &run) { emitScores(run, block, next); });
  e.when(
      whole, [&] { emitSoftmax(rows, count, block, next, true); },
      [&] { emitSoftmax(rows, count, block, next, false); });
  emitFactors(scratch, e.at(state, stateLayout.max), e.at(state, stateLayout.sum),
              e.at(scratch, layout.blockMax), e.at(scratch, layout.blockSum), count);
  forRuns([&](const Rows &run) { emitOutput(run, block, next); });
}

/// Kernels that differ in nothing that the function knows share it.
static std::string functionName(const plan::KernelSpec &spec, const char *form) {
  return std::string("attention.") + form + "." + std::to_string(spec.kvType) + "." +
         std::to_string(spec.headDim) + "." + std::to_string(plan::attentionGroup(spec)) + "." +
         std::to_string(spec.window) + (spec.spanUnits ? ".spans" : "");
}

void AttentionBlock::callToken(Value scratch, Value query, Value state, Value block, Value next,
                               Value start, Value position) {
  std::string name = functionName(spec, "token");
  if (!e.hasFunction(name))
    e.function(name, {e.ptr, e.ptr, e.ptr, e.ptr, e.ptr, e.i64, e.i64}, true, [&](ValueRange a) {
      emitBlock(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[6], {});
    });
  e.call(name, {scratch, query, state, block, next, start, position});
}

void AttentionBlock::callTile(Value scratch, Value rows, Value block, Value next, Value start,
                              Value oldest, Value newest) {
  std::string name = functionName(spec, "tile");
  if (!e.hasFunction(name))
    e.function(name, {e.ptr, e.i64, e.ptr, e.ptr, e.i64, e.i64, e.i64}, true, [&](ValueRange a) {
      emitBlock(a[0], e.at(a[0], layout.query), e.at(a[0], layout.span), a[2], a[3], a[4], a[5],
                a[6], a[1]);
    });
  e.call(name, {scratch, rows, block, next, start, oldest, newest});
}

void AttentionBlock::emitClear(Value state, Value rows) {
  plan::AttentionState s = plan::attentionState(spec, layout.rows);
  Value zero = e.floatOf(v8, 0.0f), minusInf = e.bitcast(e.intOf(v8i, 0xff800000u), v8);
  e.loop(e.i64c(0), e.mul(rows, e.i64c(padded * 4)), 32,
         [&](Value at) { e.store(zero, e.at(state, at)); });
  e.loop(e.i64c(0), rows, 8, [&](Value row) {
    e.store(minusInf, e.at(e.at(state, s.max), e.shl(row, 2)));
    e.store(zero, e.at(e.at(state, s.sum), e.shl(row, 2)));
  });
}

void AttentionBlock::emitFold(Value scratch, Value to, Value from, Value rows) {
  plan::AttentionState s = plan::attentionState(spec, layout.rows);
  emitFactors(scratch, e.at(to, s.max), e.at(to, s.sum), e.at(from, s.max), e.at(from, s.sum),
              rows);
  e.loop(e.i64c(0), rows, 1, [&](Value row) {
    Value four = e.shl(row, 2);
    Value a = e.loadSplat(v8, e.at(e.at(scratch, layout.keepFactor), four));
    Value b = e.loadSplat(v8, e.at(e.at(scratch, layout.addFactor), four));
    Value into = rowAt(to, row, padded * 4), out = rowAt(from, row, padded * 4);
    e.loop(e.i64c(0), e.i64c(padded * 4), 32, [&](Value at) {
      Value more = e.fmul(e.load(v8, e.at(out, at)), b);
      e.store(e.fma(e.load(v8, e.at(into, at)), a, more), e.at(into, at));
    });
  });
}

} // namespace axiom::codegen
