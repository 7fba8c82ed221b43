// How long threads were ready to run while something else had their core.
#ifndef AXIOM_RUNTIME_BASE_RUNDELAY_H
#define AXIOM_RUNTIME_BASE_RUNDELAY_H

#include <cstdint>
#include <optional>
#include <sys/types.h>
#include <vector>

namespace axiom {

/// Run delay as Linux counts it for each thread (the second number of
/// /proc/self/task/TID/schedstat; Documentation/scheduler/sched-stats.rst). Time that a hypervisor
/// takes is not in it.
class RunDelay {
public:
  /// Opens the counters of these threads of the process; where one can't be opened, read() gives
  /// nothing.
  explicit RunDelay(const std::vector<pid_t> &threads);
  ~RunDelay();
  RunDelay(const RunDelay &) = delete;
  RunDelay &operator=(const RunDelay &) = delete;

  /// Nanoseconds since the first call, of the threads and the caller's; nothing where the kernel
  /// does not tell. Another caller than last time counts from now on. Allocates nothing.
  std::optional<uint64_t> read();

private:
  struct Counter {
    pid_t thread = 0;
    int file = -1;
    uint64_t last = 0;
  };
  static void open(Counter &counter, pid_t thread);
  /// Adds what has come since the last time; false if it can't be read.
  bool add(Counter &counter);

  std::vector<Counter> counters_; ///< the first one: the caller
  uint64_t sum_ = 0;
};

} // namespace axiom

#endif
