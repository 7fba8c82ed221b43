// All open connections of a server: how many, and which of them have had no whole request header
// for longest, for those have to go when there are too many.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_REGISTRY_H
#define AXIOM_RUNTIME_SERVE_HTTP_REGISTRY_H

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

namespace axiom::http {

class Evictable {
public:
  virtual ~Evictable() = default;
  /// Any thread; the connection closes soon.
  virtual void evictSoon() = 0;
};

class Registry {
public:
  struct Place;
  struct Waiting {
    std::weak_ptr<Evictable> connection;
    Place *place;
  };
  /// A connection's place among those that wait for a header.
  struct Place {
    enum class List { None, Fresh, Idle } list = List::None;
    bool evicted = false;
    std::list<Waiting>::iterator at;
  };

  void opened();
  void closed();
  uint64_t open() const;
  /// Those that longestWaiting() gave and that are not closed yet.
  uint64_t evicting() const;

  /// Fresh: has never sent a whole header. Those go first.
  void enter(Place &place, std::weak_ptr<Evictable> connection, bool fresh);
  void leave(Place &place);
  /// The one that waits longest; never the same twice. Null if none waits.
  std::shared_ptr<Evictable> longestWaiting();

  /// From now on no connection is added; waitEmpty() needs that.
  void seal();
  bool waitEmpty(std::chrono::milliseconds timeout);

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t open_ = 0, evicting_ = 0;
  bool sealed_ = false;
  std::list<Waiting> fresh_, idle_;
};

} // namespace axiom::http

#endif
