#include "runtime/engine/SchedulerQueue.h"

#include <algorithm>
#include <cassert>

namespace axiom::engine {

uint64_t SchedulerQueue::least() const {
  uint64_t least = UINT64_MAX;
  for (auto &[id, key] : keys_)
    if (key.alive > 0)
      least = std::min(least, key.served);
  return least == UINT64_MAX ? idleLevel_ : least;
}

uint64_t SchedulerQueue::served(uint64_t key) const {
  auto found = keys_.find(key);
  return found == keys_.end() ? 0 : found->second.served;
}

void SchedulerQueue::enter(uint64_t key) {
  Key &state = keys_[key];
  if (state.alive++ > 0)
    return;
  --state.alive; // not counted among those that are there already
  state.served = std::max(state.served, least());
  ++state.alive;
}

void SchedulerQueue::leave(uint64_t key) {
  Key &state = keys_.at(key);
  assert(state.alive > 0);
  if (--state.alive > 0)
    return;
  bool others = std::ranges::any_of(keys_, [](auto &k) { return k.second.alive > 0; });
  if (!others)
    idleLevel_ = std::max(idleLevel_, state.served);
  // A key at or below the level at which it would come back need not be known.
  uint64_t level = least();
  std::erase_if(keys_, [&](auto &k) { return k.second.alive == 0 && k.second.served <= level; });
}

void SchedulerQueue::add(uint64_t key, Place place, SequenceId id) {
  keys_.at(key).waiting[place] = id;
  ++size_;
}

void SchedulerQueue::remove(uint64_t key, Place place) {
  size_ -= keys_.at(key).waiting.erase(place);
}

SchedulerQueue::Order::Order(const SchedulerQueue &queue) {
  for (auto &[id, key] : queue.keys_)
    if (!key.waiting.empty())
      lines_.push_back({key.served, key.waiting.begin(), key.waiting.end()});
  std::make_heap(lines_.begin(), lines_.end(), later);
}

bool SchedulerQueue::Order::later(const Line &a, const Line &b) {
  return a.served != b.served ? a.served > b.served : a.next->first > b.next->first;
}

void SchedulerQueue::Order::take(uint64_t tokens) {
  std::pop_heap(lines_.begin(), lines_.end(), later);
  Line &line = lines_.back();
  line.served += tokens;
  if (++line.next == line.end)
    lines_.pop_back();
  else
    std::push_heap(lines_.begin(), lines_.end(), later);
}

} // namespace axiom::engine
