// Lets temporary files outlive a signal that ends the program for long enough to be removed.
#ifndef AXIOM_CODEGEN_SIGNALHOLD_H
#define AXIOM_CODEGEN_SIGNALHOLD_H

#include <atomic>
#include <csignal>
#include <unistd.h>

namespace axiom {

/// While one exists on any thread, endOrDefer() ends the program only when the last one is gone.
class SignalHold {
public:
  SignalHold() { held_.fetch_add(1); }
  ~SignalHold() {
    if (held_.fetch_sub(1) == 1)
      endIfDeferred();
  }
  SignalHold(const SignalHold &) = delete;
  SignalHold &operator=(const SignalHold &) = delete;

  /// Ends the program as the signal does by itself; the second call does not wait.
  /// Async-signal-safe.
  static void endOrDefer(int number) {
    if (deferred_.exchange(number) != 0 || held_.load() == 0)
      endIfDeferred();
  }

private:
  static void endIfDeferred() {
    int number = deferred_.exchange(0);
    if (number == 0)
      return;
    signal(number, SIG_DFL);
    // To the process, whose other threads may block it.
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    kill(getpid(), number);
    pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  }

  inline static std::atomic<int> held_{0}, deferred_{0};
};

} // namespace axiom

#endif
