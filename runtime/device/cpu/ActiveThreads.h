// How many threads of a team work in the next step: fewer while other processes hold cores.
#ifndef AXIOM_RUNTIME_DEVICE_CPU_ACTIVETHREADS_H
#define AXIOM_RUNTIME_DEVICE_CPU_ACTIVETHREADS_H

#include <algorithm>
#include <cstdint>

namespace axiom {

/// A phase takes as long as its slowest thread, and a thread that shares its core with another
/// process stands still for milliseconds: on two cores of which one is taken, two threads reach a
/// fifth of their speed and one reaches 60 %. So time is cut into windows, and after one in which
/// threads waited for a core, as many fewer work as waited on average. All are tried again after a
/// while, less often each time that this was in vain.
///
/// Given times, and tells counts; it knows no clock. Results do not depend on it.
class ActiveThreads {
public:
  static constexpr uint64_t kWindow = 10'000'000;     ///< ns of steps
  static constexpr uint64_t kFirstRest = 100'000'000; ///< ns of steps until all are tried again
  static constexpr uint64_t kLastRest = 1'600'000'000;

  explicit ActiveThreads(uint32_t threads) : threads_(threads), active_(threads) {}

  uint32_t count() const { return active_; }

  /// A step took `ns`; true if a window ends with it, which closeWindow() then judges.
  bool addStep(uint64_t ns) {
    window_ += ns;
    return window_ >= kWindow;
  }

  /// `delay`: ns for which threads of the team waited for a core in this window, together.
  void closeWindow(uint64_t delay) {
    double waiting = static_cast<double>(delay) / static_cast<double>(window_);
    rest_ -= std::min(rest_, window_);
    window_ = 0;
    bool all = active_ == threads_;
    if (active_ > 1 && waiting > tolerated()) {
      if (all)
        pause_ = std::clamp(2 * pause_, kFirstRest, kLastRest);
      rest_ = pause_;
      uint32_t fewer = static_cast<uint32_t>(std::max(1.0, waiting + 0.5));
      active_ -= std::min(fewer, active_ - 1);
    } else if (all) {
      pause_ = 0;
    } else if (rest_ == 0) {
      active_ = threads_;
    }
  }

private:
  /// What a thread less costs is one part in active_; waiting costs more than its share, since all
  /// wait for the one.
  double tolerated() const { return std::max(0.05, 0.5 / active_); }

  uint32_t threads_, active_;
  uint64_t window_ = 0; ///< ns in it so far
  uint64_t rest_ = 0;   ///< ns until all are tried again
  uint64_t pause_ = 0;  ///< the last rest's length; 0 after a window in which all worked well
};

} // namespace axiom

#endif
