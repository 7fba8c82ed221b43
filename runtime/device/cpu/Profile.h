// Where the time of steps goes: per task of the plan, and at barriers. Used by axiom-bench
// --profile.
#ifndef AXIOM_RUNTIME_DEVICE_CPU_PROFILE_H
#define AXIOM_RUNTIME_DEVICE_CPU_PROFILE_H

#include "runtime/artifact/Program.h"

#include <cstdint>
#include <vector>

namespace axiom {

/// Sums over the steps since profiling was switched on, in nanoseconds, each over all threads
/// unless it says otherwise; so dispatch, busy, wait and hooks together are threads * total. All
/// repetitions of a phase count as one.
struct StepProfile {
  /// One phase of the plan.
  struct Phase {
    uint32_t repeat = 0, phase = 0; ///< where in the plan
    std::vector<uint64_t> busy;     ///< per task, in kernels and their prologues
    uint64_t wait = 0;              ///< from a thread's last kernel to the end of the barrier
    uint64_t skew = 0; ///< longest less shortest wait of the threads, summed over the barriers
  };
  uint32_t threads = 0;
  uint64_t steps = 0;
  uint64_t total = 0;    ///< of the calling thread, in the plan's execution
  uint64_t dispatch = 0; ///< until a thread begins its first phase
  uint64_t hooks = 0;    ///< in the layer hook, and waiting for it
  std::vector<Phase> phases;

  uint64_t busy() const;
  uint64_t wait() const;
  /// Another profile of the same program and number of threads; an empty one takes it as it is.
  StepProfile &operator+=(const StepProfile &other);
};

/// Collects a StepProfile. Each thread writes its own marks; thread 0 adds them up after a step.
/// Only the constructor allocates.
class Profiler {
public:
  Profiler(const LoadedProgram &program, uint32_t threads);

  /// Thread 0, before the other threads are woken and after the last has ended.
  void beginStep();
  void endStep();

  /// Thread `t`: it begins to walk the phases; it has run launch `launch` (numbered with all
  /// repetitions written out); it has left the barrier after phase `phase` (numbered likewise), or
  /// the layer hook after it.
  void begin(uint32_t t) {
    Marks &m = marks_[t];
    m.last = m.begin = now();
  }
  void ran(uint32_t t, size_t launch) { marks_[t].busy[launch] += sinceMark(t); }
  void waited(uint32_t t, size_t phase) { marks_[t].wait[phase] += sinceMark(t); }
  void hooked(uint32_t t) { marks_[t].hooks += sinceMark(t); }

  const StepProfile &profile() const { return profile_; }

private:
  /// Of one step.
  struct alignas(64) Marks {
    uint64_t begin = 0, last = 0, hooks = 0;
    std::vector<uint64_t> busy; ///< per launch
    std::vector<uint64_t> wait; ///< per phase
  };
  /// Where a launch or a phase with its repetitions written out counts.
  struct Place {
    uint32_t phase, task;
  };

  static uint64_t now();
  uint64_t sinceMark(uint32_t t) {
    uint64_t before = marks_[t].last, time = now();
    marks_[t].last = time;
    return time - before;
  }

  std::vector<Marks> marks_;
  std::vector<Place> launches_;
  std::vector<uint32_t> phases_;
  uint64_t start_ = 0;
  StepProfile profile_;
};

} // namespace axiom

#endif
