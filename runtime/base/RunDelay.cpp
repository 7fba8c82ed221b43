#include "runtime/base/RunDelay.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace axiom {

RunDelay::RunDelay(const std::vector<pid_t> &threads) : counters_(1) {
  for (pid_t thread : threads)
    open(counters_.emplace_back(), thread);
}

RunDelay::~RunDelay() {
  for (Counter &counter : counters_)
    if (counter.file >= 0)
      ::close(counter.file);
}

void RunDelay::open(Counter &counter, pid_t thread) {
  if (counter.file >= 0)
    ::close(counter.file);
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", static_cast<int>(thread));
  counter = {thread, ::open(path, O_RDONLY | O_CLOEXEC), UINT64_MAX};
}

bool RunDelay::add(Counter &counter) {
  char text[96];
  ssize_t size = counter.file < 0 ? -1 : ::pread(counter.file, text, sizeof(text) - 1, 0);
  if (size <= 0)
    return false;
  text[size] = 0;
  char *end = nullptr;
  std::strtoull(text, &end, 10); // time on a core
  if (*end != ' ')
    return false;
  uint64_t delay = std::strtoull(end, nullptr, 10);
  if (counter.last < delay)
    sum_ += delay - counter.last;
  counter.last = delay;
  return true;
}

std::optional<uint64_t> RunDelay::read() {
  if (pid_t caller = ::gettid(); counters_[0].thread != caller)
    open(counters_[0], caller);
  for (Counter &counter : counters_)
    if (!add(counter))
      return std::nullopt;
  return sum_;
}

} // namespace axiom
