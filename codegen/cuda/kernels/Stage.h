// Pieces of the operands of a linear on their way through shared memory: groups of stripes with the
// scales of their run, and the same groups of some rows of activations. They are copied
// asynchronously, some stages ahead of their use.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_STAGE_H
#define AXIOM_CODEGEN_CUDA_KERNELS_STAGE_H

#include "codegen/cuda/kernels/Launch.h"
#include "codegen/cuda/kernels/Layout.h"

namespace axiom::device {

/// A segment of K: groups from `first` up to `end`, from byte `offset` of a stripe on.
struct Segment {
  u32 first, end, offset;
};
template <class S, class R, u32 index = 0> AXIOM_DEVICE Segment segmentOf(u32 number) {
  if constexpr (index + 1 < S::segments)
    if (number > index)
      return segmentOf<S, R, index + 1>(number);
  return {S::bounds[index] / 32, S::bounds[index + 1] / 32, R::segmentBegin[index]};
}

/// Whether every segment begins and ends at a multiple of so many groups.
template <class S, u32 groups, u32 index = 0> AXIOM_DEVICE constexpr bool aligned() {
  if constexpr (index > S::segments)
    return true;
  else
    return S::bounds[index] % (32 * groups) == 0 && aligned<S, groups, index + 1>();
}

/// Where a warp is in its part of some rows, stage by stage: the groups of a run, or of an aligned
/// part of one, that a segment has. Of `units` units (a stripe or two, and a segment; the segments
/// of a stripe beside each other) it has each step-th.
template <class S, class R, u32 groups, u32 step> struct UnitPlace {
  u32 unit, units;
  Segment s;
  u32 k;      ///< the stage's first group
  u32 offset; ///< of the stage's groups in a stripe: that of group k
  u32 scales; ///< of the scales of their run

  AXIOM_DEVICE UnitPlace(u32 first, u32 count) : unit(first), units(count) {
    s = segmentOf<S, R>(segment());
    enter();
  }
  AXIOM_DEVICE bool done() const { return unit >= units; }
  AXIOM_DEVICE u32 segment() const { return unit % S::segments; }
  AXIOM_DEVICE u32 rows() const { return unit / S::segments; }
  /// Groups of the stage.
  AXIOM_DEVICE u32 count() const {
    return aligned<S, groups>() ? groups : smaller(groups - k % groups, s.end - k);
  }
  /// The first one's place in the run, or the part of it.
  AXIOM_DEVICE u32 low() const { return aligned<S, groups>() ? 0 : k % groups; }
  /// To the next stage of the unit; whether there is one.
  AXIOM_DEVICE bool nextStage() {
    u32 end = offset + count() * R::groupBytes;
    k += count();
    bool newRun = groups == 8 || k % 8 == 0;
    scales = newRun ? end : scales;
    offset = end + (newRun ? R::runBytes : 0);
    return k < s.end;
  }
  AXIOM_DEVICE void nextUnit() {
    unit += step;
    if constexpr (step % S::segments != 0)
      s = segmentOf<S, R>(segment());
    enter();
  }
  AXIOM_DEVICE void next() {
    if (!nextStage())
      nextUnit();
  }

private:
  AXIOM_DEVICE void enter() {
    k = s.first;
    scales = s.offset;
    offset = s.offset + R::runBytes;
  }
};

/// Goes through the stages of a warp's units from `here` on, with the copies of `stages - 1` of
/// them under way: copy(place, slot) asks for what a stage needs, use(place, slot) adds it to
/// `sums`, which start from zero for each unit, end(place) comes behind the last one of a unit. The
/// stages are the warp's own, or the block's.
template <u32 stages, bool ofBlock, typename Place, u32 count, typename Copy, typename Use,
          typename End>
AXIOM_DEVICE void forStages(Place here, float (&sums)[count], Copy copy, Use use, End end) {
  Place ahead = here;
  auto copyNext = [&](u32 step) {
    if (!ahead.done()) {
      copy(ahead, step % stages);
      ahead.next();
    }
    copyCommit();
  };
  AXIOM_UNROLL
  for (u32 step = 0; step + 1 < stages; ++step)
    copyNext(step);
  u32 step = 0;
  AXIOM_NO_UNROLL
  for (; !here.done(); here.nextUnit()) {
    for (float &sum : sums)
      sum = 0.0f;
    AXIOM_NO_UNROLL
    do {
      copyWait<stages - 2>();
      // The stage is there; the one before it is done with.
      if constexpr (ofBlock)
        blockSync();
      else
        warpSync(kAllLanes);
      copyNext(step + stages - 1);
      use(here, step % stages);
      ++step;
    } while (here.nextStage());
    end(here);
  }
}

/// A warp copies `pieces` pieces of 16 bytes that lie side by side, at most `most`.
template <u32 most> AXIOM_DEVICE void copyPieces(u32 to, const u8 *from, u32 pieces) {
  to += 16 * laneIndex();
  from += 16 * laneIndex();
  AXIOM_UNROLL
  for (u32 i = 0; i < (most + kWarp - 1) / kWarp; ++i)
    if (i * kWarp + laneIndex() < pieces)
      copyAsync(to + 16 * kWarp * i, from + 16 * kWarp * i);
}

/// Activations of a linear's tokens from one on, as QRows.
template <class S> struct QuantizedRows {
  const u8 *first; ///< of that token
  u32 count;       ///< tokens from there on: at least 1

  /// Threads copy their part of the run, or part of one, of `groups` groups in which group k lies:
  /// values of `rows` tokens to rows at a pitch, pairs of scale and sum to `pairs`, at a pitch of
  /// their own. Groups come in twos, the last one of a row with what is behind it. Tokens past the
  /// last one get zeros. `thread` is the caller's number among `threads`.
  template <u32 rows, u32 groups, u32 threads, u32 rowPitch, u32 pairPitch>
  AXIOM_DEVICE void copy(u32 to, u32 pairs, u32 k, u32 thread) const {
    constexpr bool whole = S::inner % (32 * groups) == 0;
    k -= k % groups;
    u32 twos = whole ? groups / 2 : (S::inner / 32 - k + 1) / 2;
    part<rows, 2 * groups, threads, rowPitch>(to, 32 * k, 4 * twos, thread);
    part<rows, groups / 2, threads, pairPitch>(pairs, S::inner + 8 * k, twos, thread);
  }

private:
  /// Pieces of each row from byte `offset` on; of those there are `exist`.
  template <u32 rows, u32 pieces, u32 threads, u32 pitch>
  AXIOM_DEVICE void part(u32 to, u32 offset, u32 exist, u32 thread) const {
    AXIOM_UNROLL
    for (u32 i = 0; i < (rows * pieces + threads - 1) / threads; ++i) {
      u32 index = i * threads + thread, row = index / pieces, piece = index % pieces;
      if ((rows * pieces % threads == 0 || index < rows * pieces) && piece < exist)
        copyAsyncCached(to + row * pitch + 16 * piece,
                        first + static_cast<u64>(row) * S::qrowBytes + offset + 16 * piece,
                        rows == 1 || row < count);
    }
  }
};

} // namespace axiom::device

#endif
