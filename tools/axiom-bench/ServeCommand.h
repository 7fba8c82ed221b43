// `axiom-bench serve`: its flags and what it does.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_SERVECOMMAND_H
#define AXIOM_TOOLS_AXIOM_BENCH_SERVECOMMAND_H

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace axiom::bench {

struct ServeFlags {
  std::string baseUrl = "http://127.0.0.1:8000", endpoint = "/v1/completions", model;
  std::vector<std::string> headers, goodput;
  uint64_t numPrompts = 1000, firstPrompt = 0, warmups = 0, seed = 0;
  uint32_t maxConcurrency = 0, prefix = 0, numPrefixes = 1;
  std::string rate = "inf", input = "1024", output = "128", tokenIds = "1000:20000";
  std::string promptForm = "tokens", extraBody, saveResult;
  double temperature = 0, seconds = 0, requestSeconds = 600;
  double hangUps = 0, slowReaders = 0, halfOpen = 0, halfOpenSeconds = 20;
  uint32_t slowBytes = 4000;
  bool ignoreEos = false, detailed = false;

  void add(CLI::App &app);
};

/// Returns the exit code.
int serveCommand(const ServeFlags &flags);

} // namespace axiom::bench

#endif
