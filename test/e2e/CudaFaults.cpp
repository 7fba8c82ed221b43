// Faults of the driver under a serving engine: CudaFaults MODEL.axm [long]
//
// Runs with the stand-in driver (LD_LIBRARY_PATH). A call fails, memory runs out, a kernel fails,
// the device is lost, a copy is slow: each at several places in the life of a model. What fails
// says which call it was; the requests after it get the tokens that the CPU gives; nothing is left
// over.
#include "runtime/include/axiom/axiom.hpp"
#include "test/standin/Api.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <string>
#include <vector>

namespace {

[[noreturn]] void die(const std::string &message) {
  std::printf("FAILED: %s\n", message.c_str());
  std::exit(1);
}

template <typename F> F *find(const char *name) {
  static void *library = dlopen("libcuda.so.1", RTLD_NOW);
  void *address = library ? dlsym(library, name) : nullptr;
  if (!address)
    die(std::string(name) + ": this is not the stand-in driver: set LD_LIBRARY_PATH");
  return reinterpret_cast<F *>(address);
}

void setFault(const std::string &fault) {
  if (find<decltype(axiomStandInSetFault)>("axiomStandInSetFault")(fault.c_str()) != 0)
    die("the stand-in does not understand " + fault);
}
uint64_t countOf(const std::string &what) {
  return find<decltype(axiomStandInCount)>("axiomStandInCount")(what.c_str());
}
std::string leaks() { return find<decltype(axiomStandInLeaks)>("axiomStandInLeaks")(); }

constexpr int kRequests = 3;
using Tokens = std::vector<int32_t>;

/// Several prompts at once, in chunks; what each gets, or its error.
struct Answers {
  std::vector<Tokens> tokens = std::vector<Tokens>(kRequests);
  std::vector<std::string> errors;
};

Answers ask(axiom::Engine &engine) {
  Answers answers;
  std::vector<uint64_t> ids;
  for (int r = 0; r < kRequests; ++r) {
    Tokens prompt;
    for (int t = 0; t < 3 + 9 * r; ++t)
      prompt.push_back(10 + 7 * r + t);
    axiom::Generation how;
    how.maxTokens = 4;
    how.ignoreEos = true;
    how.temperature = r ? 1.0f : 0.0f;
    how.seed = static_cast<uint64_t>(r);
    auto id = engine.submit(prompt, how);
    if (!id)
      die(id.error().message);
    ids.push_back(*id);
  }
  for (int r = 0; r < kRequests; ++r)
    for (bool last = false; !last;) {
      auto event = engine.wait(ids[static_cast<size_t>(r)]);
      if (!event)
        die(event.error().message);
      if (event->finish == AXIOM_FINISH_ERROR)
        answers.errors.push_back(event->error);
      if (event->token >= 0)
        answers.tokens[static_cast<size_t>(r)].push_back(event->token);
      last = event->last;
    }
  return answers;
}

std::vector<Tokens> expected;

struct Outcome {
  std::string error; ///< the first; empty: none
  bool opened = false, created = false;
  size_t failed = 0; ///< requests
};

/// Opens the model, serves twice, and closes it. Whatever fails, the second round after a failed
/// one gets its tokens, unless `gone`: then only once the faults are taken away.
Outcome live(const std::string &path, bool gone) {
  Outcome outcome;
  {
    axiom::LoadOptions load;
    load.device = "cuda";
    auto model = axiom::Model::open(path, load);
    if (!model) {
      outcome.error = model.error().message;
      return outcome;
    }
    outcome.opened = true;
    axiom::EngineOptions options;
    options.maxBatchedTokens = 16;
    options.kvPositions = 256;
    options.manual = true;
    auto engine = axiom::Engine::create(*model, options);
    if (!engine) {
      outcome.error = engine.error().message;
      return outcome;
    }
    outcome.created = true;
    bool failing = false;
    for (int round = 0; round < 3 || failing; ++round) {
      Answers answers = ask(*engine);
      outcome.failed += answers.errors.size();
      if (!answers.errors.empty() && outcome.error.empty())
        outcome.error = answers.errors[0];
      if (answers.errors.empty() && answers.tokens != expected)
        die("other tokens than the CPU's");
      if (failing && gone && answers.errors.empty())
        die("a device that is gone serves");
      if (failing && !answers.errors.empty()) {
        if (!gone)
          die("the requests after it fail too: " + answers.errors[0]);
        setFault(""); // the device is back
        gone = false;
      }
      failing = !answers.errors.empty();
    }
  }
  return outcome;
}

void checkEnd(const std::string &fault) {
  setFault("");
  if (std::string left = leaks(); !left.empty())
    die(fault + ": not freed:\n" + left);
}

/// As the runtime's messages have it.
std::string callOf(std::string function) {
  for (const std::string &suffix : {std::string("_v2"), std::string("WithFlags")})
    if (size_t at = function.rfind(suffix); at != std::string::npos)
      function.erase(at, suffix.size());
  return function;
}

std::vector<uint64_t> places(uint64_t count, bool all) {
  std::vector<uint64_t> list;
  for (uint64_t n = 1; n <= count; ++n)
    if (all || n == 1 || n == count / 2 + 1 || n == count)
      list.push_back(n);
  return list;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2) {
    std::printf("usage: CudaFaults MODEL.axm [long]\n");
    return 2;
  }
  std::string path = argv[1];
  bool all = argc > 2;
  {
    auto model = axiom::Model::open(path);
    axiom::EngineOptions options;
    options.kvPositions = 256;
    options.manual = true;
    auto engine = model ? axiom::Engine::create(*model, options)
                        : axiom::Expected<axiom::Engine>(model.error());
    if (!engine)
      die(engine.error().message);
    expected = ask(*engine).tokens;
  }
  // Those that free are left out: what they would not free could not be freed.
  const std::vector<std::string> functions = {"cuDeviceGetCount",     "cuDeviceGetAttribute",
                                              "cuCtxCreate_v2",       "cuModuleLoadDataEx",
                                              "cuModuleGetFunction",  "cuMemGetInfo_v2",
                                              "cuMemAlloc_v2",        "cuMemHostAlloc",
                                              "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2",
                                              "cuMemsetD8Async",      "cuStreamCreate",
                                              "cuStreamSynchronize",  "cuEventCreate",
                                              "cuEventRecord",        "cuEventSynchronize",
                                              "cuLaunchKernel",       "cuStreamBeginCapture_v2",
                                              "cuStreamEndCapture",   "cuGraphInstantiateWithFlags",
                                              "cuGraphLaunch"};
  setFault("");
  if (Outcome clean = live(path, false); !clean.error.empty())
    die("without faults: " + clean.error);
  std::vector<uint64_t> counts;
  for (const std::string &function : functions)
    counts.push_back(countOf(function));
  uint64_t kernels = countOf("kernel"), copies = countOf("copy");
  checkEnd("no fault");

