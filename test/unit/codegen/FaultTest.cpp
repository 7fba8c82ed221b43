// Faults seeded in the emitted kernels: the kernel tests must report them. A case of KernelCases.h
// runs as in those tests, against the interpreter, but with one fault in its module.
//
// An emitter's fault is in every function that the same lines of the emitter made, so functions
// that differ only in sizes and strides count once, and one case that has such a function must
// report it. All places of all functions are in question (Faults.h). Where no input can show a
// fault, a rule says why (HarmlessFaults.cpp). What this does not plant: faults in addresses and
// counts, which are crashes, and more than one at a time.
#include "codegen/cpu/Level.h"
#include "runtime/artifact/IsaLevel.h"
#include "test/unit/codegen/Faults.h"
#include "test/unit/codegen/KernelCases.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"

#include "llvm/Support/raw_ostream.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace axiom::test {

void PrintTo(Fault fault, std::ostream *out) { *out << faultName(fault); }

namespace {

/// A case for every path through the emitters. One more shape of heads, with a window of a single
/// position, is left to the kernel tests: its softmax is exp(0) = 1 and nearly nothing can be
/// wrong.
std::vector<KernelCase> firstLevelCases() {
  std::vector<KernelCase> cases;
  cases.push_back(chosenLogitsCase());
  cases.push_back(infiniteLogitsCase());
  for (AxmFormat format : allFormats) {
    cases.push_back(headCase(format, {{160, 131}, {64, 2100, {32}}}));
    for (bool quantizeOut : {false, true})
      cases.push_back(swiGluCase(format, quantizeOut, {{160, 100}}));
    cases.push_back(embedCase(format));
  }
  for (const Heads &heads : headsShapes)
    if (heads.window != 1) {
      cases.push_back(headsCase(heads));
      cases.push_back(contextsCase(heads));
    }
  return cases;
}

std::string kindOf(const plan::KernelSpec &spec) {
  static const char *const kinds[] = {"embed", "angles", "linear", "attention"};
  static const char *const epilogues[] = {"store", "residual", "qkv", "swiglu", "head"};
  return spec.kind == plan::KernelKind::Linear ? epilogues[static_cast<int>(spec.epilogue)]
                                               : kinds[static_cast<int>(spec.kind)];
}

/// The linears, which each kind of dot instruction emits in its own way, for the best level of each
/// kind. The rest for the first level. A level whose instructions this CPU lacks takes plain
/// arithmetic for them.
struct LeveledCase {
  std::string level;
  KernelCase kernels;
};

std::vector<LeveledCase> allCases() {
  std::vector<LeveledCase> all;
  const std::vector<Shape> shapes = {
      {40, 40}, {640, 72, {288, 416}}, {771, 72, {64, 192, 288, 416, 704}}};
  std::map<std::pair<codegen::DotKind, bool>, std::string> best;
  for (const codegen::CpuLevel &level : codegen::levels())
    best[{level.dot, level.tiles}] = level.name;
  for (const auto &[kind, name] : best) {
    const IsaLevel *level = findIsaLevel(name);
    bool first = all.empty(), runs = level && level->missing() == 0;
    for (AxmFormat format : allFormats)
      all.push_back({runs ? name : name + "+plain", plainCase(format, shapes)});
    if (first)
      for (KernelCase &each : firstLevelCases())
        all.push_back({name, std::move(each)});
  }
  return all;
}

/// One function of one kernel's module.
struct Site {
  const LeveledCase *owner;
  size_t kernel;
  std::string function;
};

/// A fault of the emitters.
struct Target {
  Fault fault;
  size_t index;               ///< among the function's places
  std::vector<Site> sites;    ///< where a difference is expected, in one of them
  std::vector<Site> harmless; ///< where none can be, by `rule`
  const char *rule = nullptr;
};

/// What the lines of the emitters decide of a function: its ops, their types and constants, without
/// the sizes and strides (i64) and the names of called functions.
std::string fingerprint(mlir::func::FuncOp function) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  std::map<const void *, std::string> types;
  auto write = [&](mlir::Type type) {
    std::string &name = types[type.getAsOpaquePointer()];
    if (name.empty())
      llvm::raw_string_ostream(name) << type;
    stream << ' ' << name;
  };
  function.walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation *op) {
    stream << op->getName();
    for (mlir::Value operand : op->getOperands())
      write(operand.getType());
    for (mlir::Value result : op->getResults())
      write(result.getType());
    auto constant = mlir::dyn_cast<mlir::arith::ConstantOp>(op);
    if (constant && !constant.getType().isInteger(64))
      stream << constant.getValue();
    else if (auto compare = mlir::dyn_cast<mlir::arith::CmpIOp>(op))
      stream << static_cast<int>(compare.getPredicate());
    else if (auto compare = mlir::dyn_cast<mlir::arith::CmpFOp>(op))
      stream << static_cast<int>(compare.getPredicate());
    else if (auto shuffle = mlir::dyn_cast<mlir::vector::ShuffleOp>(op))
      for (int64_t lane : shuffle.getMask())
        stream << ' ' << lane;
    stream << '\n';
  });
  return text;
}

