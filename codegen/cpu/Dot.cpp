#include "codegen/cpu/Dot.h"

namespace axiom::codegen {

using namespace mlir;

namespace {

/// State of one dot function while its body is emitted.
struct DotBody {
  Emit &e;
  AxmFormat format;
  int64_t tokens;
  Value actStride;
  Type v8, v8h, v8i, b32;

  DotBody(Emit &e, AxmFormat format, int64_t tokens)
      : e(e), format(format), tokens(tokens), v8(e.vec(8, e.f32)), v8h(e.vec(8, e.f16)),
        v8i(e.vec(8, e.i32)), b32(e.vec(32, e.i8)) {}

  Value token(Value base, int64_t t) {
    return t == 0 ? base : e.at(base, e.mul(actStride, e.i64c(t)));
  }

  /// 4 int8 activations repeated over the 8 rows of a register.
  Value broadcast4(Value address) { return e.bitcast(e.splat(e.load(e.i32, address), v8i), b32); }
  Value maddubs(Value u, Value s) {
    return e.intrinsic("llvm.x86.avx2.pmadd.ub.sw", e.vec(16, e.i16), {u, s});
  }
  Value maddOnes(Value s16) {
    return e.intrinsic("llvm.x86.avx2.pmadd.wd", v8i, {s16, e.intOf(e.vec(16, e.i16), 1)});
  }

  /// The 8 registers (8 rows x 4 k each, k = 4j) of one group of unsigned nibbles.
  SmallVector<Value> nibbles(Value at) {
    SmallVector<Value> low, high;
    Value mask = e.intOf(b32, 15);
    for (int64_t j = 0; j < 4; ++j) {
      Value raw = e.load(b32, e.at(at, 32 * j));
      low.push_back(e.and_(raw, mask));
      Value shifted = e.bitcast(e.lshr(e.bitcast(raw, e.vec(16, e.i16)), 4), b32);
      high.push_back(e.and_(shifted, mask));
    }
    low.append(high.begin(), high.end());
    return low;
  }

  /// dot of unsigned 4-bit weights: 8 products of u4 x s8 pairs fit an int16.
  Value dotNibbles(ArrayRef<Value> w, Value acts) {
    SmallVector<Value> sums;
    for (int64_t j = 0; j < 8; ++j)
      sums.push_back(maddubs(w[j], broadcast4(e.at(acts, 4 * j))));
    for (size_t width = 4; width >= 1; width /= 2)
      for (size_t i = 0; i < width; ++i)
        sums[i] = e.add(sums[i], sums[i + width]);
    return e.sitofp(maddOnes(sums[0]), v8);
  }

  /// dot of signed 8-bit weights: |w| as unsigned, the sign moves to the activation.
  Value dotSigned(ArrayRef<Value> magnitude, ArrayRef<Value> w, Value acts) {
    Value sum;
    for (int64_t j = 0; j < 8; ++j) {
      Value a = e.intrinsic("llvm.x86.avx2.psign.b", b32, {broadcast4(e.at(acts, 4 * j)), w[j]});
      Value part = maddOnes(maddubs(magnitude[j], a));
      sum = sum ? e.add(sum, part) : part;
    }
    return e.sitofp(sum, v8);
  }

  void step(SmallVector<Value> &acc, int64_t t, Value dot, Value wscale, Value wmin, Value pair) {
    Value scale = e.fmul(wscale, e.loadSplat(v8, pair));
    acc[t] = e.fma(dot, scale, acc[t]);
    if (wmin)
      acc[t] = e.fma(wmin, e.loadSplat(v8, e.at(pair, 4)), acc[t]);
  }

  void groupQ4F16(Value w, Value acts, Value pairs, SmallVector<Value> &acc) {
    Value wscale = e.extf(e.load(v8h, w), v8), wmin = e.extf(e.load(v8h, e.at(w, 16)), v8);
    SmallVector<Value> regs = nibbles(e.at(w, 32));
    for (int64_t t = 0; t < tokens; ++t)
      step(acc, t, dotNibbles(regs, token(acts, t)), wscale, wmin, token(pairs, t));
  }

