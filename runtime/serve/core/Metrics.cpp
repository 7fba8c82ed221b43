#include "runtime/serve/core/Metrics.h"

#include "runtime/serve/openai/Json.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <functional>
#include <sys/resource.h>
#include <unistd.h>

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
constexpr double kSamples[] = {1, 2, 5, 10, 20};

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

template <size_t N> std::vector<double> list(const double (&values)[N]) {
  return {values, values + N};
}

/// 1, 2, 5, 10, 20 ... up to `most`.
std::vector<double> tokenBounds(uint64_t most) {
  std::vector<double> bounds;
  for (uint64_t power = 1;; power *= 10)
    for (uint64_t digit : {1, 2, 5}) {
      if (digit * power > most)
        return bounds;
      bounds.push_back(static_cast<double>(digit * power));
    }
}

void describe(std::string &out, std::string_view name, const char *type, std::string_view help) {
  out += "# HELP " + std::string(name) + " " + std::string(help) + "\n# TYPE " + std::string(name) +
         " " + type + "\n";
}

/// `counts` has one more than `bounds`.
void writeBuckets(std::string &out, std::string_view name, std::string_view labels,
                  std::span<const double> bounds, const std::function<uint64_t(size_t)> &counts,
                  double sum) {
  std::string base(name), all(labels);
  uint64_t total = 0;
  for (size_t i = 0; i <= bounds.size(); ++i) {
    total += counts(i);
    std::string bound = i < bounds.size() ? number(bounds[i]) : "+Inf";
    out += base + "_bucket{" + all + ",le=\"" + bound + "\"} " + std::to_string(total) + "\n";
  }
  out += base + "_sum{" + all + "} " + number(sum) + "\n";
  out += base + "_count{" + all + "} " + std::to_string(total) + "\n";
}

double asDouble(uint64_t value) { return static_cast<double>(value); }

/// Virtual and resident.
std::pair<uint64_t, uint64_t> memoryBytes() {
  unsigned long long pages = 0, total = 0, page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  if (FILE *file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%llu %llu", &total, &pages) != 2)
      total = pages = 0;
    std::fclose(file);
  }
  return {total * page, pages * page};
}

const std::time_t kBegan = std::time(nullptr);

/// What Prometheus' own clients tell of a process, without a prefix.
void writeProcess(std::string &out) {
  auto gauge = [&](const char *type, const char *name, const char *help, double value) {
    describe(out, name, type, help);
    out += std::string(name) + " " + number(value) + "\n";
  };
  auto [total, resident] = memoryBytes();
  gauge("gauge", "process_virtual_memory_bytes", "Virtual memory.", asDouble(total));
  gauge("gauge", "process_resident_memory_bytes", "Resident memory, with mapped files.",
        asDouble(resident));
  timespec cpu{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  gauge("counter", "process_cpu_seconds_total", "Processor time.",
        static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) / 1e9);
  gauge("gauge", "process_start_time_seconds", "When the process began, in seconds since 1970.",
        static_cast<double>(kBegan));
  std::error_code error;
  uint64_t files = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error))
    ++files;
  gauge("gauge", "process_open_fds", "Open files.", asDouble(files));
  rlimit most{};
  if (getrlimit(RLIMIT_NOFILE, &most) == 0)
    gauge("gauge", "process_max_fds", "Most open files.", asDouble(most.rlim_cur));
}

} // namespace

uint64_t residentBytes() { return memoryBytes().second; }

const char *endingName(Ending ending) { return kEndingNames[static_cast<size_t>(ending)]; }

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(new std::atomic<uint64_t>[bounds_.size() + 1]()) {}

void Histogram::observe(double value) {
  size_t at = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[at].fetch_add(1, std::memory_order_relaxed);
  micro_.fetch_add(static_cast<uint64_t>(std::max(value, 0.0) * 1e6), std::memory_order_relaxed);
}

void Histogram::write(std::string &out, std::string_view name, std::string_view labels,
                      std::string_view help) const {
  describe(out, name, "histogram", help);
  writeBuckets(
      out, name, labels, bounds_,
      [&](size_t i) { return counts_[i].load(std::memory_order_relaxed); },
      asDouble(micro_.load()) / 1e6);
}

