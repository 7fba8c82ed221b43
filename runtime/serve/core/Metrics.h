// What the server measures of requests, in Prometheus' text form, with the names, labels and
// buckets that vLLM has under the prefix `vllm`.
#ifndef AXIOM_RUNTIME_SERVE_CORE_METRICS_H
#define AXIOM_RUNTIME_SERVE_CORE_METRICS_H

#include "runtime/engine/Request.h"

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
  explicit Histogram(std::span<const double> bounds);
  void observe(double value);
  /// The lines of `name`; `labels` as in {model_name="x"}, without braces.
  void write(std::string &out, std::string_view name, std::string_view labels) const;

private:
  std::span<const double> bounds_;
  std::unique_ptr<std::atomic<uint64_t>[]> counts_; ///< of each bucket alone; the last is +Inf
  std::atomic<uint64_t> micro_{0};                  ///< the sum in millionths
};

/// A request's end, as the label finished_reason.
enum class Ending : uint8_t { Stop, Length, Abort, Error };
inline constexpr size_t kEndings = 4;
const char *endingName(Ending ending);

/// What the rest of the server counts.
struct ServerState {
  uint64_t stalls = 0;
  uint64_t logDropped = 0, logLeftOut = 0; ///< lines
};

class Metrics {
public:
  Metrics(std::string prefix, std::string model);

  Histogram timeToFirstToken, interTokenLatency, endToEnd, queueTime, promptTokens,
      generationTokens;
  std::array<std::atomic<uint64_t>, kEndings> finished{};
  std::atomic<uint64_t> refused{0}; ///< with 429

  std::string text(const engine::Stats &stats, const ServerState &server) const;

private:
  std::string prefix_, labels_;
};

} // namespace axiom::serve

#endif
