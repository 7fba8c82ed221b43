// What the server measures of requests, in Prometheus' text form, with the names, labels and
// buckets that vLLM has under the prefix `vllm`.
#ifndef AXIOM_RUNTIME_SERVE_CORE_METRICS_H
#define AXIOM_RUNTIME_SERVE_CORE_METRICS_H

#include "runtime/engine/Request.h"
#include "runtime/serve/http/Counters.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::serve {

/// Counts of observations up to each bound; any thread.
class Histogram {
public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);
  /// The lines of `name`; `labels` as in {model_name="x"}, without braces.
  void write(std::string &out, std::string_view name, std::string_view labels,
             std::string_view help) const;

private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<uint64_t>[]> counts_; ///< of each bucket alone; the last is +Inf
  std::atomic<uint64_t> micro_{0};                  ///< the sum in millionths
};

/// A request's end, as the label finished_reason.
enum class Ending : uint8_t { Stop, Length, Abort, Error };
inline constexpr size_t kEndings = 4;
const char *endingName(Ending ending);

/// Of grammars that requests ask for.
struct GrammarCounts {
  uint64_t compiled = 0, failed = 0, reused = 0;
  uint64_t compileNs = 0;
};

/// What the rest of the server counts.
struct ServerState {
  http::Counters http;
  bool prefixCache = false;
  uint64_t stalls = 0;
  GrammarCounts grammars;
  uint64_t logDropped = 0, logLeftOut = 0; ///< lines
};

/// Memory of this process that is in use now, with mapped files.
uint64_t residentBytes();

class Metrics {
public:
  /// `context`: the most tokens of a request.
  Metrics(std::string prefix, std::string model, uint64_t context);

  Histogram timeToFirstToken, interTokenLatency, timePerToken, endToEnd, queueTime, inferenceTime,
      prefillTime, decodeTime;
  Histogram promptTokens, computedTokens, generationTokens, maxTokens, samples;
  std::array<std::atomic<uint64_t>, kEndings> finished{};
  std::atomic<uint64_t> refused{0}; ///< with 429

  std::string text(const engine::Stats &stats, const ServerState &server) const;

private:
  void engine(std::string &out, const engine::Stats &stats, const ServerState &server) const;
  void requests(std::string &out) const;
  void server(std::string &out, const ServerState &server) const;
  void line(std::string &out, const char *type, const char *name, const char *help, double value,
            const std::string &more = {}) const;

  std::string prefix_, labels_;
};

} // namespace axiom::serve

#endif
