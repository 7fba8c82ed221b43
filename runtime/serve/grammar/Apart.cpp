#include "runtime/serve/grammar/Apart.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <functional>
#include <poll.h>
#include <random>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace axiom::serve::grammar {
namespace {

constexpr int kTried = 48; ///< tokens

size_t ownMemory() {
  unsigned long long pages = 0;
  if (std::FILE *file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%llu", &pages) != 1)
      pages = 0;
    std::fclose(file);
  }
  return static_cast<size_t>(pages) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// A walk through the grammar: one whose masks take too long is found here, not by the engine.
Status tryMasks(const Grammar &grammar, uint32_t vocab) {
  AXIOM_ASSIGN_OR_RETURN(auto constraint, grammar.start());
  std::vector<uint32_t> mask(engine::maskWords(vocab));
  std::mt19937 random(1);
  for (int i = 0; i < kTried && !constraint->ended(); ++i) {
    AXIOM_RETURN_IF_ERROR(constraint->fill(mask));
    std::vector<int32_t> may;
    for (uint32_t t = 0; t < vocab; ++t)
      if (mask[t / 32] >> (t % 32) & 1)
        may.push_back(static_cast<int32_t>(t));
    if (may.empty())
      return {Code::InvalidArgument,
              "a text of the grammar can't go on with any token of the model"};
    AXIOM_RETURN_IF_ERROR(constraint->accept(may[random() % may.size()]));
  }
  return {};
}

void writeAll(int to, const std::string &text) {
  for (size_t at = 0; at < text.size();) {
    ssize_t done = ::write(to, text.data() + at, text.size() - at);
    if (done < 0 && errno != EINTR)
      return;
    at += done > 0 ? static_cast<size_t>(done) : 0;
  }
}

/// What the child does: makes a grammar, which is then tried, and sends it back if that is asked.
struct Task {
  std::function<Result<std::shared_ptr<const Grammar>>()> make;
  uint32_t vocab = 0;
  bool send = false;
};

/// The first byte says how it went: '+', or the error's code above 'A'.
std::string answer(const Task &task, size_t most) {
  try {
    auto grammar = task.make();
    Status status = grammar.ok() ? tryMasks(**grammar, task.vocab) : grammar.status();
    if (!status.ok())
      return static_cast<char>('A' + static_cast<int>(status.code())) + status.message();
    std::string text = "+";
    if (task.send)
      text += (*grammar)->serialized();
    if (text.size() <= most)
      return text;
  } catch (const std::exception &) {
  }
  return static_cast<char>('A' + static_cast<int>(Code::Resource)) +
         std::string("the compiled grammar is too large: make the grammar smaller");
}

[[noreturn]] void work(int to, const Task &task, const ApartLimits &limits) {
  // Connections of the server must not stay open for this process's sake.
  auto pipe = static_cast<unsigned>(to);
  if (pipe > 3)
    (void)syscall(SYS_close_range, 3u, pipe - 1, 0u);
  (void)syscall(SYS_close_range, pipe + 1, ~0u, 0u);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGPROF, SIG_DFL);
  for (int fault : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL})
    std::signal(fault, SIG_DFL);
  rlimit none{0, 0}, time{limits.cpuMs / 1000 + 2, limits.cpuMs / 1000 + 2};
  rlimit memory{ownMemory() + limits.memory, ownMemory() + limits.memory};
  setrlimit(RLIMIT_CORE, &none);
  // Not where a sandbox forbids it: no grammar is worth all memory.
  if (setrlimit(RLIMIT_CPU, &time) != 0 || setrlimit(RLIMIT_AS, &memory) != 0) {
    writeAll(to, static_cast<char>('A' + static_cast<int>(Code::Internal)) +
                     std::string("the process that compiles grammars can't be limited: setrlimit "
                                 "is forbidden here"));
    _exit(0);
  }
  itimerval timer{};
  timer.it_value = {static_cast<time_t>(limits.cpuMs / 1000),
                    static_cast<suseconds_t>(limits.cpuMs % 1000 * 1000)};
  sigset_t prof; // the server's threads block signals
  sigemptyset(&prof);
  sigaddset(&prof, SIGPROF);
  pthread_sigmask(SIG_UNBLOCK, &prof, nullptr);
  setitimer(ITIMER_PROF, &timer, nullptr);
  writeAll(to, answer(task, limits.result));
  _exit(0);
}

