#include "codegen/cpu/KernelContext.h"
#include "codegen/cpu/Recipes.h"

namespace axiom::codegen {

using namespace mlir;

namespace {

/// Decodes one row of a packed table, group by group.
class RowDecoder {
public:
  RowDecoder(Emit &e, AxmFormat format, Value row, Value out)
      : e(e), format(format), row(row), out(out), v4(e.vec(4, e.f32)), v4i(e.vec(4, e.i32)) {}

  /// Groups [from, until) of a segment whose bytes start at `at`.
  void segment(Value at, int64_t from, int64_t until) {
    if (!plan::isQuantized(format))
      return floats(at, from * 32, until * 32);
    int64_t groupBytes = plan::groupBytes(format), runBytes = plan::runBytes(format);
    if (!runBytes) {
      e.loop(e.i64c(0), e.i64c(until - from), 1, [&](Value g) {
        Value block = e.at(at, e.mul(g, e.i64c(groupBytes)));
        Value to = e.at(out, e.shl(e.add(g, e.i64c(from)), 7));
        Value scale = half(block);
        if (format == AXM_FORMAT_Q8)
          signedBytes(e.at(block, 16), scale, to);
        else
          nibbles(e.at(block, 32), scale, half(e.at(block, 16)), to);
      });
      return;
    }
    bool q4 = format == AXM_FORMAT_Q4;
    int64_t offset = 0;
    for (int64_t g = from; g < until;) {
      int64_t end = std::min(until, (g / 8 + 1) * 8);
      Value run = e.at(at, offset), d = half(run), dm = q4 ? half(e.at(run, 16)) : Value();
      e.loop(e.i64c(0), e.i64c(end - g), 1, [&](Value i) {
        Value block = e.at(e.at(run, runBytes), e.mul(i, e.i64c(groupBytes)));
        Value to = e.at(out, e.shl(e.add(i, e.i64c(g)), 7));
        // The small integer of this row, at `from8` + row.
        auto scaled = [&](Value factor, Value from8) {
          Value small = e.load(e.i8, e.at(from8, row));
          return e.fmul(factor, e.sitofp(q4 ? e.zext(small, e.i32) : e.sext(small, e.i32), e.f32));
        };
        Value first = scaled(d, block), second = scaled(q4 ? dm : d, e.at(block, 8));
        if (q4)
          nibbles(e.at(block, 16), first, second, to);
        else
          sixBits(e.at(block, 16), first, second, to);
      });
      offset += runBytes + (end - g) * groupBytes;
      g = end;
    }
  }

private:
  Emit &e;
  AxmFormat format;
  Value row, out;
  Type v4, v4i;

  Value half(Value at) { return e.extf(e.load(e.f16, e.at(at, e.shl(row, 1))), e.f32); }

  void signedBytes(Value at, Value scale, Value to) {
    Value mine = e.at(at, e.shl(row, 2)), s = e.splat(scale, v4);
    for (int64_t j = 0; j < 8; ++j) {
      Value q = e.sext(e.load(e.vec(4, e.i8), e.at(mine, 32 * j)), v4i);
      e.store(e.fmul(e.sitofp(q, v4), s), e.at(to, 16 * j));
    }
  }

  void nibbles(Value at, Value scale, Value min, Value to) {
    Value mine = e.at(at, e.shl(row, 2)), s = e.splat(scale, v4), m = e.splat(min, v4);
    for (int64_t j = 0; j < 4; ++j) {
      Value raw = e.zext(e.load(e.vec(4, e.i8), e.at(mine, 32 * j)), v4i);
      Value low = e.sitofp(e.and_(raw, e.intOf(v4i, 15)), v4), high = e.sitofp(e.lshr(raw, 4), v4);
      e.store(e.fma(low, s, m), e.at(to, 16 * j));
      e.store(e.fma(high, s, m), e.at(to, 64 + 16 * j));
    }
  }

