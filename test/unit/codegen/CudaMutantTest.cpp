// Every mutant of the CUDA kernels (CudaMutants.h) must be killed: on the host twin some case of
// the kernel tests finds a fault or a difference, or it does not compile, end or live. The quick
// form takes a few of them, AXIOM_TEST_LONG=1 all. Those that no test can kill are listed with the
// reason why they are harmless.
#include "codegen/cuda/DeviceHeaders.h"
#include "runtime/base/Threads.h"
#include "test/unit/codegen/CudaMutants.h"
#include "test/unit/codegen/TwinKernels.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

namespace axiom::test {
namespace {

constexpr unsigned kSecondsToEnd = 600;
constexpr const char *kFolder = "codegen/cuda/kernels/";

/// A mutant that changes nothing that anyone can see. Named by its line's text, which moves less
/// than its number.
struct Harmless {
  const char *header, *source, *what, *reason;
};
constexpr Harmless kHarmless[] = {
    {"", "", "", ""},
};

const char *reasonFor(const Mutant &mutant) {
  if (mutant.what == "copyWait - 1")
    return "it waits for more copies than it must, which costs time only";
  for (const Harmless &h : kHarmless)
    if (mutant.header == h.header && mutant.source == h.source && mutant.what == h.what)
      return h.reason;
  return nullptr;
}

std::vector<Mutant> allMutants() {
  std::vector<Mutant> all;
  for (const codegen::DeviceHeader &header : codegen::deviceHeaders()) {
    std::string name = header.name;
    if (name.rfind(kFolder, 0) != 0)
      continue;
    std::vector<Mutant> some = mutantsOf(name.substr(std::string(kFolder).size()), header.text);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

/// The smallest cases that take every path through the kernels, the likeliest to show a fault
/// first.
std::vector<KernelCase> casesFor(const std::string &header) {
  std::vector<KernelCase> cases;
  bool attention = header.rfind("Attention", 0) == 0;
  bool heads = attention || header == "Kv.h" || header == "Qkv.h";
  if (!heads && header != "Tables.h")
    for (AxmFormat format : allFormats) {
      cases.push_back(plainCase(format, {{640, 72, {288, 416}}, {40, 40}}));
      cases.push_back(swiGluCase(format, true, {{160, 100}}));
      cases.push_back(headCase(format, {{160, 131}, {64, 2100, {32}}}));
    }
  if (!heads && header != "Tables.h")
    cases.push_back(swiGluCase(AXM_FORMAT_F16, false, {{160, 100}}));
  if (header == "Tables.h")
    for (AxmFormat format : allFormats)
      cases.push_back(embedCase(format));
  for (const Heads &shape : headsShapes) {
    cases.push_back(headsCase(shape));
    if (attention)
      cases.push_back(contextsCase(shape));
  }
  return cases;
}

/// What a child process says of a mutant: by its exit status.
enum Verdict { Survives = 0, Killed = 1, DoesNotCompile = 2 };

/// Of a header's text, by the first `most` of its cases.
int judge(const std::string &header, const std::vector<KernelCase> &cases, size_t most) {
  for (size_t n = 0; n < std::min(most, cases.size()); ++n) {
    const KernelCase &c = cases[n];
    std::vector<plan::KernelSpec> specs = c.specs;
    for (size_t i = 0; i < specs.size(); ++i)
      specs[i].name = "k" + std::to_string(i);
    Result<TwinKernels> kernels = TwinKernels::compile(specs, header);
    if (!kernels.ok())
      return DoesNotCompile;
    for (twin::Order order : {twin::Order::Random, twin::Order::Reverse}) {
      twin::LaunchOptions how;
      how.order = order;
      how.seed = 1;
      size_t ran = 0;
      if (!kernels->check(c, 0, 77, how, ran).empty())
        return Killed;
    }
  }
  return Survives;
}

bool isLong() { return getenv("AXIOM_TEST_LONG") != nullptr; }

/// What kills the mutants would otherwise prove nothing.
TEST(CudaMutants, UnchangedTextSurvives) {
  for (const codegen::DeviceHeader &header : codegen::deviceHeaders()) {
    std::string name = header.name;
    if (name.rfind(kFolder, 0) != 0 || mutantsOf(name, header.text).empty())
      continue;
    name = name.substr(std::string(kFolder).size());
    if (isLong() || name == "Products.h")
      EXPECT_EQ(judge(header.text, casesFor(name), isLong() ? SIZE_MAX : 1), Survives) << name;
  }
}

TEST(CudaMutants, AreKilled) {
  if (!isLong())
    GTEST_SKIP() << "hundreds of compilations: AXIOM_TEST_LONG=1 runs them";
  std::vector<Mutant> mutants = allMutants();
  ASSERT_GT(mutants.size(), 100u);
  std::map<std::string, std::vector<KernelCase>> cases;
  std::vector<size_t> chosen;
  for (size_t i = 0; i < mutants.size(); ++i)
    chosen.push_back(i);
  for (size_t i : chosen)
    if (cases[mutants[i].header].empty())
      cases[mutants[i].header] = casesFor(mutants[i].header);
  std::map<pid_t, size_t> running;
  std::map<std::string, size_t> counts;
  auto take = [&] {
    int status = 0;
    pid_t pid = wait(&status);
    ASSERT_GT(pid, 0);
    const Mutant &mutant = mutants[running.at(pid)];
    running.erase(pid);
    bool survives = WIFEXITED(status) && WEXITSTATUS(status) == Survives;
    const char *reason = reasonFor(mutant);
    ++counts[!WIFEXITED(status)                      ? "crash or do not end"
             : WEXITSTATUS(status) == DoesNotCompile ? "do not compile"
             : WEXITSTATUS(status) == Killed         ? "show a fault or a difference"
             : reason                                ? "are harmless by the list"
                                                     : "survive"];
    std::string name = mutant.header + ":" + std::to_string(mutant.line) + ": " + mutant.what +
                       " in: " + mutant.source;
    if (survives && !reason)
      ADD_FAILURE() << name << ": nothing shows it";
    if (!survives && reason)
      ADD_FAILURE() << name << ": is killed, though listed as harmless: " << reason;
  };
  size_t atOnce = std::max<size_t>(usableCores(), 1);
  for (size_t i : chosen) {
    pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      alarm(kSecondsToEnd);
      _exit(judge(mutants[i].text, cases.at(mutants[i].header), SIZE_MAX));
    }
    running[pid] = i;
    if (running.size() == atOnce)
      take();
  }
  while (!running.empty())
    take();
  std::printf("%zu of %zu mutants", chosen.size(), mutants.size());
  for (const auto &[what, count] : counts)
    std::printf("; %zu %s", count, what.c_str());
  std::printf("\n");
}

} // namespace
} // namespace axiom::test