  size_t faults = 0, failedRequests = 0;
  auto tryFault = [&](const std::string &fault, bool gone, const std::string &says) {
    setFault(fault);
    Outcome outcome = live(path, gone);
    if (outcome.error.empty() != says.empty() || outcome.error.find(says) == std::string::npos)
      die(fault + ": expected to hear of '" + says + "', but: '" + outcome.error + "'");
    failedRequests += outcome.failed;
    ++faults;
    checkEnd(fault);
    return outcome;
  };
  for (size_t f = 0; f < functions.size(); ++f)
    for (uint64_t n : places(counts[f], all))
      tryFault(functions[f] + "@" + std::to_string(n), false, callOf(functions[f]) + " on cuda:0");
  // Out of memory: nothing is served, and the reason is memory.
  for (uint64_t n : places(counts[6], true)) {
    Outcome outcome =
        tryFault("cuMemAlloc_v2@" + std::to_string(n) + "+", false, "CUDA_ERROR_OUT_OF_MEMORY");
    if (outcome.created)
      die("an engine without its memory");
  }
  for (uint64_t n : places(kernels, false))
    tryFault("kernel@" + std::to_string(n), false, "CUDA_ERROR_LAUNCH_FAILED");
  for (uint64_t n : {counts[6] * 4 + 40, counts[6] * 4 + 90})
    tryFault("lost@" + std::to_string(n), true, "CUDA_ERROR_UNKNOWN");
  for (uint64_t n : places(copies, false))
    tryFault("copy@" + std::to_string(n) + "=30", false, "");
  std::printf("%zu faults: %zu requests ended with their reason, all others got the CPU's tokens, "
              "nothing was left over\n",
              faults, failedRequests);
  return 0;
}
