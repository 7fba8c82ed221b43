#include "codegen/cpu/Dot.h"

#include "codegen/cpu/DotOps.h"

namespace axiom::codegen {

using namespace mlir;

namespace {

/// One quantized segment of `ops.stripes` stripes for all tokens of the tile.
class Segment {
public:
  Segment(DotOps &ops, const DotShape &shape, const DotArgs &a)
      : ops(ops), e(ops.e), shape(shape), a(a) {}

  /// The chain results per token; `weights` is the segment of the first stripe.
  SmallVector<Value> emit(Value weights) {
    SmallVector<Value> zero(shape.tokens, e.floatOf(ops.f, 0.0f));
    if (plan::runBytes(shape.format))
      return runs(weights, zero);
    return e.loop(e.i64c(0), a.groups, 1, zero, [&](Value g, ValueRange carried) {
      SmallVector<Value> acc(carried);
      Value at = e.at(weights, e.mul(g, e.i64c(groupBytes)));
      prefetch(at);
      bool min = shape.format == AXM_FORMAT_Q4F16;
      group(
          g, e.at(at, min ? 32 : 16), [&] { return ops.halves(at); },
          [&] { return min ? ops.halves(e.at(at, 16)) : Value(); }, acc);
      return acc;
    });
  }

private:
  DotOps &ops;
  Emit &e;
  const DotShape &shape;
  const DotArgs &a;
  const int64_t groupBytes = plan::groupBytes(shape.format);

  /// q4, q6: runs of up to 8 groups behind their f16 {d, dm} or {d}; the first run may be shorter.
  SmallVector<Value> runs(Value weights, ArrayRef<Value> zero) {
    bool six = shape.format == AXM_FORMAT_Q6;
    Value count = e.udiv(e.add(e.sub(a.groups, a.firstRun), e.i64c(7)), e.i64c(8));
    SmallVector<Value> inits = {weights, e.i64c(0)};
    inits.append(zero.begin(), zero.end());
    SmallVector<Value> result =
        e.loop(e.i64c(0), e.add(count, e.i64c(1)), 1, inits, [&](Value run, ValueRange carried) {
          Value at = carried[0], done = carried[1];
          Value first = e.cmp(arith::CmpIPredicate::eq, run, e.i64c(0));
          Value length = e.select(first, a.firstRun, e.umin(e.sub(a.groups, done), e.i64c(8)));
          Value d = ops.halves(at), dm = six ? Value() : ops.halves(e.at(at, 16));
          at = e.at(at, plan::runBytes(shape.format));
          SmallVector<Value> acc =
              e.loop(e.i64c(0), length, 1, carried.drop_front(2), [&](Value g, ValueRange inner) {
                SmallVector<Value> sums(inner);
                Value block = e.at(at, e.mul(g, e.i64c(groupBytes))), k = e.add(done, g);
                prefetch(block);
                group(
                    k, six ? block : e.at(block, 16),
                    [&] { return six ? d : e.fmul(d, ops.small(block)); },
                    [&] { return six ? Value() : e.fmul(dm, ops.small(e.at(block, 8))); }, sums);
                return sums;
              });
          SmallVector<Value> next = {e.at(at, e.mul(length, e.i64c(groupBytes))),
                                     e.add(done, length)};
          next.append(acc);
          return next;
        });
    return SmallVector<Value>(ArrayRef<Value>(result).drop_front(2));
  }

  /// The f32 step of docs/numerics.md for every token; `weights`: behind the group's scales. These
  /// are made behind the first dot, when registers are free again.
  void group(Value g, Value weights, function_ref<Value()> wscale, function_ref<Value()> wmin,
             SmallVector<Value> &acc) {
    Value first = e.at(a.acts, e.shl(g, 5)), pairs = e.at(a.scales, e.shl(g, 3));
    Value firstSum = e.at(a.sums, e.shl(g, 2));
    SmallVector<Value> acts, sums;
    for (int64_t t = 0; t < shape.tokens; ++t) {
      acts.push_back(e.at(first, t * shape.actStride));
      sums.push_back(e.at(firstSum, t * shape.actStride));
    }
    Value scale, min;
    auto done = [&](size_t t, Value dot) {
      if (!scale) {
        scale = wscale();
        min = wmin();
      }
      Value pair = e.at(pairs, static_cast<int64_t>(t) * shape.actStride);
      acc[t] = e.fma(dot, e.fmul(scale, e.loadSplat(ops.f, pair)), acc[t]);
      if (min)
        acc[t] = e.fma(min, e.loadSplat(ops.f, e.at(pair, 4)), acc[t]);
    };
    if (shape.format == AXM_FORMAT_Q8)
      ops.byteDots(weights, acts, sums, done);
    else if (shape.format == AXM_FORMAT_Q6)
      ops.sixBitDots(weights, acts, sums, done);
    else
      ops.nibbleDots(weights, acts, done);
  }

  /// Few tokens read weights faster than the hardware's own prefetching brings them, and it does
  /// not follow two stripes side by side: their successors are asked for one pair ahead.
  void prefetch(Value at) {
    int64_t ahead = shape.tokens <= 2 ? 1536 : ops.stripes * shape.stripeBytes;
    for (int64_t s = 0; s < ops.stripes; ++s)
      for (int64_t line = 0; line < groupBytes; line += 64)
        e.prefetch(e.at(at, s * shape.stripeBytes + ahead + line));
  }
};

} // namespace

void emitQuantizedDot(Emit &e, const DotShape &shape, const DotArgs &a) {
  auto block = [&](DotOps &ops, Value stripe) {
    SmallVector<Value> acc =
        Segment(ops, shape, a).emit(e.at(a.weights, e.mul(stripe, e.i64c(shape.stripeBytes))));
    Value to = e.at(a.out, e.mul(a.outStripe, stripe));
    for (int64_t t = 0; t < shape.tokens; ++t)
      ops.storeEach(acc[t], t == 0 ? to : e.at(to, e.mul(a.outToken, e.i64c(t))), a.outStripe);
  };
  // Registers of 4 lanes: half a stripe at a time leaves room for the sums of several tokens.
  if (e.level.dot == DotKind::Sdot && shape.tokens > 1) {
    DotOps low(e, 1, shape.stripeBytes, 0), high(e, 1, shape.stripeBytes, 1);
    e.loop(e.i64c(0), a.stripes, 1, [&](Value stripe) {
      block(low, stripe);
      block(high, stripe);
    });
    return;
  }
  // Few tokens are bound by memory, which likes one stream better than two.
  int64_t width = shape.tokens >= 4 ? e.level.stripes : 1;
  DotOps wide(e, width, shape.stripeBytes), single(e, 1, shape.stripeBytes);
  Value whole = e.mul(e.udiv(a.stripes, e.i64c(width)), e.i64c(width));
  e.loop(e.i64c(0), whole, width, [&](Value stripe) { block(wide, stripe); });
  if (width > 1)
    e.loop(whole, a.stripes, 1, [&](Value stripe) { block(single, stripe); });
}

static std::string dotName(const DotShape &shape) {
  return std::string("dot.") + plan::formatName(shape.format) + "." + std::to_string(shape.tokens) +
         ".s" + std::to_string(shape.stripeBytes) + ".a" + std::to_string(shape.actStride);
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
