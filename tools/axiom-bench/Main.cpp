// axiom-bench: prefill and decode speed, in llama-bench's columns.
#include "runtime/base/Threads.h"
#include "tools/common/Tool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>

namespace axiom::bench {
namespace {

constexpr const char *kTool = "axiom-bench";

struct Flags {
  tool::ModelFlags model;
  std::vector<uint32_t> prompts{512}, generate{128}, parallel{1}, depths{0};
  uint32_t repetitions = 5, batchedTokens = 512;
  std::string output = "md";
  bool noWarmup = false;
};

struct Row {
  uint32_t numPrompt = 0, numGen = 0, numParallel = 1;
  uint32_t depth = 0;        ///< tokens of each sequence before the first that is measured
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
    if (numParallel > 1)
      name += " x" + std::to_string(numParallel);
    return depth > 0 ? name + " @ d" + std::to_string(depth) : name;
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

/// Tokens per second of the row's sequences from its depth on. They prefill and decode in the same
/// steps, so the clock starts with the first token of the last one, and none may end before it
/// stops.
Expected<double> rateAtDepth(Engine &engine, const Row &row, uint32_t vocab, uint32_t spare) {
  Generation how;
  how.temperature = 0;
  how.ignoreEos = true;
  how.maxTokens = row.numGen + spare;
  std::vector<uint64_t> ids;
  for (uint32_t s = 0; s < row.numParallel; ++s) {
    Expected<uint64_t> id = engine.submit(someTokens(row.depth, vocab, s), how);
    if (!id)
      return id.error();
    ids.push_back(*id);
  }
  std::vector<uint32_t> counts(ids.size());
  auto takeStep = [&]() -> std::optional<Error> {
    if (!engine.step())
      return Error{AXIOM_INTERNAL, "the engine found nothing to do"};
    for (size_t i = 0; i < ids.size(); ++i)
      for (bool more = true; more;) {
        Expected<Event> event = engine.poll(ids[i]);
        if (!event && event.error().code == AXIOM_AGAIN)
          break;
        if (!event)
          return event.error();
        if (event->finish == AXIOM_FINISH_ERROR)
          return Error{event->status, event->error};
        more = event->token >= 0;
        counts[i] += more;
      }
    return std::nullopt;
  };
  while (std::count(counts.begin(), counts.end(), 0u) > 0)
    if (auto error = takeStep())
      return *error;
  auto sum = [&] { return std::accumulate(counts.begin(), counts.end(), uint64_t(0)); };
  uint64_t before = sum(), until = before + uint64_t(row.numGen) * ids.size();
  auto start = std::chrono::steady_clock::now();
  while (sum() < until)
    if (auto error = takeStep())
      return *error;
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (uint64_t id : ids)
    engine.cancel(id);
  while (engine.step()) {
  }
  for (uint64_t id : ids)
    engine.release(id);
  return static_cast<double>(sum() - before) / seconds;
}

/// Tokens per second in one run of the row's test.
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
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return (row.numGen == 0 ? row.numPrompt : double(row.numGen) * row.numParallel) / seconds;
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
          "\"n_threads\": %u, \"n_prompt\": %u, \"n_gen\": %u, \"n_parallel\": %u, \"n_depth\": "
          "%u, "
          "\"avg_ts\": %.6f, \"stddev_ts\": %.6f}%s\n",
          i == 0 ? "[" : " ", tool::jsonText(name).c_str(), tool::jsonText(info.target).c_str(),
          static_cast<unsigned long long>(info.weight_bytes),
          static_cast<unsigned long long>(info.num_weights), flags.model.threads, row.numPrompt,
          row.numGen, row.numParallel, row.depth, row.mean(), row.deviation(),
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
      rows.push_back({p, 0, 1, 0, {}});
  for (uint32_t n : flags.generate)
    for (uint32_t s : flags.parallel)
      for (uint32_t d : flags.depths)
        if (n > 0 && s > 0)
          rows.push_back({0, n, s, d, {}});
  if (rows.empty())
    return tool::fail(kTool, {AXIOM_INVALID_ARGUMENT, "nothing to measure: give -p or -n above 0"});
  uint32_t vocab = model->info().vocab;
  for (Row &row : rows) {
    EngineOptions options;
    options.threads = flags.model.threads;
    options.maxSequences = row.numParallel;
    options.maxBatchedTokens = std::max(flags.batchedTokens, row.numParallel);
    // At a depth, the first sequence decodes while the others prefill.
    uint32_t spare = 1 + row.numParallel * (row.depth / options.maxBatchedTokens + 2);
    // Whole blocks of 64 for each sequence.
    uint64_t length = row.depth == 0 ? row.numGen : uint64_t(row.depth) + row.numGen + spare;
    options.kvPositions =
        row.numGen == 0 ? row.numPrompt : (length + 64ull) / 64 * 64 * row.numParallel;
    options.memoryLimit = *limit;
    options.maxRequests = std::max(4096u, row.numParallel);
    options.manual = true;
    Expected<Engine> engine = Engine::create(*model, options);
    if (!engine)
      return tool::fail(kTool, engine.error());
    for (uint32_t r = flags.noWarmup ? 1 : 0; r <= flags.repetitions; ++r) {
      Expected<double> rate =
          row.depth == 0 ? runOnce(*engine, row, vocab) : rateAtDepth(*engine, row, vocab, spare);
      if (!rate)
        return tool::fail(kTool, rate.error());
      if (tool::interrupted())
        return tool::kInterrupted;
      if (r > 0)
        row.rates.push_back(*rate);
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
