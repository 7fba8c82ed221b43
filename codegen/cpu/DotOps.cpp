#include "codegen/cpu/DotOps.h"

namespace axiom::codegen {

using namespace mlir;

DotOps::DotOps(Emit &e, int64_t stripes, int64_t stripeBytes)
    : e(e), stripes(stripes), stripeBytes(stripeBytes), f(e.vec(8 * stripes, e.f32)),
      h(e.vec(8 * stripes, e.f16)), i(e.vec(8 * stripes, e.i32)), bytes(e.vec(32 * stripes, e.i8)) {
}

static SmallVector<int64_t> iota(int64_t n) {
  SmallVector<int64_t> mask;
  for (int64_t k = 0; k < n; ++k)
    mask.push_back(k);
  return mask;
}

Value DotOps::loadEach(int64_t n, Type element, Value at) {
  Value first = e.load(e.vec(n, element), at);
  if (stripes == 1)
    return first;
  return e.shuffle(first, e.load(e.vec(n, element), e.at(at, stripeBytes)), iota(2 * n));
}

void DotOps::storeEach(Value lanes, Value to, Value distance) {
  if (stripes == 1)
    return e.store(lanes, to);
  for (int64_t s = 0; s < stripes; ++s) {
    SmallVector<int64_t> mask;
    for (int64_t k = 0; k < 8; ++k)
      mask.push_back(8 * s + k);
    e.store(e.shuffle(lanes, lanes, mask), s == 0 ? to : e.at(to, e.mul(distance, e.i64c(s))));
  }
}

Value DotOps::splatBytes(Value address, Type to) {
  return e.bitcast(e.splat(e.load(e.i32, address), i), to);
}

Value DotOps::maddubs(Value u, Value s) {
  return e.intrinsic("llvm.x86.avx2.pmadd.ub.sw", e.vec(16, e.i16), {u, s});
}

Value DotOps::plainDot(Value a, bool unsignedA, Value b, int64_t parts) {
  // A part is taken out of its 32-bit lane by shifting it to the top and down again.
  int64_t bits = 32 / parts;
  auto part = [&](Value lanes, int64_t which, bool isUnsigned) {
    Value top = e.shl(e.bitcast(lanes, i), 32 - bits * (which + 1));
    return isUnsigned ? e.lshr(top, 32 - bits) : e.ashr(top, 32 - bits);
  };
  Value sum;
  for (int64_t k = 0; k < parts; ++k) {
    Value product = e.mul(part(a, k, unsignedA), part(b, k, false));
    sum = sum ? e.add(sum, product) : product;
  }
  return sum;
}

Value DotOps::maddwd(Value a, Value b) {
  if (e.level.plainDots)
    return plainDot(a, false, b, 2);
  return e.intrinsic(stripes == 1 ? "llvm.x86.avx2.pmadd.wd" : "llvm.x86.avx512.pmaddw.d.512", i,
                     {a, b});
}

Value DotOps::dpbusd(Value acc, Value u, Value s) {
  if (e.level.plainDots)
    return e.add(acc, plainDot(u, true, s, 4));
  return e.intrinsic(stripes == 1 ? "llvm.x86.avx512.vpdpbusd.256" : "llvm.x86.avx512.vpdpbusd.512",
                     i, {acc, u, s});
}

SmallVector<Value> DotOps::nibbles(Value at) {
  SmallVector<Value> low, high;
  Value mask = e.intOf(bytes, 15);
  for (int64_t j = 0; j < 4; ++j) {
    Value raw = loadEach(32, e.i8, e.at(at, 32 * j));
    low.push_back(e.and_(raw, mask));
    Value shifted = e.bitcast(e.lshr(e.bitcast(raw, e.vec(16 * stripes, e.i16)), 4), bytes);
    high.push_back(e.and_(shifted, mask));
  }
  low.append(high.begin(), high.end());
  return low;
}

Value DotOps::nibbleDot(ArrayRef<Value> weights, Value acts) {
  if (vnni()) {
    Value sum = e.intOf(i, 0);
    for (int64_t j = 0; j < 8; ++j)
      sum = dpbusd(sum, weights[j], splatBytes(e.at(acts, 4 * j), bytes));
    return e.sitofp(sum, f);
  }
  // 8 products of u4 x s8 pairs fit an int16.
  SmallVector<Value> sums;
  for (int64_t j = 0; j < 8; ++j)
    sums.push_back(maddubs(weights[j], splatBytes(e.at(acts, 4 * j), bytes)));
  for (size_t width = 4; width >= 1; width /= 2)
    for (size_t k = 0; k < width; ++k)
      sums[k] = e.add(sums[k], sums[k + width]);
  return e.sitofp(maddwd(sums[0], e.intOf(e.vec(16, e.i16), 1)), f);
}

SmallVector<Value> DotOps::signedBytes(Value at) {
  SmallVector<Value> weights, magnitudes;
  for (int64_t j = 0; j < 8; ++j) {
    Value w = loadEach(32, e.i8, e.at(at, 32 * j));
    if (vnni()) {
      weights.push_back(e.add(w, e.intOf(bytes, -128))); // w + 128 as unsigned bytes
      continue;
    }
    weights.push_back(w);
    magnitudes.push_back(e.umin(w, e.sub(e.intOf(bytes, 0), w))); // |w|, 128 included
  }
  weights.append(magnitudes.begin(), magnitudes.end());
  return weights;
}

Value DotOps::signedDot(ArrayRef<Value> weights, Value acts, Value sums) {
  if (vnni()) {
    // sum (w + 128) a = sum w a + 128 sum a: the second part is taken off first.
    Type words = e.vec(16 * stripes, e.i16);
    Value sum = maddwd(splatBytes(sums, words), e.intOf(words, -128));
    for (int64_t j = 0; j < 8; ++j)
      sum = dpbusd(sum, weights[j], splatBytes(e.at(acts, 4 * j), bytes));
    return e.sitofp(sum, f);
  }
  // |w| as unsigned, the sign moves to the activation; one pair sum fills an int16.
  Value sum;
  for (int64_t j = 0; j < 8; ++j) {
    Value a = e.intrinsic("llvm.x86.avx2.psign.b", bytes,
                          {splatBytes(e.at(acts, 4 * j), bytes), weights[j]});
    Value part = maddwd(maddubs(weights[8 + j], a), e.intOf(e.vec(16, e.i16), 1));
    sum = sum ? e.add(sum, part) : part;
  }
  return e.sitofp(sum, f);
}

Value DotOps::pairOf(Value low, Value high) {
  Value pair = e.or_(e.and_(low, e.intOf(i, 0xffff)), e.shl(high, 16));
  return e.bitcast(pair, e.vec(16 * stripes, e.i16));
}

SmallVector<Value> DotOps::sixBits(Value at) {
  Type words = e.vec(16 * stripes, e.i16);
  SmallVector<Value> weights = nibbles(e.at(at, 16));
  for (int64_t part = 0; part < 2; ++part) {
    Value raw = e.bitcast(loadEach(32, e.i8, e.at(at, 144 + 32 * part)), words);
    for (int64_t m = 0; m < 4; ++m) {
      Value moved = m < 2 ? e.shl(raw, 4 - 2 * m) : m == 2 ? raw : e.lshr(raw, 2);
      Value high = e.and_(e.bitcast(moved, bytes), e.intOf(bytes, 0x30));
      Value &code = weights[4 * part + m];
      code = e.or_(code, high);
    }
  }
  Value scale[2], offset[2];
  for (int64_t part = 0; part < 2; ++part) {
    scale[part] = e.sext(loadEach(8, e.i8, e.at(at, 8 * part)), i);
    offset[part] = e.mul(scale[part], e.intOf(i, -32));
  }
  for (Value s : scale)
    weights.push_back(vnni() ? s : pairOf(s, s));
  weights.push_back(pairOf(offset[0], offset[1]));
  return weights;
}

Value DotOps::sixBitDot(ArrayRef<Value> weights, Value acts, Value sums) {
  // s (code - 32) a = s code a - 32 s a: the second part comes from the sums of the activations.
  Value total = maddwd(splatBytes(sums, e.vec(16 * stripes, e.i16)), weights[10]);
  for (int64_t part = 0; part < 2; ++part) {
    Value dot;
    for (int64_t m = 0; m < 4; m += 2) {
      Value low = splatBytes(e.at(acts, 16 * part + 4 * m), bytes);
      Value high = splatBytes(e.at(acts, 16 * part + 4 * m + 4), bytes);
      ArrayRef<Value> w = weights.slice(4 * part + m, 2);
      if (vnni()) {
        dot = dpbusd(dpbusd(dot ? dot : e.intOf(i, 0), w[0], low), w[1], high);
        continue;
      }
      // Two products of u6 x s8 pairs fit an int16.
      Value pairs = e.add(maddubs(w[0], low), maddubs(w[1], high));
      total = e.add(total, maddwd(pairs, weights[8 + part]));
    }
    if (vnni())
      total = e.add(total, e.mul(dot, weights[8 + part]));
  }
  return e.sitofp(total, f);
}

} // namespace axiom::codegen
