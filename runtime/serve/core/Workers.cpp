#include "runtime/serve/core/Workers.h"

#include <csignal>

namespace axiom::serve {

Workers::Workers(uint32_t threads, size_t capacity) : capacity_(capacity) {
  sigset_t all, before; // signals belong to the program's own threads
  sigfillset(&all);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (uint32_t i = 0; i < threads; ++i)
    threads_.emplace_back([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Workers::~Workers() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  news_.notify_all();
  for (std::thread &thread : threads_)
    thread.join();
}

bool Workers::post(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    if (jobs_.size() >= capacity_ || stopping_)
      return false;
    jobs_.push_back(std::move(job));
  }
  news_.notify_one();
  return true;
}

void Workers::run() {
  for (std::unique_lock lock(mutex_);;) {
    news_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty())
      return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

} // namespace axiom::serve
