// Which tokens of which sequences the next step computes. Integers only: no device, no tokens, no
// clock. One owner, the engine thread.
//
// A step is a transaction:
//   plan()          pure; what the step would do
//   prepare(plan)   preempts, admits, takes KV blocks
//   commit(plan)    the step has run: positions count as computed, but for those of drafts
//   rollback(plan)  the step failed: the blocks taken for it go back
//
// Rules. Sequences that wait for one more token (decode) come first, in order of place; what is
// left of the token budget goes to prompts in turns of kPrefillTurn tokens, least recently served
// first, so that a long prompt never holds up a short one. Waiting sequences are admitted strictly
// in the order of SchedulerQueue, when their known tokens fit beside those of all running ones;
// blocks that others share with them count once. When blocks run out, the running sequence with the
// last place gives its blocks back, waits, and is recomputed later, as far as they are gone; a
// sequence never preempts one with an earlier place. The first of the running ones can therefore
// always go on, places never change and new ones come with time, and since add() refuses what the
// whole pool cannot hold, every sequence ends.
//
// Drafts. A sequence that decodes may have guesses of its next tokens computed along, with what is
// left of tokens, rows and blocks. append() and accept() make them count, trim() ends that.
//
// Prefixes. A sequence whose tokens are given is admitted with the blocks that hold its first
// tokens already (PrefixCache), up to the first position that needs a row of logits, and leaves its
// own. It waits while a running one computes the very block that it would begin with; those behind
// it do not wait for that.
#ifndef AXIOM_RUNTIME_ENGINE_SCHEDULER_H
#define AXIOM_RUNTIME_ENGINE_SCHEDULER_H

#include "runtime/base/Status.h"
#include "runtime/engine/SchedulerQueue.h"
#include "runtime/kv/BlockTable.h"
#include "runtime/kv/PrefixCache.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace axiom::engine {

struct SchedulerLimits {
  uint32_t maxBatchedTokens = 512; ///< tokens of a step
  uint32_t maxSequences = 16;      ///< running at once
  uint32_t maxRows = 16;           ///< rows of logits of a step
  bool prefixCache = true;         ///< blocks are found again by what they hold
  uint32_t priorityMs = 10000;     ///< what a step of priority is worth
};

inline constexpr uint32_t kPrefillTurn = AXM_KV_BLOCK;
inline constexpr uint32_t kLeastPrefill = 16;
inline constexpr uint32_t kNoRows = UINT32_MAX;

struct SequenceSpec {
  uint32_t length = 0;         ///< known tokens, at least 1
  uint32_t limit = 0;          ///< KV positions that it can ever need, at least `length`
  uint32_t rowsFrom = kNoRows; ///< positions from here on need a row of logits
  bool samples = true;  ///< the last known position needs a row: the next token comes from it
  uint64_t key = 0;     ///< whose it is: SchedulerQueue
  int32_t priority = 0; ///< lower comes first
  uint64_t arrival = 0; ///< milliseconds, of any clock that does not go back
  /// The sequence's tokens, `length` of them at all times; null: prefixes are not shared.
  const std::vector<int32_t> *tokens = nullptr;
  PrefixSalt salt = {};
};

/// Positions [start, start + count) of one sequence; those from firstRow on need a row of logits.
/// The last `drafts` of them are guesses.
struct Slice {
  SequenceId id = 0;
  uint32_t start = 0, count = 0;
  uint32_t firstRow = 0; ///< start + count when none does
  uint32_t drafts = 0;
  bool samples = false; ///< the last known position's row gives the sequence's next token

  uint32_t known() const { return start + count - drafts; } ///< end of what is not a guess
  uint32_t end() const { return start + count; }
  uint32_t numRows() const { return end() - firstRow; }
};

struct StepPlan {
  std::vector<Slice> slices;
  std::vector<SequenceId> preempted, admitted;
  std::vector<std::vector<uint32_t>> reused; ///< of each admitted one: blocks that it finds
  uint32_t numTokens = 0, numRows = 0;

