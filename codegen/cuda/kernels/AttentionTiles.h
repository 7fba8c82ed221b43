// Attention for many tokens: a block of the grid has some heads of one KV head and some
// neighbouring tokens of the step; a team of 16 threads has some of those rows. Tokens of the same
// sequence go through its KV blocks together, each of which is in shared memory once for all.
//
// F beside AttentionBlock.h: `tokens` of a tile, `heads` of a unit, `unitsOfHead` of a KV head, and
// where the parts of shared memory lie.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_ATTENTION_TILES_H
#define AXIOM_CODEGEN_CUDA_KERNELS_ATTENTION_TILES_H

#include "codegen/cuda/kernels/AttentionBlock.h"

namespace axiom::device {

template <class S, class F> class AttentionTile {
public:
  AXIOM_DEVICE AttentionTile(const Launch &l, u32 unit, u32 token)
      : l(l), unit(unit), token(token), count(smaller(F::tokens, tokensOf(l) - token)) {}

  AXIOM_DEVICE void run() {
    if (threadIndex() < count) {
      u32 t = token + threadIndex();
      storeShared(F::places + 8 * threadIndex(),
                  Words2{loadConstant<u32>(l.args[S::kTableOffsets] + 4 * t),
                         loadConstant<u32>(l.args[S::kPositions] + 4 * t)});
    }
    storeQueries<S, F::rows>(queries(), [&](u32 r) {
      return exists(r)
                 ? l.args[S::kQ] + (static_cast<u64>(token + tokenOf(r)) * S::heads + headOf(r)) *
                                       4 * S::paddedDim
                 : nullptr;
    });
    AXIOM_UNROLL
    for (u32 r = 0; r < F::rows; ++r) {
      inSpan.clear(r);
      total.clear(r);
    }
    blockSync(); // the places are there
    for (u32 done = 0; done != (count == 32 ? 0xffffffffu : (1u << count) - 1);) {
      done |= sequence(done);
      blockSync(); // the last slab is done with
    }
    writeOut();
  }

private:
  using State = AttentionState<S, F::rows>;

  const Launch &l;
  u32 unit, token, count;
  State inSpan, total;

  static AXIOM_DEVICE u32 team() { return threadIndex() / kTeam; }
  static AXIOM_DEVICE u32 queries() { return F::queries + team() * F::queryBytes; }
  static AXIOM_DEVICE u32 weights() { return F::weights + team() * 256 * F::rows; }
  static AXIOM_DEVICE u32 rowOf(u32 r) { return team() * F::rows + r; }
  static AXIOM_DEVICE u32 tokenOf(u32 r) { return rowOf(r) / F::heads; }
  AXIOM_DEVICE u32 kvHeadIndex() const { return unit / F::unitsOfHead; }
  AXIOM_DEVICE u32 headOf(u32 r) const {
    return kvHeadIndex() * (S::heads / S::kvHeads) + unit % F::unitsOfHead * F::heads +
           rowOf(r) % F::heads;
  }
  AXIOM_DEVICE bool exists(u32 r) const {
    return tokenOf(r) < count && headOf(r) < (kvHeadIndex() + 1) * (S::heads / S::kvHeads);
  }

  /// Table offset and position of a token of the tile.
  static AXIOM_DEVICE Words2 place(u32 t) { return loadShared<Words2>(F::places + 8 * t); }

  /// The tokens of one sequence among those that are not done: all blocks that they see. Gives
  /// their bits.
  AXIOM_DEVICE u32 sequence(u32 done) {
    u32 members = 0, table = 0, first = 0xffffffffu, last = 0;
    for (u32 t = 0; t < count; ++t) {
      Words2 p = place(t);
      if (done >> t & 1 || (members != 0 && p.x != table))
        continue;
      table = p.x;
      members |= 1u << t;
      first = smaller(first, oldestOf<S>(p.y) / 64);
      last = larger(last, p.y / 64);
    }
    u32 position[F::rows];
    bool member[F::rows];
    AXIOM_UNROLL
    for (u32 r = 0; r < F::rows; ++r) {
      member[r] = exists(r) && (members >> tokenOf(r) & 1);
      position[r] = member[r] ? place(tokenOf(r)).y : 0;
    }
    using Slab = Slabs<S, F>;
    auto next = [&, block = first](const u8 *&head) mutable {
      if (block > last)
        return false;
      head = kvHead<S>(l, table, block++, kvHeadIndex()).base;
      return true;
    };
    SlabStream<S, F, decltype(next)> slabs(F::slabs, threadIndex(), next);
    u32 taken = 0; ///< the rows of which a span has begun
    AXIOM_NO_UNROLL
    for (u32 block = first; block <= last; ++block) {
      Slots slots[F::rows];
      u32 low = 64, high = 0;
      bool same = true;
      AXIOM_UNROLL
      for (u32 r = 0; r < F::rows; ++r) {
        // Rows that do not exist go the way of the first one.
        slots[r] = member[r]             ? slotsOf<S>(position[r], block)
                   : r > 0 && !exists(r) ? slots[0]
                                         : Slots{0, 0};
        same = same && slots[r].low == slots[0].low && slots[r].high == slots[0].high;
        if (slots[r].low < slots[r].high) {
          low = smaller(low, slots[r].low);
          high = larger(high, slots[r].high);
        }
      }
      State part;
      Scores<S, F> scores;
      u32 slab = 0;
      AXIOM_NO_UNROLL
      for (u32 n = 0; n < Slab::ofKeys; ++n) {
        slab = slabs.take();
        if (low < high)
          scores.add(slab, n * F::dims, queries());
      }
      AXIOM_UNROLL
      for (u32 r = 0; r < F::rows; ++r)
        part.clear(r);
      scores.weigh(part, slots, slab, true, weights());
      AXIOM_NO_UNROLL
      for (u32 n = 0; n < Slab::ofValues; ++n) {
        slab = slabs.take(); // also: the weights are there
        if (same)
          addValues<S, F, false>(part, slab, n * F::positions, low, high, slots, weights());
        else
          addValues<S, F, true>(part, slab, n * F::positions, low, high, slots, weights());
      }
      bool endsSpan = block % 4 == 3 || block == last;
      AXIOM_UNROLL
      for (u32 r = 0; r < F::rows; ++r) {
        if (slots[r].low < slots[r].high) {
          inSpan.take(part, r);
          taken |= 1u << r;
        }
        if (endsSpan && (taken >> r & 1)) {
          total.take(inSpan, r);
          inSpan.clear(r);
        }
      }
      taken = endsSpan ? 0 : taken;
    }
    return members;
  }

  AXIOM_DEVICE void writeOut() const {
    AXIOM_UNROLL
    for (u32 r = 0; r < F::rows; ++r) {
      if (!exists(r))
        continue;
      float *out = reinterpret_cast<float *>(l.args[S::kOut]) +
                   static_cast<u64>(token + tokenOf(r)) * S::outStride;
      float scale = div(1.0f, total.sum[r]);
      AXIOM_UNROLL
      for (u32 c = 0; c < State::chunks; ++c)
        AXIOM_UNROLL
      for (u32 i = 0; i < 4; ++i)
        if (u32 d = 4 * (c * kTeam + threadIndex() % kTeam) + i; d < S::headDim)
          store(out + headOf(r) * S::headDim + d, fma(total.out[r][c][i], scale, 0.0f));
      // The row's padding, behind the last head.
      if (headOf(r) == S::heads - 1)
        for (u32 d = S::heads * S::headDim + threadIndex() % kTeam; d < S::outStride; d += kTeam)
          store(out + d, 0.0f);
    }
  }
};

template <class S, class F> AXIOM_DEVICE void attentionTiles(const Launch &l) {
  u32 token = blockIndex() / F::units * F::tokens;
  if (token < tokensOf(l))
    AttentionTile<S, F>(l, blockIndex() % F::units, token).run();
}

} // namespace axiom::device

#endif
