#include "runtime/engine/Scheduler.h"

#include <algorithm>
#include <cassert>

namespace axiom::engine {

uint32_t Scheduler::Sequence::firstRow(uint32_t from) const {
  uint32_t first = spec.rowsFrom;
  if (spec.samples)
    first = std::min(first, spec.length - 1);
  return std::max(first, from);
}

Scheduler::Scheduler(SchedulerLimits limits, uint32_t numBlocks)
    : limits_(limits), cache_(numBlocks) {
  assert(limits.maxSequences >= 1 && limits.maxSequences <= limits.maxBatchedTokens &&
         limits.maxSequences <= limits.maxRows);
}

Status Scheduler::add(SequenceId id, SequenceSpec spec) {
  assert(spec.length >= 1 && spec.limit >= spec.length && !sequences_.count(id));
  if (blocksFor(spec.limit) > cache_.capacity())
    return {
        Code::Resource,
        format("the request needs up to %u positions = %u KV blocks, but the engine has %u "
               "blocks (%llu positions): ask for fewer tokens or give the engine more KV memory",
               spec.limit, blocksFor(spec.limit), cache_.capacity(),
               static_cast<unsigned long long>(cache_.capacity()) * AXM_KV_BLOCK)};
  auto sequence = std::make_unique<Sequence>();
  sequence->id = id;
  sequence->place = {static_cast<int64_t>(spec.arrival) +
                         int64_t(spec.priority) * limits_.priorityMs,
                     nextSerial_++};
  queue_.enter(spec.key);
  queue_.add(spec.key, sequence->place, id);
  sequence->spec = std::move(spec);
  sequences_[id] = std::move(sequence);
  return {};
}

void Scheduler::append(SequenceId id) {
  Sequence &sequence = *sequences_.at(id);
  assert(sequence.spec.length < sequence.spec.limit);
  ++sequence.spec.length;
}

void Scheduler::setDrafts(SequenceId id, uint32_t drafts) {
  Sequence &sequence = *sequences_.at(id);
  sequence.drafts = std::min(drafts, sequence.spec.limit - sequence.spec.length);
}

void Scheduler::accept(SequenceId id) {
  Sequence &sequence = *sequences_.at(id);
  assert(sequence.runs && sequence.computed < sequence.spec.length &&
         sequence.table.size() >= blocksFor(sequence.computed + 1));
  queue_.charge(sequence.spec.key, 2);
  count(sequence, sequence.computed + 1);
}

void Scheduler::trim(SequenceId id) {
  Sequence &sequence = *sequences_.at(id);
  sequence.table.shrink(cache_, blocksFor(sequence.computed));
}

void Scheduler::finish(SequenceId id) {
  auto found = sequences_.find(id);
  if (found == sequences_.end())
    return;
  Sequence &sequence = *found->second;
  sequence.table.shrink(cache_, 0);
  if (sequence.runs)
    running_.erase(sequence.place);
  else
    queue_.remove(sequence.spec.key, sequence.place);
  queue_.leave(sequence.spec.key);
  sequences_.erase(found);
}

std::vector<uint32_t> Scheduler::prepare(const StepPlan &plan) {
  for (SequenceId id : plan.preempted) {
    Sequence &sequence = *sequences_.at(id);
    sequence.table.shrink(cache_, 0);
    sequence.computed = sequence.remembered = 0;
    sequence.runs = false;
    running_.erase(sequence.place);
    queue_.add(sequence.spec.key, sequence.place, id);
    ++preemptions_;
  }
  for (size_t i = 0; i < plan.admitted.size(); ++i) {
    Sequence &sequence = *sequences_.at(plan.admitted[i]);
    queue_.remove(sequence.spec.key, sequence.place);
    sequence.runs = true;
    running_[sequence.place] = &sequence;
    // Before any block is taken: a block that is kept for nobody could be the one to go.
    sequence.table.share(cache_, plan.reused[i]);
    sequence.remembered = sequence.table.size();
    sequence.computed = sequence.remembered * AXM_KV_BLOCK;
    sequence.highWater = std::max(sequence.highWater, sequence.computed);
    if (limits_.prefixCache && sequence.spec.tokens && !sequence.counted) {
      sequence.counted = true;
      prefixQueries_ += sequence.spec.length;
      prefixHits_ += sequence.computed;
    }
  }
  std::vector<uint32_t> fresh;
  for (const Slice &slice : plan.slices) {
    [[maybe_unused]] bool fits =
        sequences_.at(slice.id)->table.grow(cache_, blocksFor(slice.end()), fresh);
    assert(fits);
  }
  return fresh;
}

/// Positions up to `end` are computed.
void Scheduler::count(Sequence &sequence, uint32_t end) {
  SequenceSpec &spec = sequence.spec;
  sequence.computed = end;
  sequence.highWater = std::max(sequence.highWater, end);
  if (spec.rowsFrom != kNoRows) // rows are given once, also after a preemption
    spec.rowsFrom = std::max(spec.rowsFrom, end);
  if (!limits_.prefixCache || !spec.tokens)
    return;
  for (uint32_t &i = sequence.remembered; i < end / AXM_KV_BLOCK; ++i)
    sequence.table.remember(
        cache_, i, spec.salt,
        std::span(*spec.tokens).subspan(uint64_t(i) * AXM_KV_BLOCK, AXM_KV_BLOCK));
}

void Scheduler::commit(const StepPlan &plan) {
  ++step_;
  for (const Slice &slice : plan.slices) {
    Sequence &sequence = *sequences_.at(slice.id);
    uint32_t end = slice.known();
    queue_.charge(sequence.spec.key,
                  end - std::clamp(sequence.highWater, slice.start, end) + slice.samples);
    sequence.lastServed = step_;
    sequence.drafts = 0;
    count(sequence, end);
  }
}

void Scheduler::rollback(const StepPlan &plan) {
  for (const Slice &slice : plan.slices) {
    Sequence &sequence = *sequences_.at(slice.id);
    sequence.table.shrink(cache_, blocksFor(sequence.computed));
  }
}

std::span<const uint32_t> Scheduler::blocks(SequenceId id) const {
  return sequences_.at(id)->table.blocks();
}

SchedulerCounts Scheduler::counts() const {
  SchedulerCounts counts;
  counts.waiting = static_cast<uint32_t>(queue_.size());
  counts.running = static_cast<uint32_t>(running_.size());
  counts.preemptions = preemptions_;
  counts.blocksUsed = cache_.numOwned();
  counts.blocksCached = cache_.numCached();
  counts.blocksTotal = cache_.capacity();
  counts.prefixQueries = prefixQueries_;
  counts.prefixHits = prefixHits_;
  return counts;
}

std::string Scheduler::checkInvariants() const {
  if (std::string problem = cache_.checkInvariants(); !problem.empty())
    return problem;
  if (queue_.size() + running_.size() != sequences_.size())
    return format("%zu waiting + %zu running, but %zu sequences", queue_.size(), running_.size(),
                  sequences_.size());
  if (running_.size() > limits_.maxSequences)
    return format("%zu sequences run, at most %u may", running_.size(), limits_.maxSequences);
  std::map<uint32_t, uint32_t> owners;
  for (auto &[id, sequence] : sequences_) {
    auto name = format("sequence %llu", static_cast<unsigned long long>(id));
    if (sequence->runs != (running_.count(sequence->place) != 0))
      return name + " is not in exactly one of the queues";
    if (!sequence->runs && (sequence->computed != 0 || sequence->table.size() != 0))
      return name + " waits but holds blocks";
    if (sequence->computed > sequence->spec.length || sequence->spec.length > sequence->spec.limit)
      return name + " has more positions than tokens";
    if (sequence->table.size() != blocksFor(sequence->computed))
      return name + format(" holds %u blocks for %u positions", sequence->table.size(),
                           sequence->computed);
    for (uint32_t i = 0; i < sequence->table.size(); ++i) {
      uint32_t block = sequence->table.blocks()[i];
      if (i < sequence->remembered && !cache_.isCached(block))
        return name + format(": block %u stands for no prefix", block);
      if (++owners[block] > 1 && i >= sequence->remembered)
        return name + format(" shares block %u, which is not full", block);
    }
  }
  for (auto &[block, count] : owners)
    if (cache_.owners(block) != count)
      return format("block %u has %u owners, but %u sequences hold it", block, cache_.owners(block),
                    count);
  if (owners.size() != cache_.numOwned())
    return format("%zu blocks are held, but %u are taken", owners.size(), cache_.numOwned());
  return {};
}

} // namespace axiom::engine
