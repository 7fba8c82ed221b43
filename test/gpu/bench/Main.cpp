// gpu-bench: what tools/gpu-check measures with the driver's events, each as a JSON object on
// standard output.
//
//   gpu-bench facts  [--device N]
//   gpu-bench stream [--device N] --image FILE [--bytes N]       FILE: test/gpu/bench/read.cu,
//   compiled gpu-bench blas   [--device N] --library PATH... --shape ROWSxCOLSxTOKENS... gpu-bench
//   tasks  [--device N] --model FILE.axm [--sequences N] [--tokens N] [--context N]
//
// --quick: a few runs only. Exit codes: 0 ok (what is skipped has its reason in "skipped"), 1
// failed, 2 usage, 3 no driver or no device.
#include "test/gpu/bench/Bench.h"

#include <cstdio>
#include <cstdlib>
#include <map>

using namespace axiom;
using namespace axiom::bench;

namespace {

using Flags = std::map<std::string, std::vector<std::string>>;

int usage(const std::string &why) {
  fprintf(stderr,
          "gpu-bench: %s\n"
          "usage: gpu-bench facts  [--device N]\n"
          "       gpu-bench stream [--device N] [--quick] --image FILE [--bytes N]\n"
          "       gpu-bench blas   [--device N] [--quick] --library PATH... --shape RxCxT...\n"
          "       gpu-bench tasks  [--device N] [--quick] --model FILE.axm [--sequences N] "
          "[--tokens N] [--context N]\n",
          why.c_str());
  return 2;
}

/// Number of a flag; false: it is none.
bool number(const Flags &flags, const char *name, uint64_t &value) {
  auto found = flags.find(name);
  if (found == flags.end())
    return true;
  char *end = nullptr;
  value = std::strtoull(found->second.back().c_str(), &end, 10);
  return end && *end == '\0' && end != found->second.back().c_str() && value <= (1ull << 36);
}

Result<Json> facts(const Bench &bench) {
  Json result = {
      {"name", bench.gpu().name()},
      {"capability", format("%d.%d", bench.gpu().facts().major, bench.gpu().facts().minor)},
      {"driver", cuda::versionText(bench.gpu().facts().driver)}};
  cuda::Current current(*bench.context());
  AXIOM_RETURN_IF_ERROR(bench.check("cuCtxPushCurrent", current.error()));
  size_t free = 0, total = 0;
  AXIOM_CUDA(bench.gpu(), cuMemGetInfo, &free, &total);
  result["memory_bytes"] = total;
  result["free_bytes"] = free;
  for (auto [name, attribute] :
       {std::pair("multiprocessors", kMultiprocessors), std::pair("clock_khz", kClockKilohertz),
        std::pair("l2_bytes", kCacheBytes)}) {
    auto value = bench.attribute(attribute);
    result[name] = value.ok() ? Json(*value) : Json(nullptr);
  }
  return result;
}

Result<Json> run(const std::string &command, const Flags &flags, uint32_t device,
                 const std::vector<Shape> &shapes, uint64_t bytes, const uint64_t (&step)[3]) {
  Effort effort;
  if (flags.count("--quick"))
    effort = {1, 2};
  AXIOM_ASSIGN_OR_RETURN(const cuda::Driver *driver, cuda::Driver::load());
  if (command == "tasks")
    return measureTasks(*driver, device, flags.at("--model").back(), static_cast<uint32_t>(step[0]),
                        static_cast<uint32_t>(step[1]), static_cast<uint32_t>(step[2]), effort);
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<Bench> bench, Bench::open(*driver, device));
  Result<Json> result = command == "facts" ? facts(*bench)
                        : command == "stream"
                            ? measureStream(*bench, flags.at("--image").back(), bytes, effort)
                            : measureBlas(*bench, flags.at("--library"), shapes, effort);
  if (result.ok())
    (*result)["silicon"] = bench->silicon();
  return result;
}

} // namespace

int main(int argc, char **argv) {
  std::string command = argc > 1 ? argv[1] : "";
  const std::map<std::string, std::string> needs = {
      {"facts", ""}, {"stream", "--image"}, {"blas", "--library"}, {"tasks", "--model"}};
  auto need = needs.find(command);
  if (need == needs.end())
    return usage(command.empty() ? "no command" : "'" + command + "' is no command");
  Flags flags;
  std::string flag;
  for (int i = 2; i < argc; ++i) {
    std::string word = argv[i];
    if (word.rfind("--", 0) == 0)
      flags[flag = word];
    else if (flag.empty())
      return usage("'" + word + "' has no flag before it");
    else
      flags[flag].push_back(word);
  }
  for (const auto &[name, values] : flags) {
    static const std::string known = " --device --quick --image --bytes --library --shape --model "
                                     "--sequences --tokens --context ";
    if (known.find(" " + name + " ") == std::string::npos)
      return usage("there is no flag " + name);
    if (values.empty() != (name == "--quick"))
      return usage(name + (values.empty() ? " needs a value" : " takes no value"));
  }
  if (!need->second.empty() && !flags.count(need->second))
    return usage(need->second + " is missing");
  uint64_t device = 0, bytes = 2ull << 30, step[3] = {1, 1, 128};
  if (!number(flags, "--device", device) || !number(flags, "--bytes", bytes) ||
      !number(flags, "--sequences", step[0]) || !number(flags, "--tokens", step[1]) ||
      !number(flags, "--context", step[2]))
    return usage("a value is no number, or larger than 2^36");
  if (bytes < 4096 || step[0] < 1 || step[1] < 1 || step[0] > 65536 || step[1] > 65536 ||
      step[0] * step[1] > 65536 || step[2] < step[1] || step[2] > (1u << 20))
    return usage("at least 4096 bytes, 1 to 65536 tokens in all, and a context that holds them");
  std::vector<Shape> shapes;
  for (const std::string &text : flags["--shape"]) {
    Shape shape;
    char end = 0;
    if (sscanf(text.c_str(), "%ux%ux%u%c", &shape.rows, &shape.cols, &shape.tokens, &end) != 3 ||
        !shape.rows || !shape.cols || !shape.tokens)
      return usage("'" + text + "' is no shape: ROWSxCOLSxTOKENS");
    shapes.push_back(shape);
  }
  auto result = run(command, flags, static_cast<uint32_t>(device), shapes, bytes, step);
  if (!result.ok()) {
    fprintf(stderr, "gpu-bench: %s\n", result.status().message().c_str());
    return result.status().code() == Code::Unsupported ? 3 : 1;
  }
  printf("%s\n", result->dump(2).c_str());
  return 0;
}