  /// Columns 0..15 have scale s0, the others s1; 4 columns at a time.
  void sixBits(Value at, Value s0, Value s1, Value to) {
    Value mine = e.at(at, e.shl(row, 2));
    for (int64_t p = 0; p < 2; ++p) {
      Value s = e.splat(p ? s1 : s0, v4);
      Value high = e.zext(e.load(e.vec(4, e.i8), e.at(mine, 128 + 32 * p)), v4i);
      for (int64_t m = 0; m < 4; ++m) {
        Value raw = e.zext(e.load(e.vec(4, e.i8), e.at(mine, 32 * m)), v4i);
        Value low = p ? e.lshr(raw, 4) : e.and_(raw, e.intOf(v4i, 15));
        Value pair = e.and_(m ? e.lshr(high, 2 * m) : high, e.intOf(v4i, 3));
        Value code = e.add(low, e.shl(pair, 4));
        Value q = e.sitofp(e.sub(code, e.intOf(v4i, 32)), v4);
        e.store(e.fmul(s, q), e.at(to, 64 * p + 16 * m));
      }
    }
  }

  void floats(Value at, int64_t from, int64_t until) {
    int64_t shift = format == AXM_FORMAT_F32 ? 2 : 1;
    e.loop(e.i64c(0), e.i64c(until - from), 1, [&](Value k) {
      Value value = e.at(e.at(at, e.shl(k, 3 + shift)), e.shl(row, shift)), x;
      if (format == AXM_FORMAT_F32)
        x = e.load(e.f32, value);
      else if (format == AXM_FORMAT_F16)
        x = e.extf(e.load(e.f16, value), e.f32);
      else
        x = e.bitcast(e.shl(e.zext(e.load(e.i16, value), e.i32), 16), e.f32);
      e.store(x, e.at(out, e.shl(e.add(k, e.i64c(from)), 2)));
    });
  }
};

} // namespace

void emitEmbedBody(KernelContext &k) {
  Emit &e = k.e;
  const plan::KernelSpec &spec = k.spec;
  AxmFormat format = spec.ranges[0].format;
  int64_t stripe = plan::stripeBytes(format, spec.inner, spec.cuts);
  int64_t padded = plan::rowStride(spec.inner);
  e.loop(k.begin, k.end, 1, [&](Value t) {
    Value token = k.entry("tokens", t);
    Value at = e.at(k.arg("table"), e.mul(e.lshr(token, 3), e.i64c(stripe)));
    Value out = e.at(k.arg("x"), e.mul(t, e.i64c(padded * 4)));
    RowDecoder decoder(e, format, e.and_(token, e.i64c(7)), out);
    std::vector<uint32_t> bounds = {0};
    bounds.insert(bounds.end(), spec.cuts.begin(), spec.cuts.end());
    bounds.push_back(padded);
    for (size_t s = 0; s + 1 < bounds.size(); ++s)
      decoder.segment(e.at(at, plan::segmentBegin(format, spec.cuts, s)), bounds[s] / 32,
                      bounds[s + 1] / 32);
    // A format with a minimum does not decode its padding to 0.
    e.loop(e.i64c(spec.inner), e.i64c(padded), 1,
           [&](Value i) { e.store(e.floatOf(e.f32, 0.0f), e.at(out, e.shl(i, 2))); });
  });
}

void emitRopeAnglesBody(KernelContext &k) {
  Emit &e = k.e;
  int64_t half = k.spec.headDim / 2, lanes = half % 8 == 0 ? 8 : 1;
  Type type = e.vec(lanes, e.f32);
  e.loop(k.begin, k.end, 1, [&](Value t) {
    Value position = e.splat(e.sitofp(e.trunc(k.entry("positions", t), e.i32), e.f32), type);
    Value out = e.at(k.arg("angles"), e.mul(t, e.i64c(half * 8)));
    e.loop(e.i64c(0), e.i64c(half * 4), lanes * 4, [&](Value offset) {
      Value angle = e.fmul(position, e.load(type, e.at(k.arg("invFreq"), offset)));
      auto [c, s] = emitCosSin(e, angle);
      e.store(c, e.at(out, offset));
      e.store(s, e.at(e.at(out, offset), half * 4));
    });
  });
}

} // namespace axiom::codegen
