#include "codegen/cpu/LinearKernel.h"

#include "codegen/cpu/Dot.h"
#include "codegen/cpu/Recipes.h"

#include "llvm/Support/MathExtras.h"

namespace axiom::codegen {

using namespace mlir;
using arith::CmpIPredicate;
using plan::Epilogue;
using plan::KernelSpec;
using plan::Prologue;

static int64_t paddedInner(const KernelSpec &spec) { return plan::rowStride(spec.inner); }

/// f32 rows behind the tile; QRows behind those.
static Value scratchFloatRows(KernelContext &k) {
  return k.e.at(k.scratch, llvm::alignTo(plan::scratchTileBytes(k.spec), 64));
}
static Value scratchQRows(KernelContext &k) {
  Value rows = scratchFloatRows(k);
  if (k.spec.prologue != Prologue::Norm)
    return rows;
  int64_t rowBytes = 4 * paddedInner(k.spec);
  if (!plan::anyRange(k.spec, false))
    return k.e.at(rows, rowBytes);
  return k.e.at(rows, k.e.mul(k.tokens, k.e.i64c(rowBytes)));
}

static int64_t inputStride(const KernelSpec &spec, AxmFormat format) {
  int64_t inner = paddedInner(spec);
  return plan::isQuantized(format) ? static_cast<int64_t>(AXM_QROW_BYTES(inner)) : 4 * inner;
}

InputRows inputRows(KernelContext &k, AxmFormat format) {
  int64_t inner = paddedInner(k.spec), stride = inputStride(k.spec, format);
  if (plan::isQuantized(format))
    return {k.spec.prologue == Prologue::None ? k.arg("input") : scratchQRows(k), stride, inner,
            inner / 4 * 5};
  Value rows = k.spec.prologue == Prologue::Norm ? scratchFloatRows(k) : k.arg("input");
  return {rows, stride, 0, 0};
}

void emitLinearPrologue(KernelContext &k) {
  Emit &e = k.e;
  const KernelSpec &spec = k.spec;
  int64_t inner = paddedInner(spec), rowBytes = 4 * inner, qrowBytes = AXM_QROW_BYTES(inner);
  bool quantize = plan::anyRange(spec, true), keep = plan::anyRange(spec, false);
  bool norm = spec.prologue == Prologue::Norm;
  Value floats = scratchFloatRows(k), qrows = scratchQRows(k);
  e.loop(e.i64c(0), k.tokens, 1, [&](Value t) {
    Value source = spec.epilogue == Epilogue::Head ? k.entry("rows", t) : t;
    Value row = e.at(k.arg("input"), e.mul(source, e.i64c(rowBytes)));
    if (norm) {
      Value out = keep ? e.at(floats, e.mul(t, e.i64c(rowBytes))) : floats;
      Value scale = emitRmsScale(e, row, spec.inner, spec.normEps);
      emitApplyNorm(e, row, scale, k.arg("norm"), out, inner);
      row = out;
    }
    if (quantize) {
      Value q = e.at(qrows, e.mul(t, e.i64c(qrowBytes)));
      emitQuantizeRow(e, row, q, inner / 32);
    }
  });
}

LinearBody::LinearBody(KernelContext &k) : k(k), e(k.e), spec(k.spec), v8(k.e.vec(8, k.e.f32)) {
  bounds_.push_back(0);
  for (uint32_t cut : spec.cuts)
    bounds_.push_back(cut);
  bounds_.push_back(paddedInner(spec));
  for (size_t s = 0; s + 1 < bounds_.size(); ++s)
    longest_ = std::max(longest_, bounds_[s + 1] - bounds_[s]);
}

void LinearBody::forTiles(function_ref<void(Value, Value)> body) {
  auto loop = scf::WhileOp::create(
      e.b, e.loc, TypeRange{e.i64}, ValueRange{e.i64c(0)},
      [&](OpBuilder &inner, Location loc, ValueRange carried) {
        Value more = arith::CmpIOp::create(inner, loc, CmpIPredicate::ult, carried[0], k.tokens);
        scf::ConditionOp::create(inner, loc, more, carried);
      },
      [&](OpBuilder &inner, Location, ValueRange carried) {
        OpBuilder saved = e.b;
        e.b = inner;
        Value t = carried[0], left = e.sub(k.tokens, t), n = e.i64c(1);
        for (int64_t size = 2; size <= e.level.maxTile; size *= 2)
          n = e.select(e.cmp(CmpIPredicate::uge, left, e.i64c(size)), e.i64c(size), n);
        body(t, n);
        scf::YieldOp::create(e.b, e.loc, ValueRange{e.add(t, n)});
        e.b = saved;
      });
  (void)loop;
}

DotShape LinearBody::dotShape(size_t index, int64_t tokens) const {
  AxmFormat format = spec.ranges[index].format;
  auto stripe = static_cast<int64_t>(plan::stripeBytes(format, spec.inner, spec.cuts));
  return {format, tokens, stripe, inputStride(spec, format), longest_ / AXM_GROUP};
}

void LinearBody::rows(size_t range, Value stripe, Value stripes, Value t, Value n, Value out,
                      int64_t outToken) {
  for (int64_t size = e.level.maxTile; size >= 1; size /= 2)
    e.when(e.cmp(CmpIPredicate::eq, n, e.i64c(size)), [&] {
      // More tokens than registers hold sums for are a matter of matrix tiles only.
      int64_t step = usesTiles(e.level, dotShape(range, size)) ? size : std::min(size, kSumTokens);
      for (int64_t i = 0; i < size; i += step)
        rowsFor(step, range, stripe, stripes, e.add(t, e.i64c(i)), e.at(out, i * outToken),
                outToken);
    });
}

/// From the partial sums of a segment to those of the next one: [token][stripe][8].
static constexpr int64_t kPartialBytes = AXM_TILE_TOKENS * plan::kPartialStripes * 32;

/// join(lo, hi) of docs/numerics.md over the partial sums of one token and stripe.
Value LinearBody::joinSegments(Value partials, int64_t lo, int64_t hi) {
  if (hi - lo == 1)
    return e.load(v8, e.at(partials, lo * kPartialBytes));
  int64_t half = static_cast<int64_t>(llvm::bit_ceil(static_cast<uint64_t>(hi - lo)) / 2);
  return e.fadd(joinSegments(partials, lo, lo + half), joinSegments(partials, lo + half, hi));
}

void LinearBody::rowsFor(int64_t n, size_t index, Value stripe, Value stripes, Value t, Value out,
                         int64_t outToken) {
  const plan::LinearRange &range = spec.ranges[index];
  InputRows input = inputRows(k, range.format);
  bool quantized = plan::isQuantized(range.format);
  DotShape shape = dotShape(index, n);
  int64_t stripeSize = shape.stripeBytes;
  Value weights = e.at(k.arg("weights" + std::to_string(index)), e.mul(stripe, e.i64c(stripeSize)));
  Value acts = e.at(input.base, e.mul(t, e.i64c(input.stride)));

  auto segment = [&](int64_t s, Value w, Value count, Value to, int64_t toToken) {
    int64_t from = bounds_[s], until = bounds_[s + 1];
    DotCall call;
    call.weights = e.at(w, plan::segmentBegin(range.format, spec.cuts, s));
    call.stripes = count;
    call.acts = e.at(acts, quantized ? from : from * 4);
    call.scales = quantized ? e.at(acts, input.scaleOffset + from / 32 * 8) : acts;
    call.sums = quantized ? e.at(acts, input.sumOffset + from / 32 * 4) : acts;
    call.groups = (until - from) / 32;
    call.firstGroup = from / 32;
    call.out = to;
    call.outToken = e.i64c(toToken);
    call.outStripe = e.i64c(32);
    emitDot(e, shape, call);
  };

  int64_t segments = static_cast<int64_t>(bounds_.size()) - 1;
  if (segments == 1)
    return segment(0, weights, stripes, out, outToken);
  Value partials = e.at(tile(), plan::scratchTileBytes(spec) - segments * kPartialBytes);
  // Few tokens are bound by memory: a stripe is read from its start to its end.
  int64_t chunk = n >= 4 ? plan::kPartialStripes : 1, tokenBytes = plan::kPartialStripes * 32;
  e.loop(e.i64c(0), stripes, chunk, [&](Value first) {
    Value w = e.at(weights, e.mul(first, e.i64c(stripeSize)));
    Value count = e.umin(e.i64c(chunk), e.sub(stripes, first));
    for (int64_t i = 0; i < segments; ++i)
      segment(i, w, count, e.at(partials, i * kPartialBytes), tokenBytes);
    for (int64_t token = 0; token < n; ++token) {
      Value from = e.at(partials, token * tokenBytes);
      Value to = e.at(e.at(out, token * outToken), e.shl(first, 5));
      e.loop(e.i64c(0), count, 1, [&](Value s) {
        Value offset = e.shl(s, 5);
        e.store(joinSegments(e.at(from, offset), 0, segments), e.at(to, offset));
      });
    }
  });
}

Value LinearBody::withBias(size_t range, Value y, Value row) {
  if (!spec.ranges[range].bias)
    return y;
  Value bias = k.arg("bias" + std::to_string(range));
  return e.fadd(y, e.load(y.getType(), e.at(bias, e.shl(row, 2))));
}

/// Store and Residual: blocks of up to 8 stripes for a tile of tokens.
static void emitPlainEpilogue(LinearBody &body) {
  Emit &e = body.e;
  KernelContext &k = body.k;
  bool residual = body.spec.epilogue == Epilogue::Residual;
  Value target = k.arg(residual ? "x" : "y");
  int64_t stride = 4 * plan::rowStride(body.spec.ranges[0].rows);
  e.loop(k.begin, k.end, 8, [&](Value unit) {
    Value stripes = e.umin(e.i64c(8), e.sub(k.end, unit));
    body.forTiles([&](Value t, Value n) {
      body.rows(0, unit, stripes, t, n, body.tile(), 256);
      e.loop(e.i64c(0), n, 1, [&](Value token) {
        Value from = e.at(body.tile(), e.shl(token, 8));
        Value to = e.at(target, e.mul(e.add(t, token), e.i64c(stride)));
        e.loop(e.i64c(0), stripes, 1, [&](Value s) {
          Value row = e.shl(e.add(unit, s), 3);
          Value y = body.withBias(0, e.load(body.v8, e.at(from, e.shl(s, 5))), row);
          Value at = e.at(to, e.shl(row, 2));
          e.store(residual ? e.fadd(e.load(body.v8, at), y) : y, at);
        });
      });
    });
  });
}

void emitLinearBody(KernelContext &k) {
  LinearBody body(k);
  switch (k.spec.epilogue) {
  case Epilogue::Store:
  case Epilogue::Residual:
    return emitPlainEpilogue(body);
  case Epilogue::Qkv:
    return emitQkvEpilogue(body);
  case Epilogue::SwiGlu:
    return emitSwiGluEpilogue(body);
  case Epilogue::Head:
    return emitHeadEpilogue(body);
  }
}

} // namespace axiom::codegen
