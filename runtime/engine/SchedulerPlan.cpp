// Scheduler::plan(): what the next step would do.
#include "runtime/engine/Scheduler.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace axiom::engine {

/// The plan in the making: what each sequence would hold and compute, without touching anything.
struct Scheduler::Draft {
  struct Entry {
    Sequence *sequence;
    std::vector<uint32_t> reused; ///< of a fresh one: blocks that it finds
    uint32_t start;               ///< positions that are there
    uint32_t held;                ///< blocks
    uint32_t take = 0;            ///< known tokens of this step
    uint32_t drafts = 0;          ///< guesses of this step
    bool out = false;             ///< preempted, or not admitted after all
    bool fresh = false;           ///< admitted by this plan

    uint32_t next() const { return start + take; }
    uint32_t remaining() const { return sequence->spec.length - next(); }
    uint32_t rows() const {
      uint32_t first = sequence->firstRow(start);
      return next() > first ? next() - first : 0;
    }
    std::span<const uint32_t> shared() const {
      return fresh ? std::span<const uint32_t>(reused) : sequence->table.blocks();
    }
  };

  const PrefixCache &cache;
  std::vector<Entry> entries; ///< in order of place
  uint32_t freeBlocks, tokens, rows;
  bool evicted = false;
  std::unordered_map<uint32_t, int32_t> change = {}; ///< of a block's owners

  void add(Sequence &sequence) {
    entries.push_back({&sequence, {}, sequence.computed, sequence.table.size()});
  }

  uint32_t owners(uint32_t block) const {
    auto found = change.find(block);
    int32_t by = found == change.end() ? 0 : found->second;
    return static_cast<uint32_t>(static_cast<int32_t>(cache.owners(block)) + by);
  }

  /// Of blocks that a sequence finds: how many nobody owns yet.
  uint32_t unowned(std::span<const uint32_t> blocks) const {
    return static_cast<uint32_t>(
        std::ranges::count_if(blocks, [&](uint32_t block) { return owners(block) == 0; }));
  }

  void admit(Sequence &sequence, std::vector<uint32_t> reused) {
    freeBlocks -= unowned(reused);
    for (uint32_t block : reused)
      ++change[block];
    auto count = static_cast<uint32_t>(reused.size());
    entries.push_back({&sequence, std::move(reused), count * AXM_KV_BLOCK, count});
    entries.back().fresh = true;
  }

  void evict(Entry &entry) {
    freeBlocks += entry.held - static_cast<uint32_t>(entry.shared().size());
    for (uint32_t block : entry.shared()) {
      --change[block];
      freeBlocks += owners(block) == 0;
    }
    tokens += entry.take;
    rows += entry.rows();
    entry.held = entry.take = 0;
    entry.out = true;
    evicted = true;
  }

  /// Gives entries[index] up to `want` more tokens, as far as tokens, rows and blocks go.
  bool extend(size_t index, uint32_t want) {
    Entry &entry = entries[index];
    want = std::min({want, tokens, entry.remaining()});
    uint32_t first = entry.sequence->firstRow(entry.next());
    if (first - entry.next() < want) // the tokens from `first` on take a row each
      want = std::min(want, first - entry.next() + rows);
    if (want == 0)
      return false;
    uint32_t needed = blocksFor(entry.next() + want);
    for (size_t j = entries.size(); j-- > index + 1 && needed > entry.held + freeBlocks;)
      if (!entries[j].out)
        evict(entries[j]);
    if (needed > entry.held + freeBlocks) {
      needed = entry.held + freeBlocks;
      want = needed * AXM_KV_BLOCK - entry.next();
      if (want == 0)
        return false;
    }
    uint32_t before = entry.rows();
    if (needed > entry.held) {
      freeBlocks -= needed - entry.held;
      entry.held = needed;
    }
    entry.take += want;
    tokens -= want;
    rows -= entry.rows() - before;
    return true;
  }
};

std::vector<uint32_t> Scheduler::findPrefix(const Sequence &sequence) const {
  const SequenceSpec &spec = sequence.spec;
  if (!limits_.prefixCache || !spec.tokens)
    return {};
  // At least one token is computed, and all whose rows are asked for.
  uint32_t most = sequence.firstRow(0);
  return cache_.match(spec.salt, std::span(*spec.tokens).first(std::min(most, spec.length - 1)));
}

/// Another one is about to compute the block that `waiting` would compute first, of the same tokens
/// and salt: one step or a few later it is found instead. So equal prompts that come together, like
/// the samples of a request, are computed once. Nobody waits for one that does not run.
bool Scheduler::underWay(const Sequence &waiting, uint32_t found, const Draft &draft) const {
  const SequenceSpec &spec = waiting.spec;
  uint32_t end = (found + 1) * AXM_KV_BLOCK;
  if (!limits_.prefixCache || !spec.tokens || end > std::min(waiting.firstRow(0), spec.length - 1))
    return false;
  auto salted = [](const SequenceSpec &s) { return s.salt ? std::string_view(*s.salt) : ""; };
  return std::ranges::any_of(draft.entries, [&](const Draft::Entry &entry) {
    const SequenceSpec &other = entry.sequence->spec;
    return !entry.out && entry.start < end && other.tokens && other.length >= end &&
           !other.salt == !spec.salt && salted(other) == salted(spec) &&
           std::equal(spec.tokens->begin(), spec.tokens->begin() + end, other.tokens->begin());
  });
}

