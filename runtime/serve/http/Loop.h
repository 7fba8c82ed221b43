// The event loop of one I/O thread, over Boost.Asio: descriptors that become ready, timers, and
// work from other threads. This is the only user of Asio's I/O.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_LOOP_H
#define AXIOM_RUNTIME_SERVE_HTTP_LOOP_H

#include "runtime/base/Status.h"

#include <chrono>
#include <functional>
#include <memory>

namespace axiom::http {

/// Called on the loop's thread.
class SocketEvents {
public:
  virtual ~SocketEvents() = default;
  virtual void onReadable() = 0;
  virtual void onWritable() = 0;
};

/// A descriptor that a loop watches and owns. All members on the loop's thread.
class Socket {
public:
  virtual ~Socket() = default;
  virtual int descriptor() const = 0;
  /// One call of the event, also for errors of the descriptor; none after close(). `events` lives
  /// until then.
  virtual void waitReadable(std::shared_ptr<SocketEvents> events) = 0;
  virtual void waitWritable(std::shared_ptr<SocketEvents> events) = 0;
  virtual void close() = 0;
};

class Loop {
public:
  static Result<std::shared_ptr<Loop>> create();
  virtual ~Loop() = default;

  /// The thread's body: returns after release(), when nothing is left to wait for.
  virtual void run() = 0;
  virtual void release() = 0;
  /// Any thread: `work` runs on the loop's thread, never within this call.
  virtual void post(std::function<void()> work) = 0;
  /// The loop's thread: `work` runs once after `delay`; forgotten by cancelTimers().
  virtual void after(std::chrono::milliseconds delay, std::function<void()> work) = 0;
  virtual void cancelTimers() = 0;
  /// The loop's thread. Null if the descriptor cannot be watched: it is closed then.
  virtual std::unique_ptr<Socket> adopt(int descriptor) = 0;
};

} // namespace axiom::http

#endif
