// Sends a load to a server and records what comes back. One thread, sockets that do not block.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_SERVE_LOADRUN_H
#define AXIOM_TOOLS_AXIOM_BENCH_SERVE_LOADRUN_H

#include "tools/axiom-bench/serve/Http.h"
#include "tools/axiom-bench/serve/Prompts.h"
#include "tools/axiom-bench/serve/Statistics.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace axiom::bench {

struct LoadOptions {
  Url url;
  std::string endpoint = "/v1/completions";
  bool chat = false;
  std::vector<std::string> fields; ///< header lines
  std::string members; ///< of each request's body besides prompt, length and stream: "\"n\":1,..."

  uint64_t numPrompts = 1000, firstPrompt = 0;
  uint32_t maxConcurrency = 0; ///< 0: no bound
  double rate = 0;             ///< requests a second, at random times; 0: as soon as there is room
  double seconds = 0;          ///< nothing is sent after them; 0: no bound
  double requestSeconds = 600; ///< a request that takes longer fails

  // Shares of all requests.
  double hangUps = 0, slowReaders = 0, halfOpen = 0;
  uint32_t slowBytes = 4000;   ///< that a slow reader takes a second
  double halfOpenSeconds = 20; ///< that a silent client holds its connection, at most

  PromptOptions prompts;
};

struct LoadProgress {
  double seconds = 0;
  uint64_t sent = 0, ended = 0, failed = 0, active = 0, events = 0;
};

struct LoadResult {
  std::vector<Record> records;
  double duration = 0;     ///< from the first request to the end of the last
  double cpuSeconds = 0;   ///< of this process meanwhile
  uint64_t mostActive = 0; ///< requests under way at a time
  bool stopped = false;
};

class LoadRun {
public:
  /// Finds the host.
  static Result<std::unique_ptr<LoadRun>> create(LoadOptions options);
  ~LoadRun();

  /// `watch` is called about ten times a second; false ends the run, with what was measured so far.
  LoadResult run(const std::function<bool(const LoadProgress &)> &watch = {});

private:
  struct Impl;
  explicit LoadRun(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace axiom::bench

#endif
