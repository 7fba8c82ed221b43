// Attention for few tokens: a block of the grid has a token, some heads of one KV head and each
// F::splits-th span of its positions. Four groups of threads take the span's four KV blocks, whose
// parts meet in shared memory; the spans' (M, L, O) meet in the scratch, where whoever comes last
// folds them in order.
//
// F beside AttentionBlock.h: `heads` of a unit, `unitsOfHead` of a KV head, `splits`, `spans` that
// the scratch has room for, and where the parts of shared memory lie.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_ATTENTION_SPANS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_ATTENTION_SPANS_H

#include "codegen/cuda/kernels/AttentionBlock.h"

namespace axiom::device {

/// Which spans a token sees.
struct Spans {
  u32 first, count;
};
template <class S> AXIOM_DEVICE Spans spansOf(u32 position) {
  u32 first = oldestOf<S>(position) / 256;
  return {first, position / 256 - first + 1};
}

template <class S> AXIOM_DEVICE u32 positionOf(const Launch &l, u32 token) {
  return loadConstant<u32>(l.args[S::kPositions] + 4 * token);
}

/// The spans of all tokens before this one: where its states begin in the scratch.
template <class S> AXIOM_DEVICE u32 spansBefore(const Launch &l, u32 token) {
  i32 count = 0;
  for (u32 t = laneIndex(); t < token; t += kWarp)
    count += static_cast<i32>(spansOf<S>(positionOf<S>(l, t)).count);
  return static_cast<u32>(warpAdd(kAllLanes, count));
}

/// Some rows of heads, each thread some chunks of four dimensions: the folds of a token.
template <class S, class F> struct HeadFolds {
  static constexpr u32 chunks = S::paddedDim / 4, all = F::teamsOfBlock * F::rows * chunks;
  static constexpr u32 mine = (all + F::threads - 1) / F::threads;
  float max[mine], sum[mine], out[mine][4];

  static AXIOM_DEVICE u32 index(u32 i) { return i * F::threads + threadIndex(); }
  static AXIOM_DEVICE bool exists(u32 i) { return index(i) < all; }
  static AXIOM_DEVICE u32 row(u32 i) { return index(i) / chunks; }
  static AXIOM_DEVICE u32 chunk(u32 i) { return index(i) % chunks; }

  AXIOM_DEVICE void clear() {
    for (u32 i = 0; i < mine; ++i) {
      max[i] = nothing();
      sum[i] = 0.0f;
      for (u32 n = 0; n < 4; ++n)
        out[i][n] = 0.0f;
    }
  }
  AXIOM_DEVICE void take(u32 i, float partMax, float partSum, const Four &part) {
    float m = maxOf(max[i], partMax);
    float a = exp(sub(max[i], m)), b = exp(sub(partMax, m));
    sum[i] = fma(sum[i], a, mul(partSum, b));
    AXIOM_UNROLL
    for (u32 n = 0; n < 4; ++n)
      out[i][n] = fma(out[i][n], a, mul(part.v[n], b));
    max[i] = m;
  }
};

template <class S, class F> class SpanBlock {
public:
  using Part = AttentionState<S, F::rows>;
  using Folds = HeadFolds<S, F>;

  AXIOM_DEVICE SpanBlock(const Launch &l, u32 unit, u32 token, u32 split)
      : l(l), unit(unit), token(token), position(positionOf<S>(l, token)),
        table(tableOf<S>(l, token)), spans(spansOf<S>(position)), split(split) {
    u32 before = F::splits > 1 && spans.count > 1 ? spansBefore<S>(l, token) : 0;
    bool fits = before + spans.count <= F::spans;
    splits = fits ? smaller(F::splits, spans.count) : 1;
    states = l.scratch + (static_cast<u64>(before) * F::units + unit * spans.count) * stateBytes;
  }

  AXIOM_DEVICE void run() {
    if (split >= splits)
      return;
    storeQueries<S, F::rows>(queries(), [&](u32 r) {
      u32 head = firstHead() + team() * F::rows + r;
      bool exists = team() * F::rows + r < F::heads && head < lastHead();
      return exists ? l.args[S::kQ] + (static_cast<u64>(token) * S::heads + head) * 4 * S::paddedDim
                    : nullptr;
    });
    stream();
    if (splits == 1)
      return writeOut(total);
    // All of the block's states are written: the stream ends with a barrier.
    u32 *counter = l.counters + token * F::units + unit;
    if (threadIndex() == 0)
      storeShared(F::parts, takeTicket(counter, 1));
    blockSync();
    if (loadShared<u32>(F::parts) != splits - 1)
      return;
    if (threadIndex() == 0)
      store(counter, 0u);
    joinSpans();
    writeOut(total);
  }

private:
  static constexpr u32 stateFloats = F::teamsOfBlock * F::rows * (S::paddedDim + 2);
  static constexpr u32 stateBytes = roundUp(4 * stateFloats, 16);
  static constexpr u32 partRows = F::teamsOfBlock * F::rows;

  const Launch &l;
  u32 unit, token, position, table;
  Spans spans;
  u32 split, splits;
  u8 *states; ///< of the token's spans, one behind the other
  Folds total;

  /// Of a KV block's threads: which one, and which of its teams.
  static AXIOM_DEVICE u32 member() { return threadIndex() % F::groupThreads; }
  static AXIOM_DEVICE u32 team() { return member() / kTeam; }
  static AXIOM_DEVICE u32 group() { return threadIndex() / F::groupThreads; }
  static AXIOM_DEVICE u32 queries() { return F::queries + threadIndex() / kTeam * F::queryBytes; }
  static AXIOM_DEVICE u32 weights() { return F::weights + threadIndex() / kTeam * 256 * F::rows; }

  AXIOM_DEVICE u32 kvHeadIndex() const { return unit / F::unitsOfHead; }
  AXIOM_DEVICE u32 firstHead() const {
    return kvHeadIndex() * (S::heads / S::kvHeads) + unit % F::unitsOfHead * F::heads;
  }
  AXIOM_DEVICE u32 lastHead() const { return (kvHeadIndex() + 1) * (S::heads / S::kvHeads); }

  AXIOM_DEVICE bool sees(u32 block) const {
    return block >= oldestOf<S>(position) / 64 && block <= position / 64;
  }
  /// The group's KV block of a span; null if the token does not see it.
  AXIOM_DEVICE const u8 *headOf(u32 span) const {
    u32 block = 4 * (spans.first + span) + group();
    return sees(block) ? kvHead<S>(l, table, block, kvHeadIndex()).base : nullptr;
  }
  /// The split's spans: each one's state to the scratch, or, of a single split, to `total`.
  AXIOM_DEVICE void stream() {
    using Slab = Slabs<S, F>;
    auto next = [&, span = split](const u8 *&head) mutable {
      bool exists = span < spans.count;
      head = exists ? headOf(span) : nullptr;
      span += splits;
      return exists;
    };
    SlabStream<S, F, decltype(next)> slabs(F::slabs + group() * F::areaBytes, member(), next);
    if (splits == 1)
      total.clear();
    AXIOM_NO_UNROLL
    for (u32 span = split; span < spans.count; span += splits) {
      u32 block = 4 * (spans.first + span) + group();
      const Slots own = slotsOf<S>(position, block);
      Slots slots[F::rows];
      AXIOM_UNROLL
      for (u32 r = 0; r < F::rows; ++r)
        slots[r] = own;
      const bool seen = sees(block);
      Part part;
      Scores<S, F> scores;
      u32 slab = 0;
      AXIOM_NO_UNROLL
      for (u32 n = 0; n < Slab::ofKeys; ++n) {
        slab = slabs.take();
        if (seen)
          scores.add(slab, n * F::dims, queries());
      }
      AXIOM_UNROLL
      for (u32 r = 0; r < F::rows; ++r)
        part.clear(r);
      scores.weigh(part, slots, slab, seen, weights());
      AXIOM_NO_UNROLL
      for (u32 n = 0; n < Slab::ofValues; ++n) {
        slab = slabs.take(); // also: the weights are there
        addValues<S, F, false>(part, slab, n * F::positions, own.low, own.high, slots, weights());
      }
      storePart(part);
      blockSync(); // the parts of the span's blocks are there
      foldBlocks(span, block - group());
      blockSync(); // they are done with
    }
  }

  /// Part of KV block `group` of a span: O of the rows, then M and L of each.
  static AXIOM_DEVICE u32 partAt(u32 group) {
    return F::parts + group * 4 * partRows * (S::paddedDim + 2);
  }
  AXIOM_DEVICE void storePart(const Part &part) const {
    u32 to = partAt(group()), row = team() * F::rows;
    AXIOM_UNROLL
    for (u32 r = 0; r < F::rows; ++r) {
      AXIOM_UNROLL
      for (u32 c = 0; c < Part::chunks; ++c) {
        u32 d = 4 * (c * kTeam + threadIndex() % kTeam);
        if (d < S::paddedDim)
          storeShared(to + 4 * ((row + r) * S::paddedDim + d),
                      Words4{asBits(part.out[r][c][0]), asBits(part.out[r][c][1]),
                             asBits(part.out[r][c][2]), asBits(part.out[r][c][3])});
      }
      if (threadIndex() % kTeam == 0)
        storeShared(to + 4 * partRows * S::paddedDim + 8 * (row + r),
                    Words2{asBits(part.max[r]), asBits(part.sum[r])});
    }
  }

  /// The span's blocks from `first` on that the token sees.
  AXIOM_DEVICE void foldBlocks(u32 span, u32 first) {
    Folds fold;
    fold.clear();
    for (u32 i = 0; i < Folds::mine; ++i) {
      if (!Folds::exists(i))
        continue;
      u32 row = Folds::row(i);
      for (u32 n = 0; n < 4; ++n) {
        if (!sees(first + n))
          continue;
        u32 part = partAt(n);
        Words2 both = loadShared<Words2>(part + 4 * partRows * S::paddedDim + 8 * row);
        fold.take(i, asFloat(both.x), asFloat(both.y),
                  loadFour<KvType::F32>(part + 4 * (row * S::paddedDim + 4 * Folds::chunk(i))));
      }
      if (splits == 1) {
        Four out = {{fold.out[i][0], fold.out[i][1], fold.out[i][2], fold.out[i][3]}};
        total.take(i, fold.max[i], fold.sum[i], out);
      } else {
        u8 *state = states + static_cast<u64>(span) * stateBytes;
        store(state + 16 * Folds::index(i), Words4{asBits(fold.out[i][0]), asBits(fold.out[i][1]),
                                                   asBits(fold.out[i][2]), asBits(fold.out[i][3])});
        if (Folds::chunk(i) == 0)
          store(state + 4 * partRows * S::paddedDim + 8 * row,
                Words2{asBits(fold.max[i]), asBits(fold.sum[i])});
      }
    }
  }

  AXIOM_DEVICE void joinSpans() {
    total.clear();
    AXIOM_NO_UNROLL
    for (u32 span = 0; span < spans.count; ++span) {
      const u8 *state = states + static_cast<u64>(span) * stateBytes;
      for (u32 i = 0; i < Folds::mine; ++i) {
        if (!Folds::exists(i))
          continue;
        Words4 o = load<Words4>(state + 16 * Folds::index(i));
        Words2 both = load<Words2>(state + 4 * partRows * S::paddedDim + 8 * Folds::row(i));
        total.take(i, asFloat(both.x), asFloat(both.y),
                   {{asFloat(o.x), asFloat(o.y), asFloat(o.z), asFloat(o.w)}});
      }
    }
  }

  AXIOM_DEVICE void writeOut(const Folds &fold) const {
    float *out =
        reinterpret_cast<float *>(l.args[S::kOut]) + static_cast<u64>(token) * S::outStride;
    for (u32 i = 0; i < Folds::mine; ++i) {
      u32 row = Folds::row(i), head = firstHead() + row;
      if (!Folds::exists(i) || row >= F::heads || head >= lastHead())
        continue;
      float r = div(1.0f, fold.sum[i]);
      for (u32 n = 0; n < 4; ++n)
        if (u32 d = 4 * Folds::chunk(i) + n; d < S::headDim)
          store(out + head * S::headDim + d, fma(fold.out[i][n], r, 0.0f));
    }
    // The row's padding, behind the last head.
    if (unit == F::units - 1)
      for (u32 d = S::heads * S::headDim + threadIndex(); d < S::outStride; d += F::threads)
        store(out + d, 0.0f);
  }
};

template <class S, class F> AXIOM_DEVICE void attentionSpans(const Launch &l) {
  u32 token = blockIndex() / (F::units * F::splits), rest = blockIndex() % (F::units * F::splits);
  if (token < tokensOf(l))
    SpanBlock<S, F>(l, rest / F::splits, token, rest % F::splits).run();
}

} // namespace axiom::device

#endif
