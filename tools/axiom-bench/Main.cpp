// axiom-bench: prefill and decode speed, in llama-bench's columns; where the time goes; how near
// the machine's limits that is. axiom-bench serve: a load for any OpenAI server.
#include "runtime/base/Threads.h"
#include "tools/axiom-bench/Report.h"
#include "tools/axiom-bench/ServeCommand.h"
#include "tools/common/Tool.h"

#include <cstdio>

namespace axiom::bench {
namespace {

constexpr const char *kTool = "axiom-bench";

struct Flags {
  tool::ModelFlags model;
  std::vector<uint32_t> prompts{512}, generate{128}, parallel{1}, depths{0};
  uint32_t repetitions = 5, batchedTokens = 512;
  std::string output = "md", limitBytes = "1GiB", evictBytes;
  bool noWarmup = false, profile = false, limits = false, eager = false;
};

std::vector<RowResult> rowsOf(const Flags &flags) {
  std::vector<RowResult> rows;
  auto add = [&](const Row &row) {
    rows.emplace_back();
    rows.back().row = row;
  };
  for (uint32_t p : flags.prompts)
    if (p > 0)
      add({p, 0, 1, 0});
  for (uint32_t n : flags.generate)
    for (uint32_t s : flags.parallel)
      for (uint32_t d : flags.depths)
        if (n > 0 && s > 0)
          add({0, n, s, d});
  return rows;
}

int bench(Flags &flags) {
  if (flags.model.path.empty())
    return tool::fail(kTool, {AXIOM_INVALID_ARGUMENT, "no model is given: axiom-bench MODEL"});
  Expected<uint64_t> memory = tool::parseBytes(flags.model.memory),
                     limitBytes = tool::parseBytes(flags.limitBytes),
                     evictBytes = tool::parseBytes(flags.evictBytes);
  for (auto *size : {&memory, &limitBytes, &evictBytes})
    if (!*size)
      return tool::fail(kTool, size->error());
  Expected<Model> model = Model::open(flags.model.path, flags.model.loadOptions());
  if (!model)
    return tool::fail(kTool, model.error());
  bool gpu = std::string(model->info().target).rfind("cuda:", 0) == 0;
  if (gpu && *evictBytes > 0)
    return tool::fail(kTool, {AXIOM_INVALID_ARGUMENT, "--evict-bytes is for the CPU's caches"});
  if (gpu && (flags.limits || flags.profile))
    return tool::fail(kTool,
                      {AXIOM_INVALID_ARGUMENT,
                       flags.limits ? "--limits measures the CPU, not a GPU"
                                    : "--profile is for the CPU: on a GPU use NVIDIA's nsys, "
                                      "with --eager for kernel by kernel"});
  tool::tellDevice(kTool, *model, flags.model.verbose);
  std::vector<RowResult> rows = rowsOf(flags);
  if (rows.empty())
    return tool::fail(kTool, {AXIOM_INVALID_ARGUMENT, "nothing to measure: give -p or -n above 0"});
  ReportContext context;
  context.info = model->info();
  context.model = context.info.name; // not every source has one
  if (context.model.empty())
    context.model = flags.model.path.substr(flags.model.path.find_last_of('/') + 1);
  context.load = flags.model.load;
  context.profile = flags.profile;
  context.limits = flags.limits;
  RunOptions options{flags.model.threads,           flags.batchedTokens, *memory,
                     flags.profile || flags.limits, flags.profile,       flags.eager};
  std::unique_ptr<OtherMemory> other;
  if (*evictBytes > 0) {
    Result<std::unique_ptr<OtherMemory>> made = OtherMemory::create(*evictBytes);
    if (!made.ok())
      return tool::fail(kTool, {AXIOM_RESOURCE, "--evict-bytes: " + made.status().message()});
    other = std::move(*made);
    options.evict = other.get();
    context.evictBytes = *evictBytes;
  }
  std::unique_ptr<LimitProbe> probe;
  for (RowResult &result : rows) {
    Expected<RowRunner> runner = RowRunner::create(*model, result.row, options);
    if (!runner)
      return tool::fail(kTool, runner.error());
    result.threads = runner->threads();
    if (flags.limits && !probe) {
      Result<std::unique_ptr<LimitProbe>> made = LimitProbe::create(result.threads, *limitBytes);
      if (!made.ok())
        return tool::fail(kTool, {AXIOM_RESOURCE, made.status().message()});
      probe = std::move(*made);
      context.limitBytes = probe->bytes();
      context.limitNotes = probe->notes();
    }
    for (uint32_t r = flags.noWarmup ? 1 : 0; r <= flags.repetitions; ++r) {
      if (probe && r > 0)
        result.limits.push_back(probe->measure());
      if (auto error = runner->run(r > 0 ? &result : nullptr))
        return tool::fail(kTool, *error);
      if (tool::interrupted())
        return tool::kInterrupted;
    }
  }
  std::string text =
      flags.output == "md" ? markdownReport(rows, context) : jsonReport(rows, context);
  std::fwrite(text.data(), 1, text.size(), stdout); // tool::run() looks for write errors
  return tool::kOk;
}

} // namespace
} // namespace axiom::bench

