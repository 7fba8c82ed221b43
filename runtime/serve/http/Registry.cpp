#include "runtime/serve/http/Registry.h"

#include <utility>

namespace axiom::http {

void Registry::opened() {
  std::lock_guard lock(mutex_);
  ++open_;
}

void Registry::closed() {
  std::lock_guard lock(mutex_);
  --open_;
  changed_.notify_all();
}

uint64_t Registry::open() const {
  std::lock_guard lock(mutex_);
  return open_;
}

uint64_t Registry::evicting() const {
  std::lock_guard lock(mutex_);
  return evicting_;
}

void Registry::enter(Place &place, std::weak_ptr<Evictable> connection, bool fresh) {
  std::lock_guard lock(mutex_);
  auto &list = fresh ? fresh_ : idle_;
  place.at = list.insert(list.end(), {std::move(connection), &place});
  place.list = fresh ? Place::List::Fresh : Place::List::Idle;
}

void Registry::leave(Place &place) {
  std::lock_guard lock(mutex_);
  if (place.list != Place::List::None)
    (place.list == Place::List::Fresh ? fresh_ : idle_).erase(place.at);
  place.list = Place::List::None;
  if (std::exchange(place.evicted, false))
    --evicting_;
}

std::shared_ptr<Evictable> Registry::longestWaiting() {
  std::lock_guard lock(mutex_);
  for (auto *list : {&fresh_, &idle_})
    for (auto &entry : *list)
      if (auto connection = entry.connection.lock()) {
        entry.connection.reset(); // stays in the list, where its Place points, until it leaves
        entry.place->evicted = true;
        ++evicting_;
        return connection;
      }
  return nullptr;
}

void Registry::seal() {
  std::lock_guard lock(mutex_);
  sealed_ = true;
  changed_.notify_all();
}

bool Registry::waitEmpty(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return sealed_ && open_ == 0; });
}

} // namespace axiom::http
