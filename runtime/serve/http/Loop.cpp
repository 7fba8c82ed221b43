#include "runtime/serve/http/Loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <unistd.h>

namespace axiom::http {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

namespace {

class AsioSocket final : public Socket {
public:
  AsioSocket(asio::io_context &context, int descriptor) : descriptor_(context, descriptor) {}
  ~AsioSocket() override { close(); }

  int descriptor() const override {
    return const_cast<asio::posix::stream_descriptor &>(descriptor_).native_handle();
  }
  void waitReadable(std::shared_ptr<SocketEvents> events) override {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [events = std::move(events)](const ErrorCode &error) {
                             if (error != asio::error::operation_aborted)
                               events->onReadable();
                           });
  }
  void waitWritable(std::shared_ptr<SocketEvents> events) override {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_write,
                           [events = std::move(events)](const ErrorCode &error) {
                             if (error != asio::error::operation_aborted)
                               events->onWritable();
                           });
  }
  void close() override {
    ErrorCode ignored;
    descriptor_.close(ignored);
  }

private:
  asio::posix::stream_descriptor descriptor_;
};

class AsioLoop final : public Loop, public std::enable_shared_from_this<AsioLoop> {
public:
  AsioLoop() : context_(1), guard_(context_.get_executor()) {
    // Asio takes the descriptors that it waits with at first use; they are taken here, where their
    // want can be told.
    asio::posix::stream_descriptor first(context_);
  }

  void run() override { context_.run(); }
  void release() override { guard_.reset(); }
  void post(std::function<void()> work) override { asio::post(context_, std::move(work)); }

  void after(std::chrono::milliseconds delay, std::function<void()> work) override {
    timers_.emplace_front(context_, delay);
    auto at = timers_.begin();
    at->async_wait([this, at, work = std::move(work)](const ErrorCode &error) {
      timers_.erase(at);
      if (!error)
        work();
    });
  }
  void cancelTimers() override {
    for (asio::steady_timer &timer : timers_)
      timer.cancel();
  }

  std::unique_ptr<Socket> adopt(int descriptor) override {
    try {
      return std::make_unique<AsioSocket>(context_, descriptor);
    } catch (const std::exception &) {
      ::close(descriptor);
      return nullptr;
    }
  }

private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::list<asio::steady_timer> timers_;
};

} // namespace

Result<std::shared_ptr<Loop>> Loop::create() {
  try {
    return std::shared_ptr<Loop>(std::make_shared<AsioLoop>());
  } catch (const std::exception &problem) { // no descriptor for epoll, eventfd or timerfd
    return Status(Code::Resource, std::string("an event loop cannot be made: ") + problem.what());
  }
}

} // namespace axiom::http
