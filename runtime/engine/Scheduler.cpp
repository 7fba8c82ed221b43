#include "runtime/engine/Scheduler.h"

#include <algorithm>
#include <cassert>
#include <set>

namespace axiom::engine {

uint32_t Scheduler::Sequence::firstRow(uint32_t from) const {
  uint32_t first = spec.rowsFrom;
  if (spec.samples)
    first = std::min(first, spec.length - 1);
  return std::max(first, from);
}

/// The plan in the making: what each sequence would hold and compute, without touching anything.
struct Scheduler::Draft {
  struct Entry {
    Sequence *sequence;
    uint32_t held;      ///< blocks
    uint32_t take = 0;  ///< tokens of this step
    bool out = false;   ///< preempted, or not admitted after all
    bool fresh = false; ///< admitted by this plan

    uint32_t next() const { return sequence->computed + take; }
    uint32_t rows() const {
      uint32_t first = sequence->firstRow(sequence->computed);
      return next() > first ? next() - first : 0;
    }
  };
  std::vector<Entry> entries; ///< oldest first
  uint32_t freeBlocks, tokens, rows;
  bool evicted = false;

  void evict(Entry &entry) {
    freeBlocks += entry.held;
    tokens += entry.take;
    rows += entry.rows();
    entry.held = entry.take = 0;
    entry.out = true;
    evicted = true;
  }