Metrics::Metrics(std::string prefix, std::string model, uint64_t context)
    : timeToFirstToken(list(kFirstToken)), interTokenLatency(list(kBetween)),
      timePerToken(list(kBetween)), endToEnd(list(kRequest)), queueTime(list(kRequest)),
      inferenceTime(list(kRequest)), prefillTime(list(kRequest)), decodeTime(list(kRequest)),
      promptTokens(tokenBounds(context)), computedTokens(tokenBounds(context)),
      generationTokens(tokenBounds(context)), maxTokens(tokenBounds(context)),
      samples(list(kSamples)), prefix_(std::move(prefix)),
      labels_("model_name=\"" + escaped(model) + "\",engine=\"0\"") {}

void Metrics::line(std::string &out, const char *type, const char *name, const char *help,
                   double value, const std::string &more) const {
  std::string full = prefix_ + ":" + name;
  if (type)
    describe(out, full, type, help);
  out += full + "{" + labels_ + more + "} " + number(value) + "\n";
}

void Metrics::engine(std::string &out, const engine::Stats &s, const ServerState &state) const {
  auto gauge = [&](const char *name, const char *help, double value) {
    line(out, "gauge", name, help, value);
  };
  auto counter = [&](const char *name, const char *help, uint64_t value) {
    line(out, "counter", name, help, asDouble(value));
  };
  double used = s.blocksTotal ? asDouble(s.blocksUsed) / asDouble(s.blocksTotal) : 0;
  gauge("num_requests_running", "Sequences that run.", s.running);
  gauge("num_requests_waiting", "Sequences that wait.", s.queued);
  gauge("queued_tokens", "Prompt tokens of requests that wait.", asDouble(s.queuedTokens));
  gauge("kv_cache_usage_perc", "Share of the KV blocks in use, 0 to 1.", used);
  gauge("gpu_cache_usage_perc", "The older name of kv_cache_usage_perc.", used);
  line(out, "gauge", "cache_config_info", "The KV memory, as labels.", 1,
       ",block_size=\"" + std::to_string(AXM_KV_BLOCK) + "\",num_gpu_blocks=\"" +
           std::to_string(s.blocksTotal) + "\",enable_prefix_caching=\"" +
           (state.prefixCache ? "True" : "False") + "\"");
  counter("prompt_tokens_total", "Prompt tokens, computed or found.",
          s.promptTokens + s.prefixHits);
  for (bool found : {false, true})
    line(out, found ? nullptr : "counter", "prompt_tokens_by_source_total",
         "Prompt tokens by where they are from.", asDouble(found ? s.prefixHits : s.promptTokens),
         found ? ",source=\"local_cache_hit\"" : ",source=\"local_compute\"");
  counter("prompt_tokens_cached_total", "Prompt tokens found in the KV memory.", s.prefixHits);
  counter("prompt_tokens_recomputed_total", "Tokens computed again after a preemption.",
          s.recomputedTokens);
  counter("generation_tokens_total", "Tokens generated.", s.outputTokens);
  counter("num_preemptions_total", "Sequences preempted.", s.preemptions);
  counter("prefix_cache_queries_total", "Prompt tokens looked for in the KV memory.",
          s.prefixQueries);
  counter("prefix_cache_hits_total", "Prompt tokens found in the KV memory.", s.prefixHits);
  counter("gpu_prefix_cache_queries_total", "The older name of prefix_cache_queries_total.",
          s.prefixQueries);
  counter("gpu_prefix_cache_hits_total", "The older name of prefix_cache_hits_total.",
          s.prefixHits);
  counter("spec_decode_num_drafts_total", "Drafts of next tokens.", s.drafts);
  counter("spec_decode_num_draft_tokens_total", "Tokens of drafts.", s.draftTokens);
  counter("spec_decode_num_accepted_tokens_total", "Tokens of drafts that were right.",
          s.acceptedDraftTokens);
  counter("structured_output_masks_total", "Token masks made by grammars.", s.masks);
  line(out, "counter", "structured_output_mask_seconds_total", "Time of making them.",
       asDouble(s.maskNs) * 1e-9);
  counter("engine_steps_total", "Steps of the engine.", s.steps);
  for (const char *state : {"awake", "weights_offloaded", "discard_all"})
    line(out, state[0] == 'a' ? "gauge" : nullptr, "engine_sleep_state",
         "1 at what holds: awake, or asleep without KV memory and resident weights.",
         s.asleep ? state[0] == 'd' : state[0] == 'a',
         std::string(",sleep_state=\"") + state + "\"");
  counter("engine_sleeps_total", "Times that the engine fell asleep.", s.sleeps);
  counter("engine_stalls_total", "Steps that took longer than they may.", state.stalls);
  std::string name = prefix_ + ":iteration_tokens_total";
  describe(out, name, "histogram", "Tokens of a step.");
  writeBuckets(
      out, name, labels_, engine::kStepTokens, [&](size_t i) { return s.stepTokens[i]; },
      asDouble(s.stepTokensSum));
}

