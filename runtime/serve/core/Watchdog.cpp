#include "runtime/serve/core/Watchdog.h"

#include <algorithm>
#include <chrono>

namespace axiom::serve {

Watchdog::Watchdog(WatchdogSettings settings, std::function<Progress()> look,
                   std::shared_ptr<Log> log)
    : settings_(std::move(settings)), look_(std::move(look)), log_(std::move(log)) {
  if (!settings_.clock)
    settings_.clock = [] {
      auto now = std::chrono::steady_clock::now().time_since_epoch();
      return static_cast<uint64_t>(
          std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
    };
  lastAlive_ = settings_.clock();
}

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

void Watchdog::start() {
  thread_ = std::thread([this] { run(); });
}

void Watchdog::run() {
  uint64_t pause = std::clamp<uint64_t>(settings_.stepTimeoutMs / 4, 10, 250);
  if (settings_.aliveMs != 0)
    pause = std::min(pause, std::max<uint64_t>(settings_.aliveMs / 2, 1));
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, std::chrono::milliseconds(pause), [&] { return stopping_; })) {
    lock.unlock();
    check();
    lock.lock();
  }
}

/// A step that runs, or none although there is something to do: its thread is lost elsewhere.
uint64_t Watchdog::standstill(const Progress &now) {
  std::lock_guard lock(mutex_);
  uint64_t time = settings_.clock();
  if (now.steps != steps_ || !now.busy || !busy_) {
    steps_ = now.steps;
    busy_ = now.busy;
    since_ = time;
  }
  return std::max(now.stepAgeMs, now.busy ? time - since_ : 0);
}

uint64_t Watchdog::stalledMs() {
  uint64_t age = standstill(look_());
  return age > settings_.stepTimeoutMs ? age : 0;
}

void Watchdog::check() {
  Progress now = look_();
  uint64_t age = standstill(now);
  if (age <= settings_.stepTimeoutMs) {
    if (told_ && log_)
      log_->write(LogLine(Level::Warning, "the engine goes on").natural("steps", now.steps));
    told_ = false;
    if (settings_.alive && settings_.clock() - lastAlive_ >= settings_.aliveMs) {
      lastAlive_ = settings_.clock();
      settings_.alive();
    }
    return;
  }
  auto line = [&](const char *message) {
    if (log_)
      log_->write(LogLine(Level::Error, message)
                      .text("phase", now.stepAgeMs == 0 ? "between steps" : now.phase)
                      .natural("standstill_ms", age)
                      .natural("steps", now.steps));
  };
  if (!told_) {
    told_ = true;
    ++stalls_;
    line("the engine is at a standstill");
  }
  if (settings_.end && age > settings_.endAfterMs) {
    line("the engine is at a standstill for too long: this process ends");
    if (log_)
      log_->flush(500);
    settings_.end();
  }
}

} // namespace axiom::serve
