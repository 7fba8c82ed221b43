// From the records of requests to the figures of a run. No clock, no I/O.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_SERVE_STATISTICS_H
#define AXIOM_TOOLS_AXIOM_BENCH_SERVE_STATISTICS_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::bench {

/// Mean, deviation and percentiles as numpy has them: of the whole set, linear between two values.
struct Distribution {
  double mean = 0, median = 0, deviation = 0, p50 = 0, p90 = 0, p99 = 0, most = 0;
  uint64_t count = 0;
};

/// Sorts `values`. All zero without values.
Distribution distribution(std::vector<double> &values);
/// Of sorted values; `share` from 0 to 1.
double percentile(const std::vector<double> &sorted, double share);

/// What a client was meant to do.
enum class Behaviour : uint8_t {
  Plain,
  HangUp,   ///< closes in the middle
  Slow,     ///< reads a few bytes a second
  HalfOpen, ///< falls silent: in the middle of the request, or after it
};

/// A request and what came of it. Times in seconds since the run's start; negative: never.
struct Record {
  Behaviour behaviour = Behaviour::Plain;
  bool completed = false; ///< the whole stream came
  bool spoiled = false;   ///< given up as it was meant to be
  int status = 0;         ///< of the answer; 0: none came
  double sent = -1, first = -1, last = -1;
  uint32_t promptTokens = 0, outputTokens = 0, cachedTokens = 0;
  std::vector<float> gaps; ///< seconds between events with text
  std::string error;

  double ttft() const { return first - sent; }
  double e2el() const { return last - sent; }
  /// Seconds per token after the first.
  double tpot() const { return outputTokens > 1 ? (last - first) / (outputTokens - 1) : 0; }
  bool rejected() const { return status == 429 || status == 503; }
};

/// Bounds in milliseconds that a good request keeps; infinite where none is given.
struct Goodput {
  double ttft = std::numeric_limits<double>::infinity(), tpot = ttft, e2el = ttft;
  bool given = false;

  bool good(const Record &record) const;
};

/// "ttft:500", "tpot:50", "e2el:5000", each once.
Result<Goodput> parseGoodput(const std::vector<std::string> &words);

struct Summary {
  double duration = 0; ///< seconds
  uint64_t completed = 0;
  uint64_t failed = 0;   ///< with those rejected, without those spoiled on purpose
  uint64_t rejected = 0; ///< 429 and 503
  uint64_t spoiled = 0, slow = 0;
  uint64_t inputTokens = 0, outputTokens = 0, cachedTokens = 0;
  uint64_t good = 0;
  uint64_t goodTokens = 0;                ///< output of the good ones
  Distribution ttft, tpot, itl, e2el;     ///< milliseconds, of plain clients that completed
  Distribution rejection;                 ///< milliseconds to the answer
  std::map<int, uint64_t> statuses;       ///< 0: no answer
  std::map<std::string, uint64_t> errors; ///< without those rejected

  double perSecond(uint64_t count) const {
    return duration > 0 ? static_cast<double>(count) / duration : 0;
  }
};

Summary summarize(const std::vector<Record> &records, double duration, const Goodput &goodput);

} // namespace axiom::bench

#endif