class Targets {
public:
  explicit Targets(const std::vector<LeveledCase> &cases) {
    for (const LeveledCase &owner : cases)
      for (size_t kernel = 0; kernel < owner.kernels.specs.size(); ++kernel)
        KernelImage(
            {owner.kernels.specs[kernel]},
            [&](mlir::ModuleOp module) {
              for (auto function : module.getOps<mlir::func::FuncOp>()) {
                addFunction(function, {&owner, kernel, function.getName().str()});
                makeEmpty(function); // nobody runs this image
              }
            },
            owner.level);
  }

  std::vector<Target> list;

private:
  std::map<std::string, size_t> known; ///< by fingerprint: the first index in `list`

  void addFunction(mlir::func::FuncOp function, const Site &site) {
    auto [entry, fresh] = known.try_emplace(fingerprint(function), list.size());
    size_t at = entry->second;
    for (Fault fault : allFaults) {
      std::vector<Place> places = placesOf(function, fault);
      for (size_t i = 0; i < places.size(); ++i, ++at) {
        if (fresh)
          list.push_back({fault, i, {}, {}});
        const char *rule = harmlessRule(places[i]);
        (rule ? list[at].harmless : list[at].sites).push_back(site);
        if (rule)
          list[at].rule = rule;
      }
    }
  }

  static void makeEmpty(mlir::func::FuncOp function) {
    function.getBody().dropAllReferences();
    function.getBody().getBlocks().clear();
    mlir::OpBuilder b(function.getContext());
    b.setInsertionPointToStart(function.addEntryBlock());
    mlir::func::ReturnOp::create(b, function.getLoc());
  }
};

struct Answer {
  std::string where, said; ///< the fault; the first difference, or nothing
};

/// What a process of inProcesses is at, where its parent can read it.
struct Progress {
  size_t number;
  bool harmless; ///< by a rule: it may not crash either
  char place[512];
};
Progress *progress = nullptr;

Answer check(const Target &target, const std::vector<Site> &sites, bool harmless = false) {
  Answer answer;
  if (progress)
    progress->harmless = harmless;
  for (const Site &site : sites) {
    answer.said = site.owner->kernels.check(
        [&](mlir::ModuleOp module) {
          auto function = module.lookupSymbol<mlir::func::FuncOp>(site.function);
          Place place = placesOf(function, target.fault)[target.index];
          answer.where =
              site.owner->level + ", " + site.owner->kernels.name + ", " + describe(place);
          if (progress)
            std::snprintf(progress->place, sizeof progress->place, "%s", answer.where.c_str());
          plant(place);
        },
        site.kernel, site.owner->level);
    if (!answer.said.empty())
      break;
  }
  return answer;
}

/// what(0), what(1), ... of `count`, in one process per core: the linker of the images does not
/// bear threads. An empty text is good. A fault may crash its process: the operands lie flush
/// against inaccessible pages, so that is how a test reports an access out of bounds, and a tile
/// instruction on a tile of another shape is illegal. The crash is named and the next process goes
/// on behind it.
void inProcesses(size_t count, const std::function<std::string(size_t)> &what) {
  unsigned processes = std::max(1u, std::thread::hardware_concurrency());
  size_t bytes = processes * sizeof(Progress);
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto *at = static_cast<Progress *>(memory);
  std::vector<std::FILE *> results;
  std::vector<pid_t> children(processes);
  auto start = [&](unsigned p, size_t first) {
    std::fflush(stdout);
    std::fflush(results[p]);
    children[p] = fork();
    if (children[p] != 0)
      return;
    progress = &at[p];
    for (size_t i = first; i < count; i += processes) {
      progress->number = i;
      std::string text = what(i);
      if (!text.empty()) {
        std::fprintf(results[p], "%s\n", text.c_str());
        std::fflush(results[p]);
      }
    }
    _exit(0);
  };
  for (unsigned p = 0; p < processes; ++p) {
    results.push_back(std::tmpfile());
    start(p, p);
  }
  for (unsigned p = 0; p < processes; ++p) {
    int status = 0;
    while (waitpid(children[p], &status, 0) == children[p] && WIFSIGNALED(status)) {
      std::printf("  reported by signal %d: %s\n", WTERMSIG(status), at[p].place);
      int known[] = {SIGSEGV, SIGBUS, SIGILL};
      ASSERT_TRUE(std::count(std::begin(known), std::end(known), WTERMSIG(status))) << at[p].place;
      EXPECT_FALSE(at[p].harmless) << "not harmless: " << at[p].place;
      start(p, at[p].number + processes);
    }
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "exit " << WEXITSTATUS(status);
    std::rewind(results[p]);
    char line[2048];
    while (std::fgets(line, sizeof line, results[p]))
      ADD_FAILURE() << line;
    std::fclose(results[p]);
  }
  munmap(memory, bytes);
}