void Metrics::requests(std::string &out) const {
  for (size_t i = 0; i < kEndings; ++i)
    line(out, i == 0 ? "counter" : nullptr, "request_success_total", "Requests by their end.",
         asDouble(finished[i].load()), std::string(",finished_reason=\"") + kEndingNames[i] + "\"");
  line(out, "counter", "admission_rejections_total", "Requests refused with 429.",
       asDouble(refused.load()));
  auto histogram = [&](const char *name, const Histogram &h, const char *help) {
    h.write(out, prefix_ + ":" + name, labels_, help);
  };
  histogram("time_to_first_token_seconds", timeToFirstToken, "From a request to its first token.");
  histogram("inter_token_latency_seconds", interTokenLatency, "Between two tokens.");
  histogram("time_per_output_token_seconds", interTokenLatency,
            "The older name of inter_token_latency_seconds.");
  histogram("request_time_per_output_token_seconds", timePerToken,
            "Mean time between the tokens of a request.");
  histogram("e2e_request_latency_seconds", endToEnd, "From a request to its last token.");
  histogram("request_queue_time_seconds", queueTime, "From a request to its first step.");
  histogram("request_inference_time_seconds", inferenceTime,
            "From the first step of a request to its last token.");
  histogram("request_prefill_time_seconds", prefillTime,
            "From the first step of a request to its first token.");
  histogram("request_decode_time_seconds", decodeTime, "From the first token to the last.");
  histogram("request_prompt_tokens", promptTokens, "Tokens of a prompt.");
  histogram("request_prefill_kv_computed_tokens", computedTokens,
            "Tokens of a prompt that were not found in the KV memory.");
  histogram("request_generation_tokens", generationTokens, "Tokens of an answer.");
  histogram("request_max_num_generation_tokens", maxTokens, "Tokens that an answer may have.");
  histogram("request_params_max_tokens", maxTokens, "The limit max_tokens of a request.");
  histogram("request_params_n", samples, "Answers that a request asks for.");
}

void Metrics::server(std::string &out, const ServerState &state) const {
  line(out, "gauge", "http_open_connections", "Open connections.",
       asDouble(state.http.openConnections));
  line(out, "gauge", "http_active_requests", "Requests that are being answered.",
       asDouble(state.http.activeRequests));
  line(out, "counter", "http_connections_total", "Connections accepted.",
       asDouble(state.http.connections));
  line(out, "counter", "http_requests_total", "Requests taken.", asDouble(state.http.requests));
  for (size_t i = 0; i < http::kReasons; ++i)
    line(out, i == 0 ? "counter" : nullptr, "http_refused_total",
         "Requests refused and connections dropped by the HTTP layer.",
         asDouble(state.http.rejected[i]),
         std::string(",reason=\"") + http::reasonName(static_cast<http::Reason>(i)) + "\"");
  const GrammarCounts &g = state.grammars;
  const std::pair<const char *, uint64_t> results[] = {
      {"compiled", g.compiled}, {"failed", g.failed}, {"reused", g.reused}};
  for (const auto &[result, count] : results)
    line(out, result == results[0].first ? "counter" : nullptr, "structured_output_grammars_total",
         "Grammars of requests: compiled, failed to compile, or found.", asDouble(count),
         std::string(",result=\"") + result + "\"");
  line(out, "counter", "structured_output_compile_seconds_total",
       "Time of compiling grammars, the queue for it left out.", asDouble(g.compileNs) * 1e-9);
  line(out, "counter", "log_lines_dropped_total", "Lines of the log that could not be written.",
       asDouble(state.logDropped));
  line(out, "counter", "log_lines_left_out_total", "Lines about errors above the limit on them.",
       asDouble(state.logLeftOut));
}

std::string Metrics::text(const engine::Stats &stats, const ServerState &state) const {
  std::string out;
  engine(out, stats, state);
  requests(out);
  server(out, state);
  writeProcess(out);
  return out;
}

} // namespace axiom::serve