/// Admission counts the blocks of all known tokens and one more, so that the prompts admitted can
/// be computed; only growth beyond that preempts.
void Scheduler::admitWaiting(Draft &draft) const {
  uint64_t promised = cache_.numOwned();
  for (auto &entry : draft.entries)
    promised += entry.sequence->claim() - entry.sequence->table.size();
  for (SchedulerQueue::Order order(queue_); !order.empty();) {
    if (draft.entries.size() >= limits_.maxSequences)
      break;
    Sequence &sequence = *sequences_.at(order.front());
    auto reused = findPrefix(sequence);
    auto count = static_cast<uint32_t>(reused.size());
    if (underWay(sequence, count, draft)) {
      order.take(0);
      continue;
    }
    uint64_t more = sequence.claim() - count + draft.unowned(reused);
    if (!draft.entries.empty() && promised + more > cache_.capacity())
      break;
    promised += more;
    uint32_t known = std::max(count * AXM_KV_BLOCK, sequence.highWater);
    order.take(std::max(sequence.spec.length, known) - known);
    draft.admit(sequence, std::move(reused));
  }
  std::ranges::sort(draft.entries, {}, [](auto &entry) { return entry.sequence->place; });
}

void Scheduler::givePrompts(Draft &draft) const {
  std::vector<size_t> prompts;
  for (size_t i = 0; i < draft.entries.size(); ++i) {
    auto &entry = draft.entries[i];
    if (!entry.out && entry.remaining() > 0 && (entry.remaining() > 1 || entry.fresh))
      prompts.push_back(i);
  }
  std::ranges::sort(prompts, {},
                    [&](size_t i) { return std::pair(draft.entries[i].sequence->lastServed, i); });
  for (bool progress = true; progress;) {
    progress = false;
    for (size_t i : prompts)
      if (!draft.entries[i].out)
        progress |= draft.extend(i, kPrefillTurn);
  }
}

/// Nobody gives way for a guess.
void Scheduler::giveDrafts(Draft &draft) const {
  for (auto &entry : draft.entries) {
    uint32_t drafts = entry.sequence->drafts;
    if (entry.out || entry.take == 0 || entry.remaining() > 0 || !entry.sequence->spec.samples)
      continue;
    drafts = std::min({drafts, draft.tokens, draft.rows,
                       (entry.held + draft.freeBlocks) * AXM_KV_BLOCK - entry.next()});
    uint32_t needed = std::max(blocksFor(entry.next() + drafts), entry.held);
    draft.freeBlocks -= needed - entry.held;
    entry.held = needed;
    entry.drafts = drafts;
    draft.tokens -= drafts;
    draft.rows -= drafts;
  }
}

StepPlan Scheduler::plan() const {
  Draft draft{cache_, {}, cache_.numAvailable(), limits_.maxBatchedTokens, limits_.maxRows};
  for (auto &[place, sequence] : running_)
    draft.add(*sequence);

  for (size_t i = 0; i < draft.entries.size(); ++i)
    if (!draft.entries[i].out && draft.entries[i].remaining() == 1)
      draft.extend(i, 1);
  if (uint32_t decodes = limits_.maxBatchedTokens - draft.tokens; decodes > 0) {
    uint32_t left = std::max(mixedTokens_, decodes) - decodes;
    draft.tokens = std::min(draft.tokens, std::max(left, kLeastPrefill));
  }
  if (!draft.evicted) // admitting in a step that preempts would thrash
    admitWaiting(draft);
  givePrompts(draft);
  giveDrafts(draft);

  StepPlan plan;
  for (auto &entry : draft.entries) {
    Sequence &s = *entry.sequence;
    if (entry.out) {
      if (!entry.fresh)
        plan.preempted.push_back(s.id);
      continue;
    }
    if (entry.take == 0)
      continue; // a fresh one stays in the queue, a running one keeps its blocks
    if (entry.fresh) {
      plan.admitted.push_back(s.id);
      plan.reused.push_back(std::move(entry.reused));
    }
    Slice slice{s.id, entry.start, entry.take + entry.drafts};
    slice.drafts = entry.drafts;
    slice.firstRow = std::min(s.firstRow(entry.start), slice.known());
    slice.samples = s.spec.samples && slice.known() == s.spec.length;
    plan.slices.push_back(slice);
    plan.numTokens += slice.count;
    plan.numRows += slice.numRows();
  }
  return plan;
}

} // namespace axiom::engine
