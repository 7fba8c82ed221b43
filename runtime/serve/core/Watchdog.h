// Looks at the engine while it works: a step that takes too long is told, and, if wanted, ends the
// process, so that a service manager starts it again.
#ifndef AXIOM_RUNTIME_SERVE_CORE_WATCHDOG_H
#define AXIOM_RUNTIME_SERVE_CORE_WATCHDOG_H

#include "runtime/serve/core/Log.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace axiom::serve {

/// The engine at a moment.
struct Progress {
  uint64_t stepAgeMs = 0; ///< how long the step has been running; 0: none does
  uint64_t steps = 0;     ///< done so far
  bool busy = false;      ///< there is something to do
  const char *phase = ""; ///< of the step
};

struct WatchdogSettings {
  uint64_t stepTimeoutMs = 10'000; ///< a step that takes longer is a stall
  uint64_t endAfterMs = 60'000;    ///< a stall of this length calls `end`
  std::function<void()> end;       ///< empty: stalls are only told
  std::function<void()> alive;     ///< called every `aliveMs` while nothing stalls; may be empty
  uint64_t aliveMs = 0;
  std::function<uint64_t()> clock; ///< milliseconds; empty: the system's monotonic clock
};

class Watchdog {
public:
  /// `look` is called on any thread.
  Watchdog(WatchdogSettings settings, std::function<Progress()> look, std::shared_ptr<Log> log);
  ~Watchdog();
  Watchdog(const Watchdog &) = delete;
  Watchdog &operator=(const Watchdog &) = delete;

  void start();
  /// What the thread does every now and then.
  void check();
  /// How long the engine has been at a standstill, where that is more than it may be; else 0.
  uint64_t stalledMs();
  uint64_t stalls() const { return stalls_; } ///< so far

private:
  uint64_t standstill(const Progress &now);
  void run();

  WatchdogSettings settings_;
  std::function<Progress()> look_;
  std::shared_ptr<Log> log_;
  std::atomic<uint64_t> stalls_{0};

  std::mutex mutex_;               ///< of what follows
  uint64_t steps_ = 0, since_ = 0; ///< when that many were first seen, with something to do
  bool busy_ = false;
  bool told_ = false;      ///< of the thread: this stall
  uint64_t lastAlive_ = 0; ///< of the thread
  bool stopping_ = false;
  std::condition_variable stop_;
  std::thread thread_;
};

} // namespace axiom::serve

#endif