  /// Gives entries[index] up to `want` more tokens, as far as tokens, rows and blocks go.
  bool extend(size_t index, uint32_t want) {
    Entry &entry = entries[index];
    want = std::min({want, tokens, entry.sequence->remaining() - entry.take});
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

Scheduler::Scheduler(SchedulerLimits limits, uint32_t numBlocks)
    : limits_(limits), pool_(numBlocks) {
  assert(limits.maxSequences >= 1 && limits.maxSequences <= limits.maxBatchedTokens &&
         limits.maxSequences <= limits.maxRows);
}

Status Scheduler::add(SequenceId id, SequenceSpec spec) {
  assert(spec.length >= 1 && spec.limit >= spec.length && !sequences_.count(id));
  if (blocksFor(spec.limit) > pool_.capacity())
    return {
        Code::Resource,
        format("the request needs up to %u positions = %u KV blocks, but the engine has %u "
               "blocks (%llu positions): ask for fewer tokens or give the engine more KV memory",
               spec.limit, blocksFor(spec.limit), pool_.capacity(),
               static_cast<unsigned long long>(pool_.capacity()) * AXM_KV_BLOCK)};
  auto sequence = std::make_unique<Sequence>();
  sequence->id = id;
  sequence->arrival = nextArrival_++;
  sequence->spec = spec;
  waiting_[sequence->arrival] = sequence.get();
  sequences_[id] = std::move(sequence);
  return {};
}

void Scheduler::append(SequenceId id) {
  Sequence &sequence = *sequences_.at(id);
  assert(sequence.spec.length < sequence.spec.limit);
  ++sequence.spec.length;
}

void Scheduler::finish(SequenceId id) {
  auto found = sequences_.find(id);
  if (found == sequences_.end())
    return;
  Sequence &sequence = *found->second;
  sequence.table.shrink(pool_, 0);
  waiting_.erase(sequence.arrival);
  running_.erase(sequence.arrival);
  sequences_.erase(found);
}

StepPlan Scheduler::plan() const {
  Draft draft{{}, pool_.numFree(), limits_.maxBatchedTokens, limits_.maxRows};
  for (auto &[arrival, sequence] : running_)
    draft.entries.push_back({sequence, sequence->table.size()});

  for (size_t i = 0; i < draft.entries.size(); ++i)
    if (!draft.entries[i].out && draft.entries[i].sequence->remaining() == 1)
      draft.extend(i, 1);

  // Admission counts the blocks of all known tokens and one more, so that the prompts admitted can
  // be computed; only growth beyond that preempts. Not in a step that preempts: that would thrash.
  if (!draft.evicted) {
    uint64_t promised = 0;
    auto claim = [](const Sequence &s) {
      return blocksFor(std::min(s.spec.length + 1, s.spec.limit));
    };
    for (auto &entry : draft.entries)
      promised += claim(*entry.sequence);
    for (auto &[arrival, sequence] : waiting_) {
      if (draft.entries.size() >= limits_.maxSequences ||
          (!draft.entries.empty() && promised + claim(*sequence) > pool_.capacity()))
        break;
      promised += claim(*sequence);
      draft.entries.push_back({sequence, 0});
      draft.entries.back().fresh = true;
    }
    // A preempted sequence that comes back may be older than some that run.
    std::sort(draft.entries.begin(), draft.entries.end(),
              [](auto &a, auto &b) { return a.sequence->arrival < b.sequence->arrival; });
  }

  std::vector<size_t> prompts;
  for (size_t i = 0; i < draft.entries.size(); ++i)
    if (!draft.entries[i].out && draft.entries[i].take < draft.entries[i].sequence->remaining() &&
        (draft.entries[i].sequence->remaining() > 1 || draft.entries[i].fresh))
      prompts.push_back(i);
  std::sort(prompts.begin(), prompts.end(), [&](size_t a, size_t b) {
    uint64_t servedA = draft.entries[a].sequence->lastServed;
    uint64_t servedB = draft.entries[b].sequence->lastServed;
    return servedA != servedB ? servedA < servedB : a < b;
  });
  for (bool progress = true; progress;) {
    progress = false;
    for (size_t i : prompts)
      if (!draft.entries[i].out)
        progress |= draft.extend(i, kPrefillTurn);
  }

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
    if (entry.fresh)
      plan.admitted.push_back(s.id);
    Slice slice{s.id, s.computed, entry.take, 0, false};
    slice.firstRow = std::min(s.firstRow(s.computed), slice.end());
    slice.samples = s.spec.samples && slice.end() == s.spec.length;
    plan.slices.push_back(slice);
    plan.numTokens += slice.count;
    plan.numRows += slice.numRows();
  }
  return plan;
}

std::vector<uint32_t> Scheduler::prepare(const StepPlan &plan) {
  for (SequenceId id : plan.preempted) {
    Sequence &sequence = *sequences_.at(id);
    sequence.table.shrink(pool_, 0);
    sequence.computed = 0;
    running_.erase(sequence.arrival);
    waiting_[sequence.arrival] = &sequence;
    ++preemptions_;
  }
  for (SequenceId id : plan.admitted) {
    Sequence &sequence = *sequences_.at(id);
    waiting_.erase(sequence.arrival);
    running_[sequence.arrival] = &sequence;
  }
  std::vector<uint32_t> fresh;
  for (const Slice &slice : plan.slices) {
    [[maybe_unused]] bool fits =
        sequences_.at(slice.id)->table.grow(pool_, blocksFor(slice.end()), fresh);
    assert(fits);
  }
  return fresh;
}

void Scheduler::commit(const StepPlan &plan) {
  ++step_;
  for (const Slice &slice : plan.slices) {
    Sequence &sequence = *sequences_.at(slice.id);
    sequence.computed = slice.end();
    sequence.lastServed = step_;
    if (sequence.spec.rowsFrom != kNoRows) // rows are given once, also after a preemption
      sequence.spec.rowsFrom = std::max(sequence.spec.rowsFrom, slice.end());
  }
}

void Scheduler::rollback(const StepPlan &plan) {
  for (const Slice &slice : plan.slices) {
    Sequence &sequence = *sequences_.at(slice.id);
    sequence.table.shrink(pool_, blocksFor(sequence.computed));
  }
}

std::span<const uint32_t> Scheduler::blocks(SequenceId id) const {
  return sequences_.at(id)->table.blocks();
}

SchedulerCounts Scheduler::counts() const {
  return {static_cast<uint32_t>(waiting_.size()), static_cast<uint32_t>(running_.size()),
          preemptions_, pool_.numUsed(), pool_.capacity()};
}

std::string Scheduler::checkInvariants() const {
  if (std::string problem = pool_.checkInvariants(); !problem.empty())
    return problem;
  if (waiting_.size() + running_.size() != sequences_.size())
    return format("%zu waiting + %zu running, but %zu sequences", waiting_.size(), running_.size(),
                  sequences_.size());
  if (running_.size() > limits_.maxSequences)
    return format("%zu sequences run, at most %u may", running_.size(), limits_.maxSequences);
  std::set<uint32_t> seen;
  for (auto &[id, sequence] : sequences_) {
    auto name = format("sequence %llu", static_cast<unsigned long long>(id));
    bool runs = running_.count(sequence->arrival) != 0;
    if (runs == (waiting_.count(sequence->arrival) != 0))
      return name + " is not in exactly one of the queues";
    if (!runs && (sequence->computed != 0 || sequence->table.size() != 0))
      return name + " waits but holds blocks";
    if (sequence->computed > sequence->spec.length || sequence->spec.length > sequence->spec.limit)
      return name + " has more positions than tokens";
    if (sequence->table.size() != blocksFor(sequence->computed))
      return name + format(" holds %u blocks for %u positions", sequence->table.size(),
                           sequence->computed);
    for (uint32_t block : sequence->table.blocks()) {
      if (pool_.owners(block) == 0)
        return name + format(" holds free block %u", block);
      if (!seen.insert(block).second)
        return name + format(" shares block %u", block);
    }
  }
  if (seen.size() != pool_.numUsed())
    return format("%zu blocks are held, but %u are taken", seen.size(), pool_.numUsed());
  return {};
}

} // namespace axiom::engine