/// What the child writes until it ends; false when the time is over.
bool readAll(int from, std::string &out, const ApartLimits &limits) {
  using Clock = std::chrono::steady_clock;
  auto end = Clock::now() + std::chrono::milliseconds(uint64_t(limits.cpuMs) * limits.wallFactor);
  std::string piece(1 << 16, '\0');
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd wait{from, POLLIN, 0};
    int ready = left > 0 ? poll(&wait, 1, static_cast<int>(left)) : 0;
    if (ready == 0)
      return false;
    ssize_t got = ready < 0 ? -1 : ::read(from, piece.data(), piece.size());
    if (got == 0)
      return true;
    if (got < 0 && errno != EINTR)
      return false;
    if (got > 0)
      out.append(piece, 0, static_cast<size_t>(got));
    if (out.size() > limits.result + 4096)
      return false;
  }
}

/// What the child says: what it sent, or its error.
Result<std::string> apart(const Task &task, const ApartLimits &limits) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return {Code::Overloaded, "no file descriptor is left to compile a grammar: try again"};
  pid_t child = fork();
  if (child == 0)
    work(ends[1], task, limits);
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return {Code::Overloaded, "no process can be made to compile a grammar: try again"};
  }
  std::string text;
  bool whole = readAll(ends[0], text, limits);
  ::close(ends[0]);
  if (!whole)
    kill(child, SIGKILL);
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (!whole || text.empty() || !WIFEXITED(state) || WEXITSTATUS(state) != 0)
    return {Code::Resource,
            task.send
                ? format("compiling the grammar takes more than %u ms of processor time, or %zu "
                         "MiB: make it smaller, with fewer or shorter repetitions",
                         limits.cpuMs, limits.memory >> 20)
                : std::string("its grammar is damaged: reading it takes too long, or ends the "
                              "process that tries")};
  if (text[0] != '+')
    return Status(static_cast<Code>(text[0] - 'A'), text.substr(1));
  return text.substr(1);
}

} // namespace

Result<std::shared_ptr<const Grammar>> compileApart(Compiler &compiler, const CheckedEbnf &ebnf,
                                                    uint32_t vocab, const ApartLimits &limits) {
  ApartLimits own = limits;
  uint64_t perClass = std::max<uint64_t>(uint64_t(limits.wideUs) * vocab / 1000000, 1);
  uint64_t time = limits.cpuMs + std::min<uint64_t>(ebnf.wide, 1u << 20) * perClass;
  if (time > std::max(limits.mostMs, limits.cpuMs))
    return {Code::Resource,
            format("the grammar has %llu places for one of many characters (each character of a "
                   "string with a length is one); at most %llu are possible with this model's "
                   "vocabulary: make it smaller, with fewer or shorter repetitions",
                   static_cast<unsigned long long>(ebnf.wide),
                   static_cast<unsigned long long>((limits.mostMs - limits.cpuMs) / perClass))};
  own.cpuMs = static_cast<uint32_t>(time);
  Task task{[&] { return compiler.compile(ebnf.text); }, vocab, /*send=*/true};
  AXIOM_ASSIGN_OR_RETURN(std::string text, apart(task, own));
  return compiler.read(text);
}

Result<std::shared_ptr<const Grammar>> readApart(Compiler &compiler, const std::string &serialized,
                                                 uint32_t vocab, const ApartLimits &limits) {
  Task task{[&] { return compiler.read(serialized); }, vocab, /*send=*/false};
  AXIOM_RETURN_IF_ERROR(apart(task, limits).status());
  return compiler.read(serialized);
}

} // namespace axiom::serve::grammar