int main(int argc, char **argv) {
  using namespace axiom;
  bench::Flags flags;
  bench::ServeFlags serveFlags;
  CLI::App app("Measures prefill and decode speed of a compiled model, or a server under load");
  flags.model.threads = usableCores();
  flags.model.add(app);
  app.get_option("model")->required(false); // `serve` has none
  auto list = [](CLI::Option *option) { return option->delimiter(',')->type_name("N,N"); };
  list(app.add_option("-p,--n-prompt", flags.prompts, "Prompt lengths to measure")
           ->capture_default_str());
  list(app.add_option("-n,--n-gen", flags.generate, "Numbers of tokens to generate, from one token")
           ->capture_default_str());
  list(app.add_option("--npl,--n-parallel", flags.parallel,
                      "Sequences that generate at once (also -npl)")
           ->capture_default_str());
  list(app.add_option("-d,--n-depth", flags.depths,
                      "Tokens of each sequence before generation is measured (decode only)")
           ->capture_default_str());
  app.add_option("-r,--repetitions", flags.repetitions, "Measured runs of each test")
      ->capture_default_str()
      ->check(CLI::Range(1u, 10000u))
      ->type_name("N");
  app.add_option("--max-num-batched-tokens", flags.batchedTokens, "Tokens of a step")
      ->capture_default_str()
      ->check(CLI::Range(1u, 65536u))
      ->type_name("N");
  app.add_option("-o,--output", flags.output, "md or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"md", "json"}))
      ->type_name("FORMAT");
  app.add_flag("--no-warmup", flags.noWarmup, "Measure the first run too");
  app.add_flag("--profile", flags.profile, "Also the time of each phase of a step");
  app.add_flag("--eager", flags.eager,
               "On a GPU: launch kernel by kernel instead of graphs, for profilers");
  app.add_flag("--limits", flags.limits,
               "Also the machine's memory and multiply-add limits, measured between the runs, and "
               "the share of them");
  app.add_option("--limit-bytes", flags.limitBytes,
                 "What the memory limit reads, of each page kind")
      ->capture_default_str()
      ->type_name("BYTES");
  app.add_option("--evict-bytes", flags.evictBytes,
                 "Read so much other memory before each step of a generation, outside of its time: "
                 "weights and KV memory then come from memory, not out of a cache")
      ->type_name("BYTES");
  auto *serve =
      app.add_subcommand("serve", "Send a load to a server of OpenAI's API and measure it");
  serveFlags.add(*serve);
  // llama.cpp's spelling: one dash and three letters, which the parser would read as -n pl.
  std::vector<char *> words(argv, argv + argc);
  std::string parallel = "--npl";
  for (char *&word : words)
    if (std::string(word) == "-npl")
      word = parallel.data();
  return tool::run(bench::kTool, app, argc, words.data(), [&] {
    tool::catchInterrupts();
    return serve->parsed() ? bench::serveCommand(serveFlags) : bench::bench(flags);
  });
}