TEST(KernelFaults, TwentySeededFaultsAreReported) {
  std::vector<LeveledCase> cases = allCases();
  Targets targets(cases);
  std::map<Fault, std::map<std::string, std::vector<const Target *>>> byKind;
  std::map<std::string, int> met; // how many faults of this kind of kernel
  for (const Target &target : targets.list)
    if (!target.sites.empty()) {
      const Site &site = target.sites.front();
      std::string kind = kindOf(site.owner->kernels.specs[site.kernel]);
      byKind[target.fault][kind].push_back(&target);
      met[kind] = 0;
    }
  std::mt19937 rng(20);
  int reported = 0;
  for (uint32_t i = 0; i < 20; ++i) {
    // 4 each of the first three, 2 each of the others; of the kernels, the kind least met.
    Fault fault = allFaults[i < 12 ? i % 3 : 3 + i % 4];
    std::string kind;
    for (const auto &[name, there] : byKind[fault])
      if (kind.empty() || met[name] < met[kind])
        kind = name;
    ++met[kind];
    const std::vector<const Target *> &there = byKind[fault][kind];
    const Target &target = *there[rng() % there.size()];
    Answer answer = check(target, target.sites);
    EXPECT_NE(answer.said, "") << "not reported: " << answer.where;
    reported += !answer.said.empty();
    std::printf("%s, %s\n    reported: %s\n", kind.c_str(), answer.where.c_str(),
                answer.said.c_str());
  }
  std::printf("%d of 20 faults reported\n", reported);
  EXPECT_EQ(met.size(), 8u);
  for (const auto &[kind, count] : met)
    EXPECT_GT(count, 0) << kind;
}

/// Which places are tried: first, first + step, ... All of them are too many for CI.
struct Part {
  size_t first = 0, step;
};

Part partOf(size_t places) {
  if (const char *wanted = std::getenv("AXIOM_TEST_FAULTS")) {
    Part part;
    if (std::sscanf(wanted, "%zu/%zu", &part.first, &part.step) == 2 && part.first < part.step)
      return part;
    ADD_FAILURE() << "AXIOM_TEST_FAULTS is I/N, a part of N from 0/N on, not " << wanted;
  }
  return {0, std::getenv("AXIOM_TEST_LONG") ? places / 1500 + 1 : 199};
}

class EveryFault : public testing::TestWithParam<Fault> {};

TEST_P(EveryFault, IsReportedOrHarmless) {
  std::vector<LeveledCase> cases = allCases();
  Targets targets(cases);
  std::vector<const Target *> faults;
  std::map<std::string, int> rules;
  const char *function = std::getenv("AXIOM_TEST_FUNCTION");
  auto lies = [&](const Target &target) {
    const Site &site = (target.sites.empty() ? target.harmless : target.sites).front();
    return !function || site.function == function;
  };
  for (const Target &target : targets.list)
    if (target.fault == GetParam() && lies(target)) {
      faults.push_back(&target);
      if (target.sites.empty())
        ++rules[target.rule];
    }
  EXPECT_TRUE(std::any_of(targets.list.begin(), targets.list.end(), lies))
      << "AXIOM_TEST_FUNCTION: no kernel has a function " << function;
  const auto [first, step] = partOf(faults.size());
  std::printf("%zu places, one in %zu\n", faults.size(), step);
  for (const auto &[rule, count] : rules)
    std::printf("  %d of them harmless: %s\n", count, rule.c_str());
  size_t count = (faults.size() + step - 1 - first) / step;
  inProcesses(count, [&, first = first, step = step](size_t i) -> std::string {
    const Target &target = *faults[first + i * step];
    if (!target.sites.empty())
      if (Answer answer = check(target, target.sites); answer.said.empty())
        return "not reported: " + answer.where;
    // A rule that is too wide shows here.
    if (!target.harmless.empty())
      if (Answer answer = check(target, {target.harmless.front()}, true); !answer.said.empty())
        return std::string("not harmless by '") + target.rule + "': " + answer.where + ": " +
               answer.said;
    return "";
  });
}

INSTANTIATE_TEST_SUITE_P(KernelFaults, EveryFault, testing::ValuesIn(allFaults),
                         [](const auto &info) {
                           std::string name = faultName(info.param);
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

} // namespace
} // namespace axiom::test
