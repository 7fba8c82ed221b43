#include "codegen/cpu/Dot.h"

#include "codegen/cpu/DotOps.h"

namespace axiom::codegen {

using namespace mlir;

/// Few tokens read weights faster than the hardware's own prefetching brings them, and it does not
/// follow two stripes side by side: their successors are asked for one pair ahead. Long stripes
/// belong to models that no cache holds: what comes from memory is asked for earlier, into L2,
/// since L1 has places for some 16 lines under way. For short ones the instructions would cost more
/// than that brings. `bytes`: what a step reads of a stripe from `at` on.
static void prefetchStep(DotOps &ops, const DotShape &shape, Value at, int64_t bytes) {
  constexpr int64_t kLongStripe = 8192, kIntoL2 = 8192;
  struct Distance {
    int64_t bytes;
    int level;
  };
  SmallVector<Distance> ahead;
  if (shape.tokens > kFewTokens)
    ahead = {{ops.stripes * shape.stripeBytes, 1}};
  else if (shape.stripeBytes < kLongStripe)
    ahead = {{3072, 1}};
  else
    ahead = {{2048, 1}, {kIntoL2, 2}};
  for (auto [distance, level] : ahead)
    for (int64_t s = 0; s < ops.stripes; ++s)
      for (int64_t line = 0; line < bytes; line += 64)
        ops.e.prefetch(ops.e.at(at, s * shape.stripeBytes + distance + line), level);
}

/// Whether the f32 sums lie in memory, in the cache of level 1: 16 registers do not hold them
/// beside a group's weights. A sum is read and written once a group, the read as part of the fma.
static bool sumsInMemory(const CpuLevel &level, const DotShape &shape) {
  return level.registers < 32 && shape.tokens >= (shape.format == AXM_FORMAT_Q6 ? 2 : 8);
}

/// Whether the f16 factors of a run are read and converted for each group instead of kept.
static bool rereadsFactors(const CpuLevel &level, const DotShape &shape) {
  bool crowded = level.dot == DotKind::Maddubs ? shape.tokens > 1 : sumsInMemory(level, shape);
  return level.registers < 32 && (crowded || shape.format == AXM_FORMAT_Q6);
}

/// body(g, at, carried) for `count` groups, the first of them at `base`. Few tokens take two groups
/// a step: no group is a whole number of cache lines, and a line that two of them share would be
/// asked for twice.
static SmallVector<Value>
eachGroup(DotOps &ops, const DotShape &shape, Value base, Value count, ValueRange inits,
          function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  Emit &e = ops.e;
  int64_t bytes = plan::groupBytes(shape.format);
  // LLVM would mix the two groups' products, for whose weights there are not enough registers.
  bool apart = ops.few() && e.level.dot == DotKind::Vnni;
  auto steps = [&](Value from, Value to, int64_t n, ValueRange inits) {
    return e.loop(from, to, n, inits, [&](Value g, ValueRange carried) {
      Value at = e.at(base, e.mul(g, e.i64c(bytes)));
      prefetchStep(ops, shape, at, n * bytes);
      SmallVector<Value> values = body(g, at, carried);
      if (n == 1)
        return values;
      for (Value &value : values)
        value = apart ? e.opaque(value, /*ordered=*/true) : value;
      return body(e.add(g, e.i64c(1)), e.at(at, bytes), values);
    });
  };
  if (shape.tokens > (ops.few() ? 1 : kFewTokens))
    return steps(e.i64c(0), count, 1, inits);
  Value even = e.and_(count, e.i64c(~int64_t(1)));
  return steps(even, count, 1, steps(e.i64c(0), even, 2, inits));
}

SmallVector<Value> forGroups(DotOps &ops, const DotShape &shape, const DotArgs &a, Value weights,
                             ValueRange inits, GroupBody body) {
  Emit &e = ops.e;
  int64_t bytes = plan::groupBytes(shape.format), header = plan::runBytes(shape.format);
  if (!header)
    return eachGroup(ops, shape, weights, a.groups, inits,
                     [&](Value g, Value at, ValueRange carried) {
                       bool min = shape.format == AXM_FORMAT_Q4F16;
                       return body({g, e.at(at, min ? 32 : 16), [&] { return ops.halves(at); },
                                    [&] { return min ? ops.halves(e.at(at, 16)) : Value(); }},
                                   carried);
                     });
  // q4, q6: runs of up to 8 groups behind their f16 {d, dm} or {d}; the first one may be shorter.
  bool six = shape.format == AXM_FORMAT_Q6;
  Value count = e.udiv(e.add(e.sub(a.groups, a.firstRun), e.i64c(7)), e.i64c(8));
  SmallVector<Value> outer = {weights, e.i64c(0)};
  outer.append(inits.begin(), inits.end());
  SmallVector<Value> result =
      e.loop(e.i64c(0), e.add(count, e.i64c(1)), 1, outer, [&](Value run, ValueRange carried) {
        Value at = carried[0], done = carried[1];
        Value starts = e.cmp(arith::CmpIPredicate::eq, run, e.i64c(0));
        Value length = e.umin(e.select(starts, a.firstRun, e.sub(a.groups, done)), e.i64c(8));
        // It never is 0: told so, LLVM makes no way around the loop, for which sums change
        // registers.
        length = e.umax(length, e.i64c(1));
        // The run's factors, kept or read through a pointer that seems to change.
        bool reread = rereadsFactors(ops.e.level, shape);
        Value factors = at, d, dm;
        auto first = [&](Value from) { return ops.halves(from); };
        auto second = [&](Value from) { return ops.halves(e.at(from, 16)); };
        if (!reread) {
          d = first(factors);
          dm = six ? Value() : second(factors);
        }
        at = e.at(at, header);
        SmallVector<Value> start(carried.drop_front(2));
        start.push_back(factors);
        SmallVector<Value> mine =
            eachGroup(ops, shape, at, length, start, [&](Value g, Value block, ValueRange inner) {
              Value from = reread ? e.opaque(inner.back()) : inner.back();
              auto scale = [&] {
                Value factor = reread ? first(from) : d;
                return six ? factor : e.fmul(factor, ops.small(block));
              };
              auto min = [&] {
                return six ? Value()
                           : e.fmul(reread ? second(from) : dm, ops.small(e.at(block, 8)));
              };
              SmallVector<Value> result = body(
                  {e.add(done, g), six ? block : e.at(block, 16), scale, min}, inner.drop_back());
              result.push_back(from);
              return result;
            });
        SmallVector<Value> next = {e.at(at, e.mul(length, e.i64c(bytes))), e.add(done, length)};
        next.append(mine.begin(), mine.end() - 1);
        return next;
      });
  return SmallVector<Value>(ArrayRef<Value>(result).drop_front(2));
}

Value emitGroupStep(DotOps &ops, Value sum, Value dot, Value scale, Value min, Value pair) {
  Emit &e = ops.e;
  sum = e.fma(dot, e.fmul(scale, e.loadSplat(ops.f, pair)), sum);
  return min ? e.fma(min, e.loadSplat(ops.f, e.at(pair, 4)), sum) : sum;
}

/// The chain results of one segment of `ops.stripes` stripes per token of the tile; `weights` is
/// the segment of the first stripe. `array`: where the sums lie meanwhile, or none.
static SmallVector<Value> emitSegment(DotOps &ops, const DotShape &shape, const DotArgs &a,
                                      Value weights, Value array) {
  Emit &e = ops.e;
  auto place = [&](size_t t) { return e.at(array, 32 * static_cast<int64_t>(t)); };
  Value zero = e.floatOf(ops.f, 0.0f);
  for (int64_t t = 0; array && t < shape.tokens; ++t)
    e.store(zero, place(t), 32);
  // Where the activations, their scales and their sums of the group lie, carried from group to
  // group.
  SmallVector<Value> start = {a.acts, a.scales};
  const int64_t steps[] = {32, 8, 4};
  if (shape.format == AXM_FORMAT_Q8 || shape.format == AXM_FORMAT_Q6)
    start.push_back(a.sums);
  SmallVector<Value> inits(start);
  if (!array)
    inits.append(shape.tokens, zero);
  SmallVector<Value> result =
      forGroups(ops, shape, a, weights, inits, [&](const Group &group, ValueRange carried) {
        SmallVector<Value> next, here, acc(carried.drop_front(start.size())), acts, sums;
        for (auto [pointer, step] : llvm::zip_first(carried.take_front(start.size()), steps)) {
          here.push_back(e.opaque(pointer));
          next.push_back(e.at(here.back(), step));
        }
        Value first = here[0], pairs = here[1];
        for (int64_t t = 0; t < shape.tokens; ++t) {
          acts.push_back(e.at(first, t * shape.actStride));
          if (start.size() > 2)
            sums.push_back(e.at(here[2], t * shape.actStride));
        }
        // The scales are made behind the first dot, when registers are free again.
        Value scale, min;
        auto done = [&](size_t t, Value dot) {
          if (!scale) {
            scale = group.scale();
            min = group.min();
          }
          Value pair = e.at(pairs, static_cast<int64_t>(t) * shape.actStride);
          if (array) {
            e.store(emitGroupStep(ops, e.load(ops.f, place(t), 32), dot, scale, min, pair),
                    place(t), 32);
            return;
          }
          acc[t] = emitGroupStep(ops, acc[t], dot, scale, min, pair);
        };
        if (shape.format == AXM_FORMAT_Q8)
          ops.byteDots(group.weights, acts, sums, done);
        else if (shape.format == AXM_FORMAT_Q6)
          ops.sixBitDots(group.weights, acts, sums, done);
        else
          ops.nibbleDots(group.weights, acts, done);
        next.append(acc);
        return next;
      });
  result.erase(result.begin(), result.begin() + start.size());
  for (int64_t t = 0; array && t < shape.tokens; ++t)
    result.push_back(e.load(ops.f, place(t), 32));
  return result;
}

/// The chain results of `ops.stripes` stripes from `stripe` on to their place.
static void emitBlock(DotOps &ops, const DotShape &shape, const DotArgs &a, Value stripe,
                      Value array = {}) {
  Emit &e = ops.e;
  SmallVector<Value> acc =
      emitSegment(ops, shape, a, e.at(a.weights, e.mul(stripe, e.i64c(shape.stripeBytes))), array);
  Value to = e.at(a.out, e.mul(a.outStripe, stripe));
  for (int64_t t = 0; t < shape.tokens; ++t)
    ops.storeEach(acc[t], t == 0 ? to : e.at(to, e.mul(a.outToken, e.i64c(t))), a.outStripe);
}

/// Pairs of stripes in tiles; a last single one as other levels do it.
static void emitTilesAndRest(Emit &e, const DotShape &shape, const DotArgs &a) {
  DotShape some = shape;
  some.tokens = kSumTokens;
  DotOps single(e, 1, shape.stripeBytes);
  Value whole = e.and_(a.stripes, e.i64c(~int64_t(1)));
  emitTileDot(e, shape, a, whole);
  e.loop(whole, a.stripes, 1, [&](Value stripe) {
    e.loop(e.i64c(0), e.i64c(shape.tokens), kSumTokens, [&](Value token) {
      Value acts = e.mul(token, e.i64c(shape.actStride));
      DotArgs mine = a;
      for (Value *base : {&mine.acts, &mine.scales, &mine.sums})
        *base = e.at(*base, acts);
      mine.out = e.at(a.out, e.mul(token, a.outToken));
      emitBlock(single, some, mine, stripe);
    });
  });
}

void emitQuantizedDot(Emit &e, const DotShape &shape, const DotArgs &a) {
  if (usesTiles(e.level, shape))
    return emitTilesAndRest(e, shape, a);
  // Registers of 4 lanes: half a stripe at a time leaves room for the sums of several tokens.
  if (e.level.dot == DotKind::Sdot && shape.tokens > 1) {
    DotOps low(e, 1, shape.stripeBytes, 0), high(e, 1, shape.stripeBytes, 1);
    e.loop(e.i64c(0), a.stripes, 1, [&](Value stripe) {
      emitBlock(low, shape, a, stripe);
      emitBlock(high, shape, a, stripe);
    });
    return;
  }
  Value array; // opaque: or LLVM would have it in registers again
  if (sumsInMemory(e.level, shape))
    array = e.opaque(e.stack(32 * shape.tokens));
  // Few tokens are bound by memory, which likes one stream better than two.
  int64_t width = shape.tokens > kFewTokens ? e.level.stripes : 1;
  DotOps wide(e, width, shape.stripeBytes), single(e, 1, shape.stripeBytes);
  Value whole = e.mul(e.udiv(a.stripes, e.i64c(width)), e.i64c(width));
  e.loop(e.i64c(0), whole, width, [&](Value stripe) { emitBlock(wide, shape, a, stripe, array); });
  if (width > 1)
    e.loop(whole, a.stripes, 1, [&](Value stripe) { emitBlock(single, shape, a, stripe); });
}

static std::string dotName(const DotShape &shape) {
  return std::string("dot.") + plan::formatName(shape.format) + "." + std::to_string(shape.tokens) +
         ".s" + std::to_string(shape.stripeBytes) + ".a" + std::to_string(shape.actStride) + ".g" +
         std::to_string(shape.maxGroups);
}

void emitDot(Emit &e, const DotShape &shape, const DotCall &call) {
  std::string name = dotName(shape);
  bool quantized = plan::isQuantized(shape.format);
  if (!e.hasFunction(name)) {
    SmallVector<Type> types = {e.ptr, e.i64, e.ptr, e.ptr, e.ptr,
                               e.i64, e.i64, e.ptr, e.i64, e.i64};
    e.function(name, types, true, [&](ValueRange v) {
      DotArgs a = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]};
      quantized ? emitQuantizedDot(e, shape, a) : emitFloatDot(e, shape, a);
    });
  }
  int64_t firstRun = std::min<int64_t>(call.groups, 8 - call.firstGroup % 8);
  e.call(name,
         {call.weights, call.stripes, call.acts, quantized ? call.scales : call.acts,
          quantized ? call.sums : call.acts, e.i64c(quantized ? call.groups : call.groups * 32),
          e.i64c(firstRun), call.out, call.outToken, call.outStripe});
}

} // namespace axiom::codegen