  bool empty() const { return slices.empty(); }
};

struct SchedulerCounts {
  uint32_t waiting = 0, running = 0;
  uint64_t preemptions = 0;
  uint32_t blocksUsed = 0;   ///< by sequences
  uint32_t blocksCached = 0; ///< stand for a prefix, used or not
  uint32_t blocksTotal = 0;
  uint64_t prefixQueries = 0, prefixHits = 0; ///< tokens, of sequences when first admitted
};

class Scheduler {
public:
  /// Needs maxSequences <= maxBatchedTokens and maxSequences <= maxRows, all at least 1.
  Scheduler(SchedulerLimits limits, uint32_t numBlocks);

  /// Queues a sequence; refuses one that the whole pool could not hold.
  Status add(SequenceId id, SequenceSpec spec);
  /// The sequence has one more known token.
  void append(SequenceId id);
  /// The next step may compute so many guesses behind the known tokens, once.
  void setDrafts(SequenceId id, uint32_t drafts);
  /// After commit() and append(): the guess of the appended token was right, its position counts.
  void accept(SequenceId id);
  /// After the last accept() of a step: the blocks of other guesses go back.
  void trim(SequenceId id);
  /// Most tokens of a step while sequences decode: bounds the time between their tokens. Prompts
  /// get at least kLeastPrefill of them all the same.
  void setMixedTokens(uint32_t tokens) { mixedTokens_ = tokens; }
  /// Forgets the sequence, in whatever state, and frees its blocks.
  void finish(SequenceId id);

  StepPlan plan() const;
  /// Carries out the plan's preemptions and admissions and takes its blocks. Returns the ids of the
  /// blocks taken, whose memory must be cleared before the step.
  std::vector<uint32_t> prepare(const StepPlan &plan);
  void commit(const StepPlan &plan);
  void rollback(const StepPlan &plan);
  /// Forgets all prefixes, as when the KV memory has been lost. Only while idle.
  void forgetPrefixes() { cache_.clear(); }

  std::span<const uint32_t> blocks(SequenceId id) const;
  bool idle() const { return sequences_.empty(); }
  SchedulerCounts counts() const;

  /// Empty when everything agrees (between steps); otherwise what does not. For tests.
  std::string checkInvariants() const;

private:
  struct Sequence {
    SequenceId id = 0;
    Place place;
    SequenceSpec spec;
    bool runs = false;
    bool counted = false;    ///< in prefixQueries
    uint32_t computed = 0;   ///< positions whose K and V are stored
    uint32_t highWater = 0;  ///< positions ever computed or found
    uint32_t remembered = 0; ///< blocks that stand for their prefix
    uint32_t drafts = 0;     ///< guesses that the next step may compute
    uint64_t lastServed = 0;
    BlockTable table;

    uint32_t remaining() const { return spec.length - computed; }
    /// First position at or after `from` that needs a row.
    uint32_t firstRow(uint32_t from) const;
    /// Blocks of all known tokens and one more.
    uint32_t claim() const { return blocksFor(std::min(spec.length + 1, spec.limit)); }
  };
  struct Draft;

  std::vector<uint32_t> findPrefix(const Sequence &sequence) const;
  bool underWay(const Sequence &waiting, uint32_t found, const Draft &draft) const;
  void admitWaiting(Draft &draft) const;
  void givePrompts(Draft &draft) const;
  void giveDrafts(Draft &draft) const;
  void count(Sequence &sequence, uint32_t end);

  SchedulerLimits limits_;
  PrefixCache cache_;
  std::map<SequenceId, std::unique_ptr<Sequence>> sequences_;
  SchedulerQueue queue_;
  std::map<Place, Sequence *> running_;
  uint32_t mixedTokens_ = UINT32_MAX;
  uint64_t nextSerial_ = 0, step_ = 0, preemptions_ = 0, prefixQueries_ = 0, prefixHits_ = 0;
};

} // namespace axiom::engine

#endif
