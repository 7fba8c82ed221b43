#include "codegen/cpu/Dot.h"

namespace axiom::codegen {

using namespace mlir;

/// Chains over k for `stripes` stripes side by side.
static SmallVector<Value> floatSegment(Emit &e, const DotShape &shape, ArrayRef<Value> stripes,
                                       Value acts, Value count) {
  Type v8 = e.vec(8, e.f32), v8i = e.vec(8, e.i32);
  int64_t bytes = shape.format == AXM_FORMAT_F32 ? 32 : 16;
  SmallVector<Value> zero(shape.tokens * stripes.size(), e.floatOf(v8, 0.0f));
  return e.loop(e.i64c(0), count, 1, zero, [&](Value k, ValueRange carried) {
    SmallVector<Value> acc(carried), w;
    for (Value stripe : stripes) {
      Value at = e.at(stripe, e.mul(k, e.i64c(bytes)));
      if (shape.format == AXM_FORMAT_F32)
        w.push_back(e.load(v8, at));
      else if (shape.format == AXM_FORMAT_F16)
        w.push_back(e.extf(e.load(e.vec(8, e.f16), at), v8));
      else
        w.push_back(e.bitcast(e.shl(e.zext(e.load(e.vec(8, e.i16), at), v8i), 16), v8));
    }
    Value first = e.opaque(e.at(acts, e.shl(k, 2)));
    for (int64_t t = 0; t < shape.tokens; ++t) {
      Value x = e.loadSplat(v8, e.at(first, t * shape.actStride));
      for (size_t s = 0; s < stripes.size(); ++s) {
        Value &sum = acc[t * stripes.size() + s];
        sum = e.fma(w[s], x, sum);
      }
    }
    return acc;
  });
}

void emitFloatDot(Emit &e, const DotShape &shape, const DotArgs &a) {
  auto stripeAt = [&](Value stripe) {
    return e.at(a.weights, e.mul(stripe, e.i64c(shape.stripeBytes)));
  };
  auto block = [&](Value stripe, int64_t width) {
    SmallVector<Value> pointers;
    for (int64_t s = 0; s < width; ++s)
      pointers.push_back(stripeAt(e.add(stripe, e.i64c(s))));
    SmallVector<Value> acc = floatSegment(e, shape, pointers, a.acts, a.groups);
    for (int64_t t = 0; t < shape.tokens; ++t)
      for (int64_t s = 0; s < width; ++s) {
        Value to = e.at(a.out, e.add(e.mul(a.outToken, e.i64c(t)),
                                     e.mul(a.outStripe, e.add(stripe, e.i64c(s)))));
        e.store(acc[t * width + s], to);
      }
  };
  // A chain over k has the latency of an fma per step: several stripes run side by side.
  int64_t width = shape.tokens >= 8 ? 1 : shape.tokens == 4 ? 2 : 4;
  Value whole = e.mul(e.udiv(a.stripes, e.i64c(width)), e.i64c(width));
  e.loop(e.i64c(0), whole, width, [&](Value stripe) { block(stripe, width); });
  if (width > 1)
    e.loop(whole, a.stripes, 1, [&](Value stripe) { block(stripe, 1); });
}

} // namespace axiom::codegen
