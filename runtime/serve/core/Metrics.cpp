#include "runtime/serve/core/Metrics.h"

#include "runtime/serve/openai/Json.h"

#include <algorithm>

namespace axiom::serve {
namespace {

constexpr double kFirstToken[] = {0.001, 0.005, 0.01, 0.02,  0.04,  0.06,  0.08, 0.1,
                                  0.25,  0.5,   0.75, 1.0,   2.5,   5.0,   7.5,  10.0,
                                  20.0,  40.0,  80.0, 160.0, 640.0, 2560.0};
constexpr double kBetween[] = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2,  0.3,  0.4, 0.5,
                               0.75, 1.0,   2.5,  5.0,   7.5, 10.0, 20.0, 40.0, 80.0};
constexpr double kRequest[] = {0.3,  0.5,   0.8,   1.0,   1.5,   2.0,    2.5,
                               5.0,  10.0,  15.0,  20.0,  30.0,  40.0,   50.0,
                               60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};
constexpr double kTokens[] = {1,   2,    5,    10,   20,    50,    100,   200,
                              500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};

constexpr const char *kEndingNames[kEndings] = {"stop", "length", "abort", "error"};

/// A number of Prometheus' form.
std::string number(double value) {
  std::string text;
  openai::JsonWriter(text).number(value);
  return text;
}

/// A label's value: quotes, backslashes and line ends escaped.
std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '"')
      out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

} // namespace

const char *endingName(Ending ending) { return kEndingNames[static_cast<size_t>(ending)]; }

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds), counts_(new std::atomic<uint64_t>[bounds.size() + 1]()) {}

void Histogram::observe(double value) {
  size_t at = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[at].fetch_add(1, std::memory_order_relaxed);
  micro_.fetch_add(static_cast<uint64_t>(std::max(value, 0.0) * 1e6), std::memory_order_relaxed);
}

void Histogram::write(std::string &out, std::string_view name, std::string_view labels) const {
  std::string base(name), all(labels);
  out += "# TYPE " + base + " histogram\n";
  uint64_t total = 0;
  for (size_t i = 0; i <= bounds_.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    std::string bound = i < bounds_.size() ? number(bounds_[i]) : "+Inf";
    out += base + "_bucket{" + all + ",le=\"" + bound + "\"} " + std::to_string(total) + "\n";
  }
  out += base + "_sum{" + all + "} " + number(static_cast<double>(micro_.load()) / 1e6) + "\n";
  out += base + "_count{" + all + "} " + std::to_string(total) + "\n";
}

Metrics::Metrics(std::string prefix, std::string model)
    : timeToFirstToken(kFirstToken), interTokenLatency(kBetween), endToEnd(kRequest),
      queueTime(kRequest), promptTokens(kTokens), generationTokens(kTokens),
      prefix_(std::move(prefix)), labels_("model_name=\"" + escaped(model) + "\"") {}

std::string Metrics::text(const engine::Stats &s, const ServerState &server) const {
  std::string out;
  auto line = [&](const char *type, const char *name, const char *help, double value,
                  const std::string &more = {}) {
    std::string full = prefix_ + ":" + name;
    if (type)
      out += "# HELP " + full + " " + help + "\n# TYPE " + full + " " + type + "\n";
    out += full + "{" + labels_ + more + "} " + number(value) + "\n";
  };
  auto d = [](uint64_t value) { return static_cast<double>(value); };
  line("gauge", "num_requests_running", "Sequences that run.", s.running);
  line("gauge", "num_requests_waiting", "Sequences that wait.", s.queued);
  line("gauge", "queued_tokens", "Prompt tokens of requests that wait.", d(s.queuedTokens));
  line("gauge", "kv_cache_usage_perc", "Share of the KV blocks in use, 0 to 1.",
       s.blocksTotal ? d(s.blocksUsed) / d(s.blocksTotal) : 0);
  line("counter", "prompt_tokens_total", "Prompt tokens computed.", d(s.promptTokens));
  line("counter", "generation_tokens_total", "Tokens generated.", d(s.outputTokens));
  line("counter", "num_preemptions_total", "Sequences preempted.", d(s.preemptions));
  line("counter", "prefix_cache_queries_total", "Prompt tokens looked for in the KV memory.",
       d(s.prefixQueries));
  line("counter", "prefix_cache_hits_total", "Prompt tokens found in the KV memory.",
       d(s.prefixHits));
  line("counter", "spec_decode_num_drafts_total", "Drafts of next tokens.", d(s.drafts));
  line("counter", "spec_decode_num_draft_tokens_total", "Tokens of drafts.", d(s.draftTokens));
  line("counter", "spec_decode_num_accepted_tokens_total", "Tokens of drafts that were right.",
       d(s.acceptedDraftTokens));
  line("counter", "engine_steps_total", "Steps of the engine.", d(s.steps));
  line("counter", "admission_rejections_total", "Requests refused with 429.", d(refused.load()));
  line("counter", "engine_stalls_total", "Steps that took longer than they may.", d(server.stalls));
  line("counter", "log_lines_dropped_total", "Lines of the log that could not be written.",
       d(server.logDropped));
  line("counter", "log_lines_left_out_total", "Lines about errors above the limit on them.",
       d(server.logLeftOut));
  for (size_t i = 0; i < kEndings; ++i)
    line(i == 0 ? "counter" : nullptr, "request_success_total", "Requests by their end.",
         d(finished[i].load()), std::string(",finished_reason=\"") + kEndingNames[i] + "\"");
  auto histogram = [&](const char *name, const Histogram &h) {
    h.write(out, prefix_ + ":" + name, labels_);
  };
  histogram("time_to_first_token_seconds", timeToFirstToken);
  histogram("inter_token_latency_seconds", interTokenLatency);
  histogram("e2e_request_latency_seconds", endToEnd);
  histogram("request_queue_time_seconds", queueTime);
  histogram("request_prompt_tokens", promptTokens);
  histogram("request_generation_tokens", generationTokens);
  return out;
}

} // namespace axiom::serve
