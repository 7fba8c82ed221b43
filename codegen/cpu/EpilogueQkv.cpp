#include "codegen/cpu/LinearKernel.h"
#include "codegen/cpu/Recipes.h"

namespace axiom::codegen {

using namespace mlir;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

namespace {

/// One unit: a head of q, k or v for all tokens of the step.
class HeadUnit {
public:
  HeadUnit(LinearBody &body, size_t range, Value head)
      : body(body), e(body.e), k(body.k), spec(body.spec), range(range), head(head),
        dim(spec.headDim), padded(plan::headDimPadded(spec.headDim)) {}

  void emit() {
    Value stripe = e.mul(head, e.i64c(padded / 8));
    body.forTiles([&](Value t, Value n) {
      body.rows(range, stripe, e.i64c(padded / 8), t, n, body.tile(), padded * 4);
      e.loop(e.i64c(0), n, 1,
             [&](Value i) { token(e.add(t, i), e.at(body.tile(), e.mul(i, e.i64c(padded * 4)))); });
    });
  }

private:
  LinearBody &body;
  Emit &e;
  KernelContext &k;
  const plan::KernelSpec &spec;
  size_t range;
  Value head;
  int64_t dim, padded;

  void token(Value t, Value row) {
    if (spec.ranges[range].bias)
      e.loop(e.i64c(0), e.i64c(padded), 8, [&](Value i) {
        Value at = e.at(row, e.shl(i, 2));
        Value packed = e.add(e.mul(head, e.i64c(padded)), i);
        e.store(body.withBias(range, e.load(body.v8, at), packed), at);
      });
    if (range < 2) {
      if (spec.qkNorm) {
        Value scale = emitRmsScale(e, row, dim, spec.normEps);
        emitApplyNorm(e, row, scale, k.arg(range == 0 ? "qnorm" : "knorm"), row, dim);
      }
      rope(t, row);
    }
    if (range == 0)
      return storeQuery(t, row);
    Value position = k.entry("positions", t);
    Value base = emitKvHead(k, k.entry("tableOffsets", t), e.lshr(position, 6), head);
    Value slot = e.and_(position, e.i64c(63));
    range == 1 ? storeKey(base, slot, row) : storeValue(base, slot, row);
  }

  void rope(Value t, Value row) {
    int64_t half = dim / 2, lanes = half % 8 == 0 ? 8 : 1;
    Type type = e.vec(lanes, e.f32);
    Value angles = e.at(k.arg("angles"), e.mul(t, e.i64c(dim * 4)));
    e.loop(e.i64c(0), e.i64c(half * 4), lanes * 4, [&](Value offset) {
      Value lowAt = e.at(row, offset), highAt = e.at(lowAt, half * 4);
      Value low = e.load(type, lowAt), high = e.load(type, highAt);
      Value c = e.load(type, e.at(angles, offset));
      Value s = e.load(type, e.at(e.at(angles, offset), half * 4));
      e.store(e.fsub(e.fmul(low, c), e.fmul(high, s)), lowAt);
      e.store(e.fadd(e.fmul(high, c), e.fmul(low, s)), highAt);
    });
  }

  void storeQuery(Value t, Value row) {
    Value to =
        e.at(k.arg("q"), e.mul(e.add(e.mul(t, e.i64c(spec.heads)), head), e.i64c(padded * 4)));
    Value scale = e.floatOf(body.v8, spec.qScale);
    e.loop(e.i64c(0), e.i64c(padded * 4), 32, [&](Value offset) {
      e.store(e.fmul(e.load(body.v8, e.at(row, offset)), scale), e.at(to, offset));
    });
  }

  /// int8: the row is one group of the activation quantization rule. Gives the stored scale and the
  /// divisor, infinite when every q is 0.
  std::pair<Value, Value> rowScale(Value row) {
    Type v8i = e.vec(8, e.i32);
    Value amax = e.loop(e.i64c(0), e.i64c(padded * 4), 32, ValueRange{e.intOf(v8i, 0)},
                        [&](Value offset, ValueRange carried) {
                          Value bits = e.load(v8i, e.at(row, offset));
                          bits = e.and_(bits, e.intOf(v8i, 0x7fffffff));
                          return SmallVector<Value>{e.umax(carried[0], bits)};
                        })[0];
    Value bits = e.halve8(amax, [&](Value a, Value b) { return e.umax(a, b); });
    Value scale = e.fdiv(e.bitcast(bits, e.f32), e.floatOf(e.f32, 127.0f));
    Value normal = e.cmp(CmpIPredicate::uge, e.bitcast(scale, e.i32), e.i32c(0x00800000));
    Value finite = e.cmp(CmpIPredicate::ult, bits, e.i32c(0x7f800000));
    Value infinity = e.bitcast(e.i32c(0x7f800000), e.f32);
    Value nan = e.bitcast(e.i32c(0x7fc00000), e.f32), zero = e.floatOf(e.f32, 0.0f);
    Value stored = e.select(finite, e.select(normal, scale, zero), nan);
    Value divisor = e.select(finite, e.select(normal, scale, infinity), infinity);
    return {stored, divisor};
  }

