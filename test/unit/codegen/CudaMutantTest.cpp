// Every mutant of the CUDA kernels (CudaMutants.h) must be killed: on the host twin some case of
// the kernel tests finds a fault or a difference, or it does not compile, end or live. The quick
// form takes the first one of each header that removes an order, AXIOM_TEST_LONG=1 all; with
// AXIOM_MUTANTS=FROM-TO those of these numbers of each header. Those that no test can kill are
// listed with the reason why they are harmless.
#include "codegen/cuda/DeviceHeaders.h"
#include "runtime/base/Threads.h"
#include "test/unit/codegen/CudaMutantCases.h"
#include "test/unit/codegen/CudaMutants.h"
#include "test/unit/codegen/TwinKernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

namespace axiom::test {
namespace {

constexpr unsigned kSecondsToEnd = 300;
constexpr const char *kFolder = "codegen/cuda/kernels/";

/// A mutant that changes nothing that anyone can see. Named by its line's text, which moves less
/// than its number.
struct Harmless {
  const char *header, *source, *what, *reason;
};
constexpr const char *kAlike = "of rows that are all alike, each is like any other";
constexpr const char *kStricter = "rows that are alike go the quick way, or the other one, which "
                                  "gives the same; this lets fewer of them go it";
constexpr const char *kNobody = "what is computed for a row that does not exist is not stored";
constexpr const char *kSame =
    "same = same && slots[r].low == slots[0].low && slots[r].high == slots[0].high;";
const std::vector<Harmless> harmless = {
    {"AttentionSpans.h", "if (threadIndex() % kTeam == 0)", "(threadIndex() % kTeam) - 1",
     "all threads of a team have a row's max and sum"},
    {"AttentionTiles.h", ": r > 0 && !exists(r) ? slots[0]", "[0] + 1", kNobody},
    {"AttentionTiles.h", ": r > 0 && !exists(r) ? slots[0]", "[0] - 1", kNobody},
    {"AttentionTiles.h", kSame, "[r] + 1", kStricter},
    {"AttentionTiles.h", kSame, "[0] + 1", kAlike},
    {"AttentionTiles.h", kSame, "[0] - 1", kStricter},
    {"AttentionTiles.h", kSame, "[r] + 1 (2)", kStricter},
    {"AttentionTiles.h", kSame, "[0] + 1 (2)", kAlike},
    {"AttentionTiles.h", kSame, "[0] - 1 (2)", kStricter},
};

const char *reasonFor(const Mutant &mutant) {
  if (mutant.what == "copyWait - 1")
    return "it waits for more copies than it must, which costs time only";
  for (const Harmless &h : harmless)
    if (mutant.header == h.header && mutant.source == h.source && mutant.what == h.what)
      return h.reason;
  return nullptr;
}

/// The kernels' headers that have mutants, without the folder: name and text.
std::map<std::string, std::string> headers() {
  std::map<std::string, std::string> result;
  for (const codegen::DeviceHeader &header : codegen::deviceHeaders()) {
    std::string name = header.name;
    if (name.rfind(kFolder, 0) != 0)
      continue;
    name = name.substr(std::string(kFolder).size());
    if (!mutantsOf(name, header.text).empty())
      result[name] = header.text;
  }
  return result;
}

std::vector<std::string> headerNames() {
  std::vector<std::string> names;
  for (const auto &[name, text] : headers())
    names.push_back(name);
  return names;
}

/// What a child process says of a mutant: by its exit status.
enum Verdict { Survives = 0, Killed = 1, DoesNotCompile = 2 };

/// Of a header's text, by the first `most` of its cases. `why`: what kills it.
Verdict judge(const std::string &text, const std::vector<MutantCase> &cases, size_t most,
              std::string &why) {
  for (size_t n = 0; n < std::min(most, cases.size()); ++n) {
    const KernelCase &c = cases[n].kernels();
    std::vector<plan::KernelSpec> specs = c.specs;
    for (size_t i = 0; i < specs.size(); ++i)
      specs[i].name = "k" + std::to_string(i);
    Result<TwinKernels> kernels = TwinKernels::compile(specs, text, cases[n].full);
    if (!kernels.ok())
      return DoesNotCompile;
    for (twin::Order order : {twin::Order::Random, twin::Order::Reverse}) {
      twin::LaunchOptions how;
      how.order = order;
      how.seed = 1;
      size_t ran = 0;
      why = kernels->check(c, 0, UINT32_MAX, how, ran);
      if (!why.empty())
        return Killed;
    }
  }
  return Survives;
}

bool isLong() { return getenv("AXIOM_TEST_LONG") != nullptr; }

/// Of a header's mutants, those that are to run.
std::vector<Mutant> chosen(const std::vector<Mutant> &mutants) {
  std::vector<Mutant> some;
  if (const char *range = getenv("AXIOM_MUTANTS")) {
    size_t from = 0, to = 0;
    EXPECT_EQ(std::sscanf(range, "%zu-%zu", &from, &to), 2) << "AXIOM_MUTANTS=FROM-TO";
    std::copy_if(mutants.begin(), mutants.end(), std::back_inserter(some),
                 [&](const Mutant &m) { return m.number >= from && m.number <= to; });
  } else if (isLong()) {
    some = mutants;
  } else {
    auto first = std::find_if(mutants.begin(), mutants.end(), [](const Mutant &m) {
      return m.kind != MutantKind::Lane && m.kind != MutantKind::Index;
    });
    if (first != mutants.end())
      some.push_back(*first);
  }
  return some;
}

/// In processes of their own, one for each core.
class Trials {
public:
  Trials(const std::vector<Mutant> &mutants, const std::vector<MutantCase> &cases)
      : mutants(mutants), cases(cases) {}

