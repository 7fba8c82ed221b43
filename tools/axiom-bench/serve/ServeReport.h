// A run's figures as a table, and as JSON with the names of `vllm bench serve`.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_SERVE_SERVEREPORT_H
#define AXIOM_TOOLS_AXIOM_BENCH_SERVE_SERVEREPORT_H

#include "tools/axiom-bench/serve/LoadRun.h"

#include <string>

namespace axiom::bench {

struct ServeContext {
  std::string date, baseUrl, endpoint, model;
  LoadOptions load;
  Goodput goodput;
  bool detailed = false; ///< JSON: times of each request
};

std::string serveTable(const Summary &summary, const LoadResult &result,
                       const ServeContext &context);
std::string serveJson(const Summary &summary, const LoadResult &result,
                      const ServeContext &context);

} // namespace axiom::bench

#endif