  Value quantized(Value x, Value divisor) {
    Value t = e.fadd(e.fdiv(x, divisor), e.floatOf(e.f32, 12582912.0f));
    Value q = e.sub(e.bitcast(t, e.i32), e.i32c(0x4b400000));
    // x itself may be infinite or NaN; the row's scale is NaN then and q is 0.
    Value ok = e.fcmp(CmpFPredicate::OLT, divisor, e.bitcast(e.i32c(0x7f800000), e.f32));
    return e.trunc(e.select(ok, q, e.i32c(0)), e.i8);
  }

  void storeScale(Value base, Value slot, Value scale, int64_t which) {
    int64_t at = plan::kvKeyBytes(AXM_KV_INT8, spec.headDim) + padded * 64 + which * 256;
    e.store(scale, e.at(e.at(base, at), e.shl(slot, 2)));
  }

  /// Element i of a row at `at(i)`, converted to the KV type.
  void storeElements(Value row, int64_t count, Value divisor, llvm::function_ref<Value(Value)> at) {
    e.loop(e.i64c(0), e.i64c(count), 1, [&](Value i) {
      Value x = e.load(e.f32, e.at(row, e.shl(i, 2)));
      if (spec.kvType == AXM_KV_INT8)
        e.store(quantized(x, divisor), at(i));
      else
        e.store(spec.kvType == AXM_KV_F16 ? e.truncf(x, e.f16) : x, at(i));
    });
  }

  int64_t elementShift() {
    return spec.kvType == AXM_KV_F32 ? 2 : spec.kvType == AXM_KV_F16 ? 1 : 0;
  }

  void storeKey(Value base, Value slot, Value row) {
    Value divisor;
    if (spec.kvType == AXM_KV_INT8) {
      auto scale = rowScale(row);
      storeScale(base, slot, scale.first, 0);
      divisor = scale.second;
    }
    storeElements(row, dim, divisor, [&](Value d) {
      return e.at(base, e.shl(e.add(e.shl(d, 6), slot), elementShift()));
    });
  }

  void storeValue(Value base, Value slot, Value row) {
    Value to = e.at(base, plan::kvKeyBytes(spec.kvType, spec.headDim));
    to = e.at(to, e.shl(e.mul(slot, e.i64c(padded)), elementShift()));
    if (spec.kvType == AXM_KV_INT8) {
      auto scale = rowScale(row);
      storeScale(base, slot, scale.first, 1);
      storeElements(row, padded, scale.second, [&](Value d) { return e.at(to, d); });
      return;
    }
    e.loop(e.i64c(0), e.i64c(padded), 8, [&](Value i) {
      Value x = e.load(body.v8, e.at(row, e.shl(i, 2)));
      if (spec.kvType == AXM_KV_F16)
        x = e.truncf(x, e.vec(8, e.f16));
      e.store(x, e.at(to, e.shl(i, elementShift())));
    });
  }
};

} // namespace

void emitQkvEpilogue(LinearBody &body) {
  Emit &e = body.e;
  int64_t heads = body.spec.heads, kvHeads = body.spec.kvHeads;
  e.loop(body.k.begin, body.k.end, 1, [&](Value unit) {
    auto below = [&](int64_t bound) { return e.cmp(CmpIPredicate::ult, unit, e.i64c(bound)); };
    e.when(
        below(heads), [&] { HeadUnit(body, 0, unit).emit(); },
        [&] {
          e.when(
              below(heads + kvHeads), [&] { HeadUnit(body, 1, e.sub(unit, e.i64c(heads))).emit(); },
              [&] { HeadUnit(body, 2, e.sub(unit, e.i64c(heads + kvHeads))).emit(); });
        });
  });
}

} // namespace axiom::codegen
