// axiom-bench: prefill and decode speed, in llama-bench's columns.
#include "runtime/base/Threads.h"
#include "tools/common/Tool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace axiom::bench {
namespace {

constexpr const char *kTool = "axiom-bench";

struct Flags {
  tool::ModelFlags model;
  std::vector<uint32_t> prompts{512}, generate{128}, parallel{1};
  uint32_t repetitions = 5, batchedTokens = 512;
  std::string output = "md";
  bool noWarmup = false;
};

struct Row {
  uint32_t numPrompt = 0, numGen = 0, numParallel = 1;
  std::vector<double> rates; ///< tokens per second of all sequences together

  double mean() const {
    double sum = 0;
    for (double r : rates)
      sum += r;
    return sum / static_cast<double>(rates.size());
  }
  double deviation() const {
    if (rates.size() < 2)
      return 0;
    double m = mean(), sum = 0;
    for (double r : rates)
      sum += (r - m) * (r - m);
    return std::sqrt(sum / static_cast<double>(rates.size() - 1));
  }
  std::string test() const {
    std::string name =
        numGen == 0 ? "pp" + std::to_string(numPrompt) : "tg" + std::to_string(numGen);
    return numParallel > 1 ? name + " x" + std::to_string(numParallel) : name;
  }
};

/// Tokens that look like no text in particular, the same in every run.
std::vector<int32_t> someTokens(uint32_t count, uint32_t vocab, uint32_t salt) {
  std::vector<int32_t> tokens;
  uint32_t state = 12345 + salt * 7919;
  for (uint32_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    tokens.push_back(static_cast<int32_t>((state >> 8) % vocab));
  }
  return tokens;
}

/// Seconds for one run of the row's test.
Expected<double> runOnce(Engine &engine, const Row &row, uint32_t vocab) {
  auto start = std::chrono::steady_clock::now();
  if (row.numGen == 0) {
    auto tokens = someTokens(row.numPrompt, vocab, 0);
    if (auto error = engine.forward(tokens, row.numPrompt - 1, [](uint32_t, auto) {}))
      return *error;
  } else {
    Generation how;
    how.temperature = 0;
    how.ignoreEos = true;
    how.maxTokens = row.numGen;
    std::vector<uint64_t> ids;
    for (uint32_t s = 0; s < row.numParallel; ++s) {
      Expected<uint64_t> id = engine.submit(someTokens(1, vocab, s), how);
      if (!id)
        return id.error();
      ids.push_back(*id);
    }
    while (engine.step()) {
    }
    for (uint64_t id : ids)
      for (bool last = false; !last;) {
        Expected<Event> event = engine.poll(id);
        if (!event)
          return event.error();
        if (event->finish == AXIOM_FINISH_ERROR)
          return Error{event->status, event->error};
        last = event->last;
      }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void print(const std::vector<Row> &rows, const Model &model, const Flags &flags) {
  axiom_model_info info = model.info();
  std::string name = info.name; // not every source has one
  if (name.empty())
    name = flags.model.path.substr(flags.model.path.find_last_of('/') + 1);
  if (flags.output == "md") {
    std::puts("| model | size | params | backend | threads | test | t/s |");
    std::puts("| --- | ---: | ---: | --- | ---: | ---: | ---: |");
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row &row = rows[i];
    if (flags.output == "md")
      std::printf("| %s | %.2f MiB | %.2f M | %s | %u | %s | %.2f ± %.2f |\n", name.c_str(),
                  static_cast<double>(info.weight_bytes) / (1024.0 * 1024.0),
                  static_cast<double>(info.num_weights) / 1e6, info.target, flags.model.threads,
                  row.test().c_str(), row.mean(), row.deviation());
    else
      std::printf(
          "%s{\"model\": %s, \"backend\": %s, \"model_size\": %llu, \"model_n_params\": %llu, "
          "\"n_threads\": %u, \"n_prompt\": %u, \"n_gen\": %u, \"n_parallel\": %u, "
          "\"avg_ts\": %.6f, \"stddev_ts\": %.6f}%s\n",
          i == 0 ? "[" : " ", tool::jsonText(name).c_str(), tool::jsonText(info.target).c_str(),
          static_cast<unsigned long long>(info.weight_bytes),
          static_cast<unsigned long long>(info.num_weights), flags.model.threads, row.numPrompt,
          row.numGen, row.numParallel, row.mean(), row.deviation(),
          i + 1 == rows.size() ? "]" : ",");
  }
}

int bench(Flags &flags) {
  Expected<uint64_t> limit = tool::parseBytes(flags.model.memory);
  if (!limit)
    return tool::fail(kTool, limit.error());
  Expected<Model> model = Model::open(flags.model.path, flags.model.loadOptions());
  if (!model)
    return tool::fail(kTool, model.error());
  std::vector<Row> rows;
  for (uint32_t p : flags.prompts)
    if (p > 0)
      rows.push_back({p, 0, 1, {}});
  for (uint32_t n : flags.generate)
    for (uint32_t s : flags.parallel)
      if (n > 0 && s > 0)
        rows.push_back({0, n, s, {}});
  if (rows.empty())
    return tool::fail(kTool, {AXIOM_INVALID_ARGUMENT, "nothing to measure: give -p or -n above 0"});
  uint32_t vocab = model->info().vocab;
  for (Row &row : rows) {
    EngineOptions options;
    options.threads = flags.model.threads;
    options.maxSequences = row.numParallel;
    options.maxBatchedTokens = std::max(flags.batchedTokens, row.numParallel);
    // Whole blocks of 64 for each sequence.
    options.kvPositions =
        row.numGen == 0 ? row.numPrompt : (row.numGen + 64ull) / 64 * 64 * row.numParallel;
    options.memoryLimit = *limit;
    options.maxRequests = std::max(4096u, row.numParallel);
    options.manual = true;
    Expected<Engine> engine = Engine::create(*model, options);
    if (!engine)
      return tool::fail(kTool, engine.error());
    for (uint32_t r = flags.noWarmup ? 1 : 0; r <= flags.repetitions; ++r) {
      Expected<double> seconds = runOnce(*engine, row, vocab);
      if (!seconds)
        return tool::fail(kTool, seconds.error());
      if (tool::interrupted())
        return tool::kInterrupted;
      double tokens = row.numGen == 0 ? row.numPrompt : double(row.numGen) * row.numParallel;
      if (r > 0)
        row.rates.push_back(tokens / *seconds);
    }
  }
  print(rows, *model, flags);
  return tool::kOk;
}

} // namespace
} // namespace axiom::bench

int main(int argc, char **argv) {
  using namespace axiom;
  bench::Flags flags;
  CLI::App app("Measures prefill and decode speed of a compiled model");
  flags.model.threads = usableCores();
  flags.model.add(app);
  auto list = [](CLI::Option *option) { return option->delimiter(',')->type_name("N,N"); };
  list(app.add_option("-p,--n-prompt", flags.prompts, "Prompt lengths to measure")
           ->capture_default_str());
  list(app.add_option("-n,--n-gen", flags.generate, "Numbers of tokens to generate, from one token")
           ->capture_default_str());
  list(app.add_option("--npl,--n-parallel", flags.parallel,
                      "Sequences that generate at once (also -npl)")
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
  // llama.cpp's spelling: one dash and three letters, which the parser would read as -n pl.
  std::vector<char *> words(argv, argv + argc);
  std::string parallel = "--npl";
  for (char *&word : words)
    if (std::string(word) == "-npl")
      word = parallel.data();
  return tool::run(bench::kTool, app, argc, words.data(), [&] {
    tool::catchInterrupts();
    return bench::bench(flags);
  });
}
