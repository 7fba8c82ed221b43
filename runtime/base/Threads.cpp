#include "runtime/base/Threads.h"

#include "runtime/base/Cgroup.h"

#include <algorithm>
#include <climits>
#include <csignal>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

namespace axiom {

namespace {

/// Spinning covers the usual skew between threads of a phase (microseconds); longer waits sleep.
constexpr int kSpins = 2000;

inline void pauseCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void futexWait(std::atomic<uint32_t> *word, uint32_t value) {
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
  ::syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futexWakeAll(std::atomic<uint32_t> *word) {
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

/// Whole cores that the CPU quota pays for; nothing without a quota.
std::optional<uint32_t> quotaCores() {
  std::optional<uint32_t> least;
  for (const std::string &folder : cgroupFolders("cpu")) {
    std::optional<uint64_t> quota, period;
    if (auto text = readKernelFile(folder + "/cpu.max")) {
      quota = leadingNumber(*text);
      size_t space = text->find(' ');
      if (space != std::string::npos)
        period = leadingNumber(text->substr(space + 1));
    } else if (auto v1 = readKernelFile(folder + "/cpu.cfs_quota_us")) {
      quota = leadingNumber(*v1); // "-1": none
      period = leadingNumber(readKernelFile(folder + "/cpu.cfs_period_us").value_or(""));
    }
    if (!quota || !period || *period == 0)
      continue;
    uint32_t cores = static_cast<uint32_t>(std::clamp<uint64_t>(*quota / *period, 1, 1u << 16));
    least = std::min(least.value_or(cores), cores);
  }
  return least;
}

} // namespace

uint32_t usableCores() {
  uint32_t cores = 0;
  // The kernel refuses a mask that is too small for its number of cores.
  for (int bits = 1024; bits <= 1 << 16 && cores == 0; bits *= 4) {
    cpu_set_t *set = CPU_ALLOC(static_cast<size_t>(bits));
    if (!set)
      break;
    size_t size = CPU_ALLOC_SIZE(static_cast<size_t>(bits));
    if (::sched_getaffinity(0, size, set) == 0)
      cores = static_cast<uint32_t>(CPU_COUNT_S(size, set));
    CPU_FREE(set);
  }
  if (cores == 0)
    cores = std::max(1u, std::thread::hardware_concurrency());
  if (auto quota = quotaCores())
    cores = std::min(cores, *quota);
  return cores;
}

// advance() and waitWhile() each write one word and then read the other one; sequential consistency
// makes sure that at least one of the two sees the other's write, so no wake-up is lost.
void SpinWord::advance() {
  word_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0)
    futexWakeAll(&word_);
}

void SpinWord::waitWhile(uint32_t old) {
  for (int i = 0; i < kSpins; ++i) {
    if (word_.load(std::memory_order_acquire) != old)
      return;
    pauseCore();
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (word_.load(std::memory_order_seq_cst) == old)
    futexWait(&word_, old);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void Barrier::arrive() {
  uint32_t generation = generation_.load();
  // Before the arrival: behind it, the last to arrive may already resize the barrier.
  uint32_t threads = threads_;
  if (threads == 1)
    return;
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
    // Everyone else waits for the generation, so nobody arrives again before this reset is seen.
    arrived_.store(0, std::memory_order_relaxed);
    generation_.advance();
  } else {
    generation_.waitWhile(generation);
  }
}

struct ThreadTeam::Impl {
  explicit Impl(uint32_t threads) : done(threads), starts(threads - 1) {}

  /// One a worker, so that those that are not wanted sleep on.
  struct alignas(64) Start {
    SpinWord word;
    std::atomic<pid_t> id{0};
  };
  Barrier done;
  std::vector<Start> starts; ///< of worker t: [t - 1]
  Job job = nullptr;         ///< null: the team ends
  void *context = nullptr;
  std::vector<std::thread> workers;

  void work(uint32_t thread) {
    Start &start = starts[thread - 1];
    start.id = ::gettid();
    start.id.notify_all();
    for (uint32_t seen = 0;; ++seen) {
      start.word.waitWhile(seen);
      if (!job)
        return;
      job(context, thread);
      done.arrive();
    }
  }

  void start(uint32_t active) {
    for (uint32_t t = 1; t < active; ++t)
      starts[t - 1].word.advance();
  }

  void stop() {
    job = nullptr;
    start(static_cast<uint32_t>(starts.size()) + 1);
    for (std::thread &worker : workers)
      worker.join();
  }
};

ThreadTeam::ThreadTeam(uint32_t threads, std::unique_ptr<Impl> impl)
    : threads_(threads), impl_(std::move(impl)) {}

Result<std::unique_ptr<ThreadTeam>> ThreadTeam::create(uint32_t threads) {
  threads = std::max(threads, 1u);
  auto impl = std::make_unique<Impl>(threads);
  Impl *shared = impl.get();
  // Signals of the process are the application's business: they must not land on a worker.
  sigset_t block, before;
  sigfillset(&block);
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    sigdelset(&block, signal);
  pthread_sigmask(SIG_SETMASK, &block, &before);
  std::string problem;
  try {
    shared->workers.reserve(threads - 1);
    for (uint32_t t = 1; t < threads; ++t)
      shared->workers.emplace_back([shared, t] { shared->work(t); });
  } catch (const std::exception &error) {
    problem = error.what();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!problem.empty()) {
    size_t started = shared->workers.size();
    shared->stop();
    return Status(Code::Resource,
                  format("cannot start %u worker threads (%zu started): %s; use fewer threads",
                         threads - 1, started, problem.c_str()));
  }
  return std::unique_ptr<ThreadTeam>(new ThreadTeam(threads, std::move(impl)));
}

ThreadTeam::~ThreadTeam() { impl_->stop(); }

std::vector<pid_t> ThreadTeam::workerIds() const {
  std::vector<pid_t> ids;
  for (const Impl::Start &start : impl_->starts) {
    start.id.wait(0);
    ids.push_back(start.id);
  }
  return ids;
}

void ThreadTeam::run(Job job, void *context, uint32_t active) {
  active = std::clamp(active, 1u, threads_);
  impl_->job = job;
  impl_->context = context;
  impl_->done.resize(active);
  impl_->start(active);
  job(context, 0);
  impl_->done.arrive();
}

} // namespace axiom
