// One stripe in registers of 64 bytes, two times 4 k of its 8 rows side by side, for few tokens.
// These wait for memory. What a core has under way is bounded by the operations that it looks at
// together (512 on Intel's): with fewer of them for the same bytes it reads further ahead. The dots
// are exact integers, so that their order is free.
#include "codegen/cpu/Dot.h"
#include "codegen/cpu/DotOps.h"

namespace axiom::codegen {

using namespace mlir;

namespace {

/// Registers of 64 bytes as what the dots make of them.
class Wide {
public:
  explicit Wide(Emit &e)
      : e(e), i(e.vec(16, e.i32)), words(e.vec(32, e.i16)), bytes(e.vec(64, e.i8)) {}

  Emit &e;
  Type i, words, bytes;

  Value load(Value at) { return e.load(bytes, at); }
  /// Of a token's 32 activations: those of k quad `quad` for rows 0 to 7, those of the next behind.
  Value quads(Value acts, int64_t quad) {
    SmallVector<int64_t> mask(8, quad);
    mask.append(8, quad + 1);
    return e.bitcast(e.shuffle(acts, acts, mask), bytes);
  }
  Value nibbles(Value raw, bool high) {
    Value low = high ? e.bitcast(e.lshr(e.bitcast(raw, words), 4), bytes) : raw;
    return e.and_(low, e.intOf(bytes, 15));
  }
  /// `low` and `high`, of half a register each.
  Value join(Value low, Value high) {
    int64_t lanes = cast<VectorType>(low.getType()).getNumElements();
    return e.shuffle(low, high, iota(0, 2 * lanes));
  }
  Value halves(Value a, Value b, bool high) {
    SmallVector<int64_t> mask = iota(high ? 8 : 0, 8);
    mask.append(iota(high ? 24 : 16, 8));
    return e.shuffle(a, b, mask);
  }
  /// Row by row what the two halves have.
  Value sumOfHalves(Value all) {
    return e.add(e.shuffle(all, all, iota(0, 8)), e.shuffle(all, all, iota(8, 8)));
  }
  /// Counts of bits for the words of the lower and the upper half.
  Value counts(int64_t low, int64_t high) {
    Type half = e.vec(16, e.i16);
    return join(e.intOf(half, low), e.intOf(half, high));
  }

private:
  static SmallVector<int64_t> iota(int64_t first, int64_t n) {
    SmallVector<int64_t> mask;
    for (int64_t k = 0; k < n; ++k)
      mask.push_back(first + k);
    return mask;
  }
};

} // namespace

bool DotOps::wide(size_t tokens) const {
  return vnni() && e.level.stripes == 2 && stripes == 1 && tokens <= kFewTokens;
}

void DotOps::wideNibbleDots(Value at, ArrayRef<Value> acts, Done done) {
  Wide w(e);
  SmallVector<std::pair<int64_t, Value>> weights; // by their first k quad
  for (int64_t r = 0; r < 2; ++r) {
    Value raw = w.load(e.at(at, 64 * r));
    weights.push_back({2 * r, w.nibbles(raw, false)});
    weights.push_back({2 * r + 4, w.nibbles(raw, true)});
  }
  for (size_t t = 0; t < acts.size(); ++t) {
    Value mine = e.load(e.vec(8, e.i32), acts[t]), sum = e.intOf(w.i, 0);
    for (auto [quad, codes] : weights)
      sum = dpbusd(sum, codes, w.quads(mine, quad));
    done(t, e.sitofp(w.sumOfHalves(sum), f));
  }
}

void DotOps::wideByteDots(Value at, ArrayRef<Value> acts, ArrayRef<Value> sums, Done done) {
  Wide w(e);
  SmallVector<Value> weights; // w + 128 as unsigned bytes
  for (int64_t r = 0; r < 4; ++r)
    weights.push_back(e.add(w.load(e.at(at, 64 * r)), e.intOf(w.bytes, -128)));
  Type pairs = e.vec(16, e.i16);
  for (size_t t = 0; t < acts.size(); ++t) {
    Value mine = e.load(e.vec(8, e.i32), acts[t]);
    // sum (w + 128) a = sum w a + 128 sum a: the second part is taken off first.
    Value sum = w.join(maddwd(splatBytes(sums[t], pairs), e.intOf(pairs, -128)), e.intOf(i, 0));
    for (int64_t r = 0; r < 4; ++r)
      sum = dpbusd(sum, weights[r], w.quads(mine, 2 * r));
    done(t, e.sitofp(w.sumOfHalves(sum), f));
  }
}

void DotOps::wideSixBitDots(Value at, ArrayRef<Value> acts, ArrayRef<Value> sums, Done done) {
  Wide w(e);
  Value raw[2] = {w.load(e.at(at, 16)), w.load(e.at(at, 80))};
  Value codes[4]; // k quads {0, 1}, {2, 3}, {4, 5}, {6, 7}
  for (int64_t part = 0; part < 2; ++part) {
    Value half = e.load(bytes, e.at(at, 144 + 32 * part));
    Value high = e.bitcast(w.join(half, half), w.words);
    Value moved[2] = {arith::ShLIOp::create(e.b, e.loc, high, w.counts(4, 2)),
                      arith::ShRUIOp::create(e.b, e.loc, high, w.counts(0, 2))};
    for (int64_t r = 0; r < 2; ++r)
      codes[2 * part + r] = e.or_(w.nibbles(raw[r], part),
                                  e.and_(e.bitcast(moved[r], w.bytes), e.intOf(w.bytes, 0x30)));
  }
  Value scales = e.sext(e.load(e.vec(16, e.i8), at), w.i); // of part 0, then of part 1
  Type pairs = e.vec(16, e.i16);
  for (size_t t = 0; t < acts.size(); ++t) {
    Value mine = e.load(e.vec(8, e.i32), acts[t]), both = splatBytes(sums[t], pairs), dots[2];
    for (int64_t part = 0; part < 2; ++part) {
      // s (code - 32) a = s (code a - 32 a): the second part is taken off first. The sums of the
      // two parts are the two int16 of a lane.
      Value other = e.intOf(i, part ? -32 << 16 : 0xffe0);
      Value sum = w.join(maddwd(both, e.bitcast(other, pairs)), e.intOf(i, 0));
      for (int64_t r = 0; r < 2; ++r)
        sum = dpbusd(sum, codes[2 * part + r], w.quads(mine, 4 * part + 2 * r));
      dots[part] = sum;
    }
    Value dot = e.add(w.halves(dots[0], dots[1], false), w.halves(dots[0], dots[1], true));
    done(t, e.sitofp(w.sumOfHalves(e.mul(dot, scales)), f));
  }
}

} // namespace axiom::codegen
