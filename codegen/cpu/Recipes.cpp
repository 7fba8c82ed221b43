#include "codegen/cpu/Recipes.h"

namespace axiom::codegen {

using namespace mlir;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static constexpr float kMagic = 12582912.0f; // 1.5 * 2^23

static Type withElement(Type shape, Type element) {
  if (auto vector = dyn_cast<VectorType>(shape))
    return VectorType::get(vector.getShape(), element);
  return element;
}

/// Horner steps p = fma(p, x, c) for c in `coefficients`, starting from the first.
static Value horner(Emit &e, Value x, std::initializer_list<float> coefficients) {
  Value p;
  for (float c : coefficients) {
    Value cv = e.floatOf(x.getType(), c);
    p = p ? e.fma(p, x, cv) : cv;
  }
  return p;
}

Value emitExp(Emit &e, Value x, bool atMostZero) {
  Type type = x.getType(), itype = withElement(type, e.i32);
  Value high = e.floatOf(type, 88.0f), magic = e.floatOf(type, kMagic);
  Value x1 = atMostZero ? x : e.select(e.fcmp(CmpFPredicate::OGT, x, high), high, x);
  Value t = e.fma(x1, e.floatOf(type, 0x1.715476p+0f), magic);
  Value n = e.fsub(t, magic);
  Value r = e.fma(n, e.floatOf(type, -0x1.62e430p-1f), x1);
  r = e.fma(n, e.floatOf(type, 0x1.05c610p-29f), r);
  Value p = horner(e, r,
                   {0x1.a01a02p-13f, 0x1.6c16c2p-10f, 0x1.111112p-7f, 0x1.555556p-5f,
                    0x1.555556p-3f, 0.5f, 1.0f, 1.0f});
  // bits(M) << 23 is a multiple of 2^32, so shifting bits(t) alone gives int(t) << 23.
  Value y = e.bitcast(e.add(e.bitcast(p, itype), e.shl(e.bitcast(t, itype), 23)), type);
  Value low = e.fcmp(CmpFPredicate::OLT, x, e.floatOf(type, -87.0f));
  return e.select(low, e.floatOf(type, 0.0f), y);
}

Value emitSilu(Emit &e, Value x) {
  Value one = e.floatOf(x.getType(), 1.0f);
  return e.fdiv(x, e.fadd(one, emitExp(e, e.fneg(x))));
}

std::pair<Value, Value> emitCosSin(Emit &e, Value a) {
  Type type = a.getType(), itype = withElement(type, e.i32);
  Value magic = e.floatOf(type, kMagic);
  Value t = e.fma(a, e.floatOf(type, 0x1.45f306p-1f), magic);
  Value n = e.fsub(t, magic);
  Value q = e.bitcast(t, itype);
  Value r = e.fma(n, e.floatOf(type, -0x1.921fb6p+0f), a);
  r = e.fma(n, e.floatOf(type, 0x1.777a5cp-25f), r);
  Value r2 = e.fmul(r, r);
  Value ps = horner(e, r2, {0x1.71de3ap-19f, -0x1.a01a02p-13f, 0x1.111112p-7f, -0x1.555556p-3f});
  Value s = e.fma(e.fmul(ps, r2), r, r);
  Value c = horner(e, r2, {0x1.a01a02p-16f, -0x1.6c16c2p-10f, 0x1.555556p-5f, -0.5f, 1.0f});
  Value zero = e.intOf(itype, 0);
  Value odd = e.cmp(CmpIPredicate::ne, e.and_(q, e.intOf(itype, 1)), zero);
  Value second = e.cmp(CmpIPredicate::ne, e.and_(q, e.intOf(itype, 2)), zero);
  Value plusOne = e.add(q, e.intOf(itype, 1));
  Value cosNegative = e.cmp(CmpIPredicate::ne, e.and_(plusOne, e.intOf(itype, 2)), zero);
  Value cosBase = e.select(odd, s, c), sinBase = e.select(odd, c, s);
  return {e.select(cosNegative, e.fneg(cosBase), cosBase),
          e.select(second, e.fneg(sinBase), sinBase)};
}

static Value maxOf(Emit &e, Value a, Value b) {
  return e.select(e.fcmp(CmpFPredicate::OGT, b, a), b, a);
}

Value emitHalve64(Emit &e, ArrayRef<Value> lanes, bool maximum) {
  auto join = [&](Value a, Value b) { return maximum ? maxOf(e, a, b) : e.fadd(a, b); };
  SmallVector<Value> v(lanes);
  for (size_t width = v.size() / 2; width >= 1; width /= 2)
    for (size_t i = 0; i < width; ++i)
      v[i] = join(v[i], v[i + width]);
  return e.halve8(v[0], join);
}

Value emitRmsScale(Emit &e, Value row, int64_t n, float eps) {
  Type v8 = e.vec(8, e.f32);
  int64_t full = n / 64 * 64;
  SmallVector<Value> lanes(8, e.floatOf(v8, 0.0f));
  if (full)
    lanes = e.loop(e.i64c(0), e.i64c(full * 4), 256, lanes, [&](Value offset, ValueRange carried) {
      SmallVector<Value> next;
      for (int64_t i = 0; i < 8; ++i) {
        Value x = e.load(v8, e.at(e.at(row, offset), i * 32));
        next.push_back(e.fma(x, x, carried[i]));
      }
      return next;
    });
  for (int64_t i = 0; full + i * 8 < n; ++i) {
    Value x = e.load(v8, e.at(row, (full + i * 8) * 4));
    lanes[i] = e.fma(x, x, lanes[i]);
  }
  Value mean = e.fdiv(emitHalve64(e, lanes), e.floatOf(e.f32, static_cast<float>(n)));
  return e.fdiv(e.floatOf(e.f32, 1.0f), e.sqrt(e.fadd(mean, e.floatOf(e.f32, eps))));
}

void emitApplyNorm(Emit &e, Value src, Value scale, Value weight, Value dst, int64_t n) {
  Type v8 = e.vec(8, e.f32);
  Value s = e.splat(scale, v8);
  e.loop(e.i64c(0), e.i64c((n + 7) / 8 * 32), 32, [&](Value offset) {
    Value y = e.fmul(e.fmul(e.load(v8, e.at(src, offset)), s), e.load(v8, e.at(weight, offset)));
    e.store(y, e.at(dst, offset));
  });
}

void emitQuantizeGroup(Emit &e, ArrayRef<Value> x, Value q, Value pair, Value sums) {
  Type v8 = e.vec(8, e.f32), v8i = e.vec(8, e.i32);
  Value mask = e.intOf(v8i, 0x7fffffff);
  Value amax;
  for (Value part : x) {
    Value bits = e.and_(e.bitcast(part, v8i), mask);
    amax = amax ? e.umax(amax, bits) : bits;
  }
  Value amaxBits = e.halve8(amax, [&](Value a, Value b) { return e.umax(a, b); });
  Value scale = e.fdiv(e.bitcast(amaxBits, e.f32), e.floatOf(e.f32, 127.0f));
  Value normal = e.cmp(CmpIPredicate::uge, e.bitcast(scale, e.i32), e.i32c(0x00800000));
  Value finite = e.cmp(CmpIPredicate::ult, amaxBits, e.i32c(0x7f800000));
  Value usable = e.select(finite, normal, e.intOf(e.i1, 0));
  // Without a usable scale all q are 0: dividing by infinity gives it without a second path.
  Value infinity = e.bitcast(e.i32c(0x7f800000), e.f32);
  Value divisor = e.splat(e.select(usable, scale, infinity), v8);
  Value magic = e.floatOf(v8, kMagic), magicBits = e.intOf(v8i, 0x4b400000), zero = e.intOf(v8i, 0);
  SmallVector<Value> parts;
  for (Value part : x) {
    Value t = e.fadd(e.fdiv(part, divisor), magic);
    Value i = e.select(e.splat(usable, e.vec(8, e.i1)), e.sub(e.bitcast(t, v8i), magicBits), zero);
    parts.push_back(i);
  }
  Value first =
      e.shuffle(parts[0], parts[1], {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  Value last =
      e.shuffle(parts[2], parts[3], {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  e.store(e.trunc(first, e.vec(16, e.i8)), q);
  e.store(e.trunc(last, e.vec(16, e.i8)), e.at(q, 16));
  auto sumOf = [&](Value a, Value b) {
    return e.halve8(e.add(a, b), [&](Value c, Value d) { return e.add(c, d); });
  };
  Value low = sumOf(parts[0], parts[1]), high = sumOf(parts[2], parts[3]);
  Value asum = e.add(low, high);
  e.store(e.trunc(low, e.i16), sums);
  e.store(e.trunc(high, e.i16), e.at(sums, 2));
  Value nan = e.bitcast(e.i32c(0x7fc00000), e.f32), none = e.floatOf(e.f32, 0.0f);
  Value stored = e.select(finite, e.select(normal, scale, none), nan);
  e.store(stored, pair);
  e.store(e.fmul(stored, e.sitofp(asum, e.f32)), e.at(pair, 4));
}

void emitQuantizeRow(Emit &e, Value src, Value q, int64_t groups) {
  // One shared function: it is called once per row.
  if (!e.hasFunction("quantize.row"))
    e.function("quantize.row", {e.ptr, e.ptr, e.i64}, true, [&](ValueRange a) {
      Value pairs = e.at(a[1], e.shl(a[2], 5)), sums = e.at(pairs, e.shl(a[2], 3));
      e.loop(e.i64c(0), a[2], 1, [&](Value g) {
        Value at = e.at(a[0], e.shl(g, 7));
        SmallVector<Value> x;
        for (int64_t i = 0; i < 4; ++i)
          x.push_back(e.load(e.vec(8, e.f32), e.at(at, i * 32)));
        emitQuantizeGroup(e, x, e.at(a[1], e.shl(g, 5)), e.at(pairs, e.shl(g, 3)),
                          e.at(sums, e.shl(g, 2)));
      });
    });
  e.call("quantize.row", {src, q, e.i64c(groups)});
}

} // namespace axiom::codegen