  void groupQ4(Value w, Value d, Value dm, Value acts, Value pairs, SmallVector<Value> &acc) {
    auto small = [&](Value at) { return e.sitofp(e.zext(e.load(e.vec(8, e.i8), at), v8i), v8); };
    Value wscale = e.fmul(d, small(w)), wmin = e.fmul(dm, small(e.at(w, 8)));
    SmallVector<Value> regs = nibbles(e.at(w, 16));
    for (int64_t t = 0; t < tokens; ++t)
      step(acc, t, dotNibbles(regs, token(acts, t)), wscale, wmin, token(pairs, t));
  }

  void groupQ8(Value w, Value acts, Value pairs, SmallVector<Value> &acc) {
    Value wscale = e.extf(e.load(v8h, w), v8);
    SmallVector<Value> regs, magnitude;
    for (int64_t j = 0; j < 8; ++j) {
      regs.push_back(e.load(b32, e.at(w, 16 + 32 * j)));
      Value negative = e.sub(e.intOf(b32, 0), regs.back());
      magnitude.push_back(e.umin(regs.back(), negative)); // |w| as unsigned bytes, 128 included
    }
    for (int64_t t = 0; t < tokens; ++t)
      step(acc, t, dotSigned(magnitude, regs, token(acts, t)), wscale, Value(), token(pairs, t));
  }

  /// Quantized segment: accumulators of all tokens for one stripe.
  SmallVector<Value> quantizedSegment(Value w, Value acts, Value scales, Value groups,
                                      Value firstRun) {
    SmallVector<Value> zero(tokens, e.floatOf(v8, 0.0f));
    int64_t groupBytes = format == AXM_FORMAT_Q8 ? 272 : format == AXM_FORMAT_Q4F16 ? 160 : 144;
    if (format != AXM_FORMAT_Q4)
      return e.loop(e.i64c(0), groups, 1, zero, [&](Value g, ValueRange carried) {
        SmallVector<Value> acc(carried);
        Value at = e.at(w, e.mul(g, e.i64c(groupBytes)));
        if (tokens <= 2)
          prefetchAhead(at, groupBytes);
        Value a = e.at(acts, e.shl(g, 5)), s = e.at(scales, e.shl(g, 3));
        format == AXM_FORMAT_Q8 ? groupQ8(at, a, s, acc) : groupQ4F16(at, a, s, acc);
        return acc;
      });
    // q4: runs of up to 8 groups behind one pair {d, dm}; the first run may be shorter.
    Value runs = e.add(e.udiv(e.add(e.sub(groups, firstRun), e.i64c(7)), e.i64c(8)), e.i64c(1));
    SmallVector<Value> inits = {w, e.i64c(0)};
    inits.append(zero);
    SmallVector<Value> result =
        e.loop(e.i64c(0), runs, 1, inits, [&](Value run, ValueRange carried) {
          Value at = carried[0], done = carried[1];
          Value first = e.cmp(arith::CmpIPredicate::eq, run, e.i64c(0));
          Value count = e.select(first, firstRun, e.umin(e.sub(groups, done), e.i64c(8)));
          Value d = e.extf(e.load(v8h, at), v8), dm = e.extf(e.load(v8h, e.at(at, 16)), v8);
          at = e.at(at, 32);
          SmallVector<Value> acc =
              e.loop(e.i64c(0), count, 1, carried.drop_front(2), [&](Value g, ValueRange inner) {
                SmallVector<Value> next(inner);
                Value block = e.at(at, e.mul(g, e.i64c(groupBytes)));
                if (tokens <= 2)
                  prefetchAhead(block, groupBytes);
                Value k = e.add(done, g);
                groupQ4(block, d, dm, e.at(acts, e.shl(k, 5)), e.at(scales, e.shl(k, 3)), next);
                return next;
              });
          SmallVector<Value> next = {e.at(at, e.mul(count, e.i64c(groupBytes))),
                                     e.add(done, count)};
          next.append(acc);
          return next;
        });
    return SmallVector<Value>(ArrayRef<Value>(result).drop_front(2));
  }

  void prefetchAhead(Value at, int64_t groupBytes) {
    for (int64_t line = 0; line < groupBytes; line += 64)
      e.prefetch(e.at(at, 1536 + line));
  }

