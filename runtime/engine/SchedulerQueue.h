// Who waits, and who is next: fair between keys (the clients, as the caller tells them apart), in
// order of rank within a key.
//
// Between keys: the one that has been served least comes first, counted in tokens; a key that comes
// back after a pause starts at the least of those that are there, so that it can't save up (the
// virtual token counter of Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024).
// Within a key: by rank = arrival + priority * a fixed time. It never changes, so a priority is a
// head start or a delay of so much time, and nobody waits for ever behind those that come later.
#ifndef AXIOM_RUNTIME_ENGINE_SCHEDULERQUEUE_H
#define AXIOM_RUNTIME_ENGINE_SCHEDULERQUEUE_H

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace axiom::engine {

using SequenceId = uint64_t;

/// A place in the order of all sequences; the lower one comes first.
struct Place {
  int64_t rank = 0;    ///< milliseconds
  uint64_t serial = 0; ///< order of arrival

  auto operator<=>(const Place &) const = default;
};

class SchedulerQueue {
public:
  /// A sequence of `key` begins to exist, waiting or running.
  void enter(uint64_t key);
  void leave(uint64_t key);
  /// `tokens` have been computed for `key`.
  void charge(uint64_t key, uint64_t tokens) { keys_.at(key).served += tokens; }

  void add(uint64_t key, Place place, SequenceId id);
  void remove(uint64_t key, Place place);
  std::size_t size() const { return size_; }
  std::size_t numKeys() const { return keys_.size(); }
  uint64_t served(uint64_t key) const;

  /// The order in which those that wait would be taken. Valid while the queue does not change.
  class Order {
  public:
    explicit Order(const SchedulerQueue &queue);
    bool empty() const { return lines_.empty(); }
    SequenceId front() const { return lines_.front().next->second; }
    /// Goes on to the next one, the first being charged with `tokens`.
    void take(uint64_t tokens);

  private:
    using Waiting = std::map<Place, SequenceId>;
    struct Line {
      uint64_t served;
      Waiting::const_iterator next, end;
    };
    static bool later(const Line &a, const Line &b);
    std::vector<Line> lines_; ///< a heap
  };

private:
  struct Key {
    uint64_t served = 0;
    uint32_t alive = 0;
    std::map<Place, SequenceId> waiting;
  };
  /// The least served of the keys that are there.
  uint64_t least() const;

  std::map<uint64_t, Key> keys_;
  uint64_t idleLevel_ = 0; ///< what the last key had when it left
  std::size_t size_ = 0;
};

} // namespace axiom::engine

#endif
