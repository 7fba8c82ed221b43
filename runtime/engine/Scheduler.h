// Which tokens of which sequences the next step computes. Integers only: no device, no tokens, no
// clock. One owner, the engine thread.
//
// A step is a transaction:
//   plan()          pure; what the step would do
//   prepare(plan)   preempts, admits, takes KV blocks
//   commit(plan)    the step has run: positions count as computed
//   rollback(plan)  the step failed: the blocks taken for it go back
//
// Rules. Sequences that wait for one more token (decode) come first, oldest first; what is left of
// the token budget goes to prompts in turns of kPrefillTurn tokens, least recently served first, so
// that a long prompt never holds up a short one. Waiting sequences are admitted strictly in order
// of arrival, when their known tokens fit beside those of all running ones. When blocks run out,
// the youngest running sequence gives all of its blocks back, waits in its old place, and is
// recomputed later; a sequence never preempts an older one. The oldest running sequence can
// therefore always go on, and since add() refuses what the whole pool cannot hold, every sequence
// ends.
#ifndef AXIOM_RUNTIME_ENGINE_SCHEDULER_H
#define AXIOM_RUNTIME_ENGINE_SCHEDULER_H

#include "runtime/base/Status.h"
#include "runtime/kv/BlockPool.h"
#include "runtime/kv/BlockTable.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace axiom::engine {

using SequenceId = uint64_t;

struct SchedulerLimits {
  uint32_t maxBatchedTokens = 512; ///< tokens of a step
  uint32_t maxSequences = 16;      ///< running at once
  uint32_t maxRows = 16;           ///< rows of logits of a step
};

inline constexpr uint32_t kPrefillTurn = AXM_KV_BLOCK;
inline constexpr uint32_t kNoRows = UINT32_MAX;

struct SequenceSpec {
  uint32_t length = 0;         ///< known tokens, at least 1
  uint32_t limit = 0;          ///< KV positions that it can ever need, at least `length`
  uint32_t rowsFrom = kNoRows; ///< positions from here on need a row of logits
  bool samples = true; ///< the last known position needs a row: the next token comes from it
};

/// Positions [start, start + count) of one sequence; those from firstRow on need a row of logits.
struct Slice {
  SequenceId id = 0;
  uint32_t start = 0, count = 0;
  uint32_t firstRow = 0; ///< start + count when none does
  bool samples = false;  ///< the last row gives the sequence's next token

  uint32_t end() const { return start + count; }
  uint32_t numRows() const { return end() - firstRow; }
};

struct StepPlan {
  std::vector<Slice> slices;
  std::vector<SequenceId> preempted, admitted;
  uint32_t numTokens = 0, numRows = 0;

  bool empty() const { return slices.empty(); }
};

struct SchedulerCounts {
  uint32_t waiting = 0, running = 0;
  uint64_t preemptions = 0;
  uint32_t blocksUsed = 0, blocksTotal = 0;
};

class Scheduler {
public:
  /// Needs maxSequences <= maxBatchedTokens and maxSequences <= maxRows, all at least 1.
  Scheduler(SchedulerLimits limits, uint32_t numBlocks);

  /// Queues a sequence; refuses one that the whole pool could not hold.
  Status add(SequenceId id, SequenceSpec spec);
  /// The sequence has one more known token.
  void append(SequenceId id);
  /// Forgets the sequence, in whatever state, and frees its blocks.
  void finish(SequenceId id);

  StepPlan plan() const;
  /// Carries out the plan's preemptions and admissions and takes its blocks. Returns the ids of the
  /// blocks taken, whose memory must be cleared before the step.
  std::vector<uint32_t> prepare(const StepPlan &plan);
  void commit(const StepPlan &plan);
  void rollback(const StepPlan &plan);

  std::span<const uint32_t> blocks(SequenceId id) const;
  bool idle() const { return sequences_.empty(); }
  SchedulerCounts counts() const;

  /// Empty when everything agrees (between steps); otherwise what does not. For tests.
  std::string checkInvariants() const;

private:
  struct Sequence {
    SequenceId id = 0;
    uint64_t arrival = 0;
    SequenceSpec spec;
    uint32_t computed = 0; ///< positions whose K and V are stored
    uint64_t lastServed = 0;
    BlockTable table;

    uint32_t remaining() const { return spec.length - computed; }
    /// First position at or after `from` that needs a row.
    uint32_t firstRow(uint32_t from) const;
  };
  struct Draft;

  SchedulerLimits limits_;
  BlockPool pool_;
  std::map<SequenceId, std::unique_ptr<Sequence>> sequences_;
  std::map<uint64_t, Sequence *> waiting_, running_; ///< by arrival
  uint64_t nextArrival_ = 0, step_ = 0, preemptions_ = 0;
};

} // namespace axiom::engine

#endif
