#include "runtime/base/FaultGuard.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace axiom {
namespace {

// Read by the handler without a lock: `context` is set last and cleared first.
struct Range {
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<FaultCallback> callback{nullptr};
  std::atomic<const void *> context{nullptr};
};

constexpr size_t kMaxRanges = 64;
Range ranges[kMaxRanges];
std::mutex rangesMutex;
struct sigaction previous;
bool installed = false;
uintptr_t pageSize = 4096;

void passOn(int signal, siginfo_t *info, void *frame) {
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, frame);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    struct sigaction byDefault{};
    byDefault.sa_handler = SIG_DFL;
    sigaction(signal, &byDefault, nullptr); // the instruction faults again and ends the process
  }
}

void onFault(int signal, siginfo_t *info, void *frame) {
  int savedErrno = errno;
  auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Range &range : ranges) {
    const void *context = range.context.load(std::memory_order_acquire);
    if (!context || address < range.begin.load() || address >= range.end.load())
      continue;
    void *page = reinterpret_cast<void *>(address & ~(pageSize - 1));
    void *zeros = mmap(page, pageSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (zeros == MAP_FAILED)
      break;
    range.callback.load()(context);
    errno = savedErrno;
    return;
  }
  errno = savedErrno;
  passOn(signal, info, frame);
}

} // namespace

Status addFaultGuard(std::span<const uint8_t> range, FaultCallback callback, const void *context) {
  std::lock_guard lock(rangesMutex);
  if (!installed) {
    pageSize = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action{};
    action.sa_sigaction = onFault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, &action, &previous) != 0)
      return {Code::Resource, format("can't install a SIGBUS handler: %s", std::strerror(errno))};
    installed = true;
  }
  for (Range &slot : ranges) {
    if (slot.context.load())
      continue;
    slot.begin = reinterpret_cast<uintptr_t>(range.data());
    slot.end = slot.begin + range.size();
    slot.callback = callback;
    slot.context.store(context, std::memory_order_release);
    return {};
  }
  return {Code::Resource, format("%zu mapped models are guarded already, as many as are possible; "
                                 "open this one with a copy of its weights",
                                 kMaxRanges)};
}

void removeFaultGuard(const void *context) {
  std::lock_guard lock(rangesMutex);
  for (Range &slot : ranges)
    if (slot.context.load() == context)
      slot.context.store(nullptr, std::memory_order_release);
}

} // namespace axiom
