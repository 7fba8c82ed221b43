#include "codegen/cpu/DotOps.h"

namespace axiom::codegen {

using namespace mlir;

DotOps::DotOps(Emit &e, int64_t stripes, int64_t stripeBytes, std::optional<int64_t> half)
    : e(e), stripes(stripes), stripeBytes(stripeBytes), half(half), rows(half ? 4 : 8 * stripes),
      f(e.vec(rows, e.f32)), h(e.vec(rows, e.f16)), i(e.vec(rows, e.i32)),
      bytes(e.vec(4 * rows, e.i8)) {}

static SmallVector<int64_t> iota(int64_t n) {
  SmallVector<int64_t> mask;
  for (int64_t k = 0; k < n; ++k)
    mask.push_back(k);
  return mask;
}

Value DotOps::loadEach(int64_t n, Type element, Value at) {
  if (half)
    return e.load(e.vec(n / 2, element),
                  e.at(at, *half * n / 2 * (element.getIntOrFloatBitWidth() / 8)));
  Value first = e.load(e.vec(n, element), at);
  if (stripes == 1)
    return first;
  return e.shuffle(first, e.load(e.vec(n, element), e.at(at, stripeBytes)), iota(2 * n));
}

void DotOps::storeEach(Value lanes, Value to, Value distance) {
  if (stripes == 1)
    return e.store(lanes, e.at(to, half.value_or(0) * 16));
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

Type DotOps::lanesOf(Value integers) const {
  auto type = cast<VectorType>(integers.getType());
  return e.vec(type.getNumElements() * type.getElementTypeBitWidth() / 32, e.i32);
}

Value DotOps::plainDot(Value a, bool unsignedA, Value b, int64_t parts) {
  // A part is taken out of its 32-bit lane by shifting it to the top and down again.
  Type i = lanesOf(a);
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
  Type to = lanesOf(a);
  return e.intrinsic(to == e.vec(8, e.i32) ? "llvm.x86.avx2.pmadd.wd"
                                           : "llvm.x86.avx512.pmaddw.d.512",
                     to, {a, b});
}

Value DotOps::dpbusd(Value acc, Value u, Value s) {
  if (e.level.plainDots)
    return e.add(acc, plainDot(u, true, s, 4));
  Type to = acc.getType();
  return e.intrinsic(to == e.vec(8, e.i32) ? "llvm.x86.avx512.vpdpbusd.256"
                                           : "llvm.x86.avx512.vpdpbusd.512",
                     to, {acc, u, s});
}

Value DotOps::sdot(Value acc, Value w, Value &four, Value acts, int64_t j) {
  // The instruction takes its 4 activations from one of the four lanes of a register.
  if (!four)
    four = e.load(e.vec(4, e.i32), e.at(acts, j / 4 * 16));
  auto lanes = [&](int64_t n) {
    SmallVector<int64_t> mask(n, j % 4);
    return e.bitcast(e.shuffle(four, four, mask), e.vec(4 * n, e.i8));
  };
  if (e.level.plainDots)
    return e.add(acc, plainDot(w, false, lanes(rows), 4));
  SmallVector<Value> parts;
  for (int64_t first = 0; first < rows; first += 4) {
    auto part = [&](Value all, int64_t n) {
      SmallVector<int64_t> mask = iota(n);
      for (int64_t &k : mask)
        k += first * n / 4;
      return rows == 4 ? all : e.shuffle(all, all, mask);
    };
    parts.push_back(e.intrinsic("llvm.aarch64.neon.sdot", e.vec(4, e.i32),
                                {part(acc, 4), part(w, 16), lanes(4)}));
  }
  return parts.size() == 1 ? parts[0] : e.shuffle(parts[0], parts[1], iota(8));
}

void DotOps::eachProduct(size_t tokens, ArrayRef<int64_t> order, function_ref<Value(int64_t)> make,
                         function_ref<void(size_t, int64_t, Value)> step,
                         function_ref<void(size_t)> finish, bool tokensInner) {
  if (tokensInner) {
    for (int64_t j : order) {
      Value w = make(j);
      for (size_t t = 0; t < tokens; ++t)
        step(t, j, w);
    }
    for (size_t t = 0; t < tokens; ++t)
      finish(t);
    return;
  }
  SmallVector<Value> weights;
  for (int64_t j : order)
    weights.push_back(make(j));
  for (size_t t = 0; t < tokens; ++t) {
    for (auto [j, w] : llvm::zip_equal(order, weights))
      step(t, j, w);
    finish(t);
  }
}

Value DotOps::nibble(MutableArrayRef<Value> raw, Value at, int64_t j) {
  Value &source = raw[j % 4];
  if (!source)
    source = loadEach(32, e.i8, e.at(at, 32 * (j % 4)));
  Value low = source;
  if (j >= 4)
    low = e.bitcast(e.lshr(e.bitcast(source, e.vec(2 * rows, e.i16)), 4), bytes);
  return e.and_(low, e.intOf(bytes, 15));
}

void DotOps::nibbleDots(Value at, ArrayRef<Value> acts, Done done) {
  if (wide(acts.size()))
    return wideNibbleDots(at, acts, done);
  SmallVector<Value> raw(4), dots(acts.size()), fours(2 * acts.size());
  bool inner = few() && (vnni() || acts.size() == 1);
  // Registers j and j + 4 come from the same bytes, which are given up early.
  bool paired = inner || !few();
  SmallVector<int64_t> order = paired ? SmallVector<int64_t>{0, 4, 1, 5, 2, 6, 3, 7} : iota(8);
  // Eight weights, several tokens' sums: all made before the first product, the products added up
  // one after the other, not as a tree whose branches need registers.
  bool crowded = few() && !inner && acts.size() >= 4;
  eachProduct(
      acts.size(), order,
      [&](int64_t j) {
        Value w = nibble(raw, at, j);
        return crowded ? e.opaque(w, /*ordered=*/true) : w;
      },
      [&](size_t t, int64_t j, Value w) {
        Value &sum = dots[t];
        if (sdot()) {
          sum = sdot(sum ? sum : e.intOf(i, 0), w, fours[2 * t + j / 4], acts[t], j);
          return;
        }
        Value a = splatBytes(e.at(acts[t], 4 * j), bytes);
        if (vnni()) {
          sum = dpbusd(sum ? sum : e.intOf(i, 0), w, a);
          return;
        }
        // 8 products of u4 x s8 pairs fit an int16
        sum = sum ? e.add(sum, maddubs(w, a)) : maddubs(w, a);
        if (crowded)
          sum = e.opaque(sum);
      },
      [&](size_t t) {
        // No token's f32 step before the last product of all, whose activations would wait in
        // registers.
        if (inner && t == 0 && acts.size() > 4)
          for (Value &dot : dots)
            dot = e.opaque(dot, /*ordered=*/true);
        if (e.level.dot == DotKind::Maddubs)
          dots[t] = maddwd(dots[t], e.intOf(e.vec(16, e.i16), 1));
        done(t, e.sitofp(dots[t], f));
      },
      inner);
}

void DotOps::byteDots(Value at, ArrayRef<Value> acts, ArrayRef<Value> sums, Done done) {
  if (wide(acts.size()))
    return wideByteDots(at, acts, sums, done);
  SmallVector<Value> dots(acts.size()), fours(2 * acts.size());
  Value magnitude[8];
  auto make = [&](int64_t j) {
    Value w = loadEach(32, e.i8, e.at(at, 32 * j));
    if (vnni())
      return e.add(w, e.intOf(bytes, -128)); // w + 128 as unsigned bytes
    if (!sdot())
      magnitude[j] = e.umin(w, e.sub(e.intOf(bytes, 0), w)); // |w|, 128 included
    return w;
  };
  auto step = [&](size_t t, int64_t j, Value w) {
    Value &sum = dots[t];
    if (sdot()) {
      sum = sdot(sum ? sum : e.intOf(i, 0), w, fours[2 * t + j / 4], acts[t], j);
      return;
    }
    Value a = splatBytes(e.at(acts[t], 4 * j), bytes);
    if (vnni()) {
      // sum (w + 128) a = sum w a + 128 sum a: the second part is taken off first.
      Type words = e.vec(2 * rows, e.i16);
      if (!sum)
        sum = maddwd(splatBytes(sums[t], words), e.intOf(words, -128));
      sum = dpbusd(sum, w, a);
      return;
    }
    // |w| as unsigned, the sign moves to the activation; one pair sum fills an int16.
    Value moved = e.intrinsic("llvm.x86.avx2.psign.b", bytes, {a, w});
    Value part = maddwd(maddubs(magnitude[j], moved), e.intOf(e.vec(16, e.i16), 1));
    // Not joined with the next ones to a tree, whose branches would need registers.
    sum = sum ? e.opaque(e.add(sum, part)) : part;
  };
  eachProduct(
      acts.size(), iota(8), make, step, [&](size_t t) { done(t, e.sitofp(dots[t], f)); }, few());
}

void DotOps::spread(AxmFormat format, Value at, Value to) {
  SmallVector<Value> raw(4);
  for (int64_t j : {0, 4, 1, 5, 2, 6, 3, 7}) {
    Value w = format == AXM_FORMAT_Q8 ? loadEach(32, e.i8, e.at(at, 32 * j)) : nibble(raw, at, j);
    e.store(w, e.at(to, 4 * rows * j));
  }
}

Value DotOps::plainDots(Value spread, Value acts) {
  Value sum = e.intOf(i, 0);
  for (int64_t j = 0; j < 8; ++j) {
    Value w = e.load(bytes, e.at(spread, 4 * rows * j));
    sum = e.add(sum, plainDot(w, false, splatBytes(e.at(acts, 4 * j), bytes), 4));
  }
  return sum;
}

Value DotOps::pairOf(Value low, Value high) {
  Type words = e.vec(2 * rows, e.i16);
  SmallVector<int64_t> mask;
  for (int64_t k = 0; k < 2 * rows; ++k)
    mask.push_back(k % 2 == 0 ? k : 2 * rows + k);
  return e.shuffle(e.bitcast(low, words), e.bitcast(e.shl(high, 16), words), mask);
}

void DotOps::sixBitDots(Value at, ArrayRef<Value> acts, ArrayRef<Value> sums, Done done) {
  if (wide(acts.size()))
    return wideSixBitDots(at, acts, sums, done);
  Type words = e.vec(2 * rows, e.i16);
  Value scale[2], high[2];
  SmallVector<Value> totals(acts.size()), dots(acts.size()), fours(2 * acts.size()), raw(4);
  bool inner = few() && (acts.size() == 1 || (vnni() && acts.size() == 2));
  auto make = [&](int64_t j) {
    int64_t part = j / 4, m = j % 4;
    if (!high[part])
      high[part] = e.bitcast(loadEach(32, e.i8, e.at(at, 144 + 32 * part)), words);
    Value moved = m < 2    ? e.shl(high[part], 4 - 2 * m)
                  : m == 2 ? high[part]
                           : e.lshr(high[part], 2);
    Value top = e.and_(e.bitcast(moved, bytes), e.intOf(bytes, 0x30));
    Value code = e.or_(nibble(raw, e.at(at, 16), j), top);
    if (few())
      code = e.opaque(code, /*ordered=*/true);
    return sdot() ? e.sub(code, e.intOf(bytes, 32)) : code;
  };
  // s (code - 32) a = s code a - 32 s a: the second part comes from the sums of the activations.
  // What the scales give is made behind the weights, whose making needs the registers until then.
  Value scalePair[2], offsets;
  auto scaleOf = [&](int64_t part) {
    if (!scale[part])
      scale[part] = e.sext(loadEach(8, e.i8, e.at(at, 8 * part)), i);
    return scale[part];
  };
  auto scalePairOf = [&](int64_t part) {
    if (!scalePair[part])
      scalePair[part] = pairOf(scaleOf(part), scaleOf(part));
    return scalePair[part];
  };
  auto add = [&](Value &total, Value more) { total = total ? e.add(total, more) : more; };
  auto addOffset = [&](size_t t) {
    if (sdot())
      return;
    for (int64_t part = 0; e.level.dot == DotKind::Maddubs && part < 2; ++part)
      scalePairOf(part);
    if (!offsets)
      offsets = pairOf(e.mul(scaleOf(0), e.intOf(i, -32)), e.mul(scaleOf(1), e.intOf(i, -32)));
    add(totals[t], maddwd(splatBytes(sums[t], words), offsets));
  };
  auto step = [&](size_t t, int64_t j, Value w) {
    Value &dot = dots[t];
    if (j == 0 && !inner)
      addOffset(t);
    int64_t part = j / 4;
    if (e.level.dot == DotKind::Maddubs) {
      // Two products of u6 x s8 pairs fit an int16.
      Value pairs = maddubs(w, splatBytes(e.at(acts[t], 4 * j), bytes));
      if (j % 2 == 0) {
        dot = pairs;
        return;
      }
      add(totals[t], maddwd(e.add(dot, pairs), scalePairOf(part)));
      return;
    }
    Value sum = j % 4 == 0 ? e.intOf(i, 0) : dot;
    dot = sdot() ? sdot(sum, w, fours[2 * t + j / 4], acts[t], j)
                 : dpbusd(sum, w, splatBytes(e.at(acts[t], 4 * j), bytes));
    if (inner) // or its activations wait in a register
      dot = e.opaque(dot, /*ordered=*/true);
    if (j % 4 != 3)
      return;
    add(totals[t], e.mul(dot, scaleOf(part)));
  };
  auto finish = [&](size_t t) {
    if (inner)
      addOffset(t);
    done(t, e.sitofp(totals[t], f));
  };
  eachProduct(acts.size(), iota(8), make, step, finish, inner);
}

} // namespace axiom::codegen