  /// Float weights: one value per row and k.
  SmallVector<Value> floatSegment(ArrayRef<Value> stripes, Value acts, Value count) {
    int64_t bytes = format == AXM_FORMAT_F32 ? 32 : 16;
    SmallVector<Value> zero(tokens * stripes.size(), e.floatOf(v8, 0.0f));
    return e.loop(e.i64c(0), count, 1, zero, [&](Value k, ValueRange carried) {
      SmallVector<Value> acc(carried);
      SmallVector<Value> w;
      for (Value stripe : stripes) {
        Value at = e.at(stripe, e.mul(k, e.i64c(bytes)));
        if (format == AXM_FORMAT_F32)
          w.push_back(e.load(v8, at));
        else if (format == AXM_FORMAT_F16)
          w.push_back(e.extf(e.load(v8h, at), v8));
        else
          w.push_back(e.bitcast(e.shl(e.zext(e.load(e.vec(8, e.i16), at), v8i), 16), v8));
      }
      for (int64_t t = 0; t < tokens; ++t) {
        Value x = e.loadSplat(v8, e.at(token(acts, t), e.shl(k, 2)));
        for (size_t s = 0; s < stripes.size(); ++s)
          acc[t * stripes.size() + s] = e.fma(w[s], x, acc[t * stripes.size() + s]);
      }
      return acc;
    });
  }
};

} // namespace

static std::string dotName(AxmFormat format, int64_t tokens) {
  static const char *const names[] = {"f32", "f16", "bf16", "q8", "q4f16", "q4"};
  return std::string("dot.") + names[format] + "." + std::to_string(tokens);
}

/// Arguments: 0 weights, 1 stripeBytes, 2 stripes, 3 acts, 4 actStride, 5 scales, 6 groups (float:
/// k), 7 firstRun, 8 out, 9 outToken, 10 outStripe.
static void emitDotFunction(Emit &e, AxmFormat format, int64_t tokens) {
  SmallVector<Type> types = {e.ptr, e.i64, e.i64, e.ptr, e.i64, e.ptr,
                             e.i64, e.i64, e.ptr, e.i64, e.i64};
  e.function(dotName(format, tokens), types, true, [&](ValueRange a) {
    DotBody body(e, format, tokens);
    body.actStride = a[4];
    auto storeAll = [&](ArrayRef<Value> acc, Value stripe, size_t width) {
      for (int64_t t = 0; t < tokens; ++t)
        for (size_t s = 0; s < width; ++s) {
          Value row =
              e.at(a[8], e.add(e.mul(a[9], e.i64c(t)), e.mul(a[10], e.add(stripe, e.i64c(s)))));
          e.store(acc[t * width + s], row);
        }
    };
    auto stripeAt = [&](Value stripe) { return e.at(a[0], e.mul(a[1], stripe)); };
    if (plan::isQuantized(format)) {
      e.loop(e.i64c(0), a[2], 1, [&](Value stripe) {
        storeAll(body.quantizedSegment(stripeAt(stripe), a[3], a[5], a[6], a[7]), stripe, 1);
      });
      return;
    }
    // A chain over k has the latency of an fma per step: several stripes run side by side.
    int64_t width = tokens == 8 ? 1 : tokens == 4 ? 2 : 4;
    Value whole = e.mul(e.udiv(a[2], e.i64c(width)), e.i64c(width));
    e.loop(e.i64c(0), whole, width, [&](Value stripe) {
      SmallVector<Value> pointers;
      for (int64_t s = 0; s < width; ++s)
        pointers.push_back(stripeAt(e.add(stripe, e.i64c(s))));
      storeAll(body.floatSegment(pointers, a[3], a[6]), stripe, width);
    });
    if (width > 1)
      e.loop(whole, a[2], 1, [&](Value stripe) {
        storeAll(body.floatSegment({stripeAt(stripe)}, a[3], a[6]), stripe, 1);
      });
  });
}

void emitDot(Emit &e, AxmFormat format, int64_t tokens, const DotCall &call) {
  std::string name = dotName(format, tokens);
  if (!e.hasFunction(name))
    emitDotFunction(e, format, tokens);
  bool quantized = plan::isQuantized(format);
  int64_t firstRun = std::min<int64_t>(call.groups, 8 - call.firstGroup % 8);
  e.call(name,
         {call.weights, call.stripeBytes, call.stripes, call.acts, call.actStride,
          quantized ? call.scales : call.acts, e.i64c(quantized ? call.groups : call.groups * 32),
          e.i64c(firstRun), call.out, call.outToken, call.outStripe});
}

} // namespace axiom::codegen
