// Cores that may be used, a barrier, and a team of persistent worker threads that sleep between
// jobs.
#ifndef AXIOM_RUNTIME_BASE_THREADS_H
#define AXIOM_RUNTIME_BASE_THREADS_H

#include "runtime/base/Status.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <sys/types.h>
#include <vector>

namespace axiom {

/// Cores of the affinity mask, capped by the CPU quota of the cgroup; at least 1.
uint32_t usableCores();

/// Waits until `word` differs from `old`: spins for a short while, then sleeps. Wake-ups that come
/// too early are handled inside.
class SpinWord {
public:
  uint32_t load() const { return word_.load(std::memory_order_acquire); }
  /// Adds 1 and wakes everyone who waits.
  void advance();
  void waitWhile(uint32_t old);

private:
  std::atomic<uint32_t> word_{0};
  std::atomic<uint32_t> sleepers_{0};
};

/// A barrier for a number of threads; usable again at once. What a thread wrote before arrive() is
/// seen by all after it.
class Barrier {
public:
  explicit Barrier(uint32_t threads) : threads_(threads) {}
  void arrive();
  /// For so many threads from now on. Called by one that has left the barrier, before others come
  /// to it again.
  void resize(uint32_t threads) { threads_ = threads; }

private:
  uint32_t threads_;
  alignas(64) std::atomic<uint32_t> arrived_{0};
  alignas(64) SpinWord generation_;
};

/// `threads` threads of which the caller of run() is number 0. The others block all signals but the
/// synchronous ones (SIGSEGV, SIGBUS, SIGFPE, SIGILL).
class ThreadTeam {
public:
  using Job = void (*)(void *context, uint32_t thread);

  static Result<std::unique_ptr<ThreadTeam>> create(uint32_t threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam &) = delete;
  ThreadTeam &operator=(const ThreadTeam &) = delete;

  uint32_t threads() const { return threads_; }
  /// Calls job(context, t) for t < threads() in parallel and returns when all have returned. The
  /// job must not throw.
  void run(Job job, void *context) { run(job, context, threads_); }
  /// The same for t < active, 1 to threads(); the others go on sleeping.
  void run(Job job, void *context, uint32_t active);
  /// The system's ids of threads 1 and up; waits until all have begun.
  std::vector<pid_t> workerIds() const;

private:
  struct Impl;
  ThreadTeam(uint32_t threads, std::unique_ptr<Impl> impl);
  uint32_t threads_;
  std::unique_ptr<Impl> impl_;
};

} // namespace axiom

#endif
