// A few threads for work that is too long for an I/O thread: reading JSON, templates, tokenizing.
#ifndef AXIOM_RUNTIME_SERVE_CORE_WORKERS_H
#define AXIOM_RUNTIME_SERVE_CORE_WORKERS_H

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace axiom::serve {

class Workers {
public:
  /// At most `capacity` jobs wait.
  Workers(uint32_t threads, size_t capacity);
  /// Runs what waits, then joins.
  ~Workers();
  Workers(const Workers &) = delete;
  Workers &operator=(const Workers &) = delete;

  /// False when too many wait. A job must not throw.
  bool post(std::function<void()> job);

private:
  void run();

  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

} // namespace axiom::serve

#endif