  void run() {
    for (size_t n = 0; mutants.size() > 1 && n < cases.size(); ++n)
      cases[n].kernels(); // once for all children
    size_t atOnce = std::max<size_t>(usableCores(), 1);
    for (size_t i = 0; i < mutants.size(); ++i) {
      std::fflush(stdout);
      pid_t pid = fork();
      if (pid == 0)
        child(mutants[i]);
      ASSERT_GT(pid, 0);
      running[pid] = i;
      if (running.size() == atOnce)
        take();
    }
    while (!running.empty() && !testing::Test::HasFatalFailure())
      take();
  }
  std::map<std::string, size_t> counts; ///< by verdict and by kind

private:
  const std::vector<Mutant> &mutants;
  const std::vector<MutantCase> &cases;
  std::map<pid_t, size_t> running;

  static std::string nameOf(const Mutant &m) {
    return m.header + " " + std::to_string(m.number) + ", line " + std::to_string(m.line) + ": " +
           m.what + " in: " + m.source;
  }

  [[noreturn]] void child(const Mutant &mutant) const {
    alarm(kSecondsToEnd);
    std::string why;
    Verdict verdict = judge(mutant.text, cases, SIZE_MAX, why);
    if (verdict == Killed)
      std::printf("  by %s\n", why.c_str());
    std::fflush(stdout);
    _exit(verdict);
  }

  void take() {
    int status = 0;
    pid_t pid = wait(&status);
    ASSERT_GT(pid, 0);
    const Mutant &mutant = mutants[running.at(pid)];
    running.erase(pid);
    const char *reason = reasonFor(mutant);
    std::string verdict = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "do not end"
                          : !WIFEXITED(status)                               ? "crash"
                          : WEXITSTATUS(status) == DoesNotCompile            ? "do not compile"
                          : WEXITSTATUS(status) == Killed ? "show a fault or a difference"
                          : reason                        ? "are harmless by the list"
                                                          : "survive";
    ++counts[verdict];
    ++counts[std::string("of ") + mutantKindName(mutant.kind)];
    std::printf("%s: %s\n", nameOf(mutant).c_str(), verdict.c_str());
    if (verdict == "survive")
      ADD_FAILURE() << nameOf(mutant) << ": nothing shows it";
    // With one number less a wait may ask for what there is not.
    else if (reason && verdict != "are harmless by the list" && verdict != "do not compile")
      ADD_FAILURE() << nameOf(mutant) << ": is killed, though listed as harmless: " << reason;
  }
};

class CudaMutants : public testing::TestWithParam<std::string> {};

TEST_P(CudaMutants, AreKilled) {
  const std::string text = headers().at(GetParam());
  std::vector<Mutant> all = mutantsOf(GetParam(), text), mutants = chosen(all);
  if (mutants.empty())
    GTEST_SKIP() << "no mutant of this header is in the quick form: AXIOM_TEST_LONG=1 runs all";
  std::vector<MutantCase> cases = mutantCasesFor(GetParam());
  // What kills the mutants would otherwise prove nothing. The kernel tests run all of the cases.
  std::string why;
  ASSERT_EQ(judge(text, cases, 1, why), Survives) << "unchanged: " << why;
  Trials trials(mutants, cases);
  trials.run();
  std::printf("%s: %zu of %zu mutants", GetParam().c_str(), mutants.size(), all.size());
  for (const auto &[what, count] : trials.counts)
    std::printf("; %zu %s", count, what.c_str());
  std::printf("\n");
}

INSTANTIATE_TEST_SUITE_P(Headers, CudaMutants, testing::ValuesIn(headerNames()),
                         [](const auto &param) {
                           return param.param.substr(0, param.param.find('.'));
                         });

/// A listed reason is for a mutant that exists.
TEST(CudaMutantList, IsCurrent) {
  std::vector<Mutant> all;
  for (const auto &[name, text] : headers())
    for (const Mutant &mutant : mutantsOf(name, text))
      all.push_back(mutant);
  for (const Harmless &h : harmless)
    EXPECT_EQ(std::count_if(all.begin(), all.end(),
                            [&](const Mutant &m) {
                              return m.header == h.header && m.source == h.source &&
                                     m.what == h.what;
                            }),
              1)
        << h.header << ": " << h.what << " in: " << h.source;
}

} // namespace
} // namespace axiom::test
