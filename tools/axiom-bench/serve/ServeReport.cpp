#include "tools/axiom-bench/serve/ServeReport.h"

#include <cinttypes>
#include <cmath>
#include <nlohmann/json.hpp>

namespace axiom::bench {

using Json = nlohmann::ordered_json;

namespace {

std::string line(const std::string &what, double value) {
  return format("%-45s %12.2f\n", what.c_str(), value);
}
std::string line(const std::string &what, uint64_t value) {
  return format("%-45s %12" PRIu64 "\n", what.c_str(), value);
}

std::string title(const char *text) {
  std::string words = *text ? " " + std::string(text) + " " : "";
  size_t left = (58 - words.size()) / 2;
  return std::string(left, '-') + words + std::string(58 - left - words.size(), '-') + "\n";
}

std::string block(const char *heading, const char *name, const Distribution &d) {
  std::string n = name;
  return title(heading) + line("Mean " + n + " (ms):", d.mean) +
         line("Median " + n + " (ms):", d.median) + line("P90 " + n + " (ms):", d.p90) +
         line("P99 " + n + " (ms):", d.p99);
}

void put(Json &json, const std::string &name, const Distribution &d) {
  json["mean_" + name + "_ms"] = d.mean;
  json["median_" + name + "_ms"] = d.median;
  json["std_" + name + "_ms"] = d.deviation;
  json["p50_" + name + "_ms"] = d.p50;
  json["p90_" + name + "_ms"] = d.p90;
  json["p99_" + name + "_ms"] = d.p99;
  json["max_" + name + "_ms"] = d.most;
}

Json bound(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json details(const LoadResult &result) {
  Json inputs = Json::array(), outputs = Json::array(), ttfts = Json::array(), itls = Json::array(),
       statuses = Json::array(), starts = Json::array(), errors = Json::array();
  for (const Record &r : result.records) {
    if (r.sent < 0)
      continue;
    starts.push_back(r.sent);
    inputs.push_back(r.promptTokens);
    outputs.push_back(r.outputTokens);
    ttfts.push_back(r.ttft());
    itls.push_back(r.gaps);
    statuses.push_back(r.status);
    errors.push_back(r.error);
  }
  return {{"start_times", starts}, {"input_lens", inputs}, {"output_lens", outputs},
          {"ttfts", ttfts},        {"itls", itls},         {"statuses", statuses},
          {"errors", errors}};
}

} // namespace

std::string serveTable(const Summary &s, const LoadResult &result, const ServeContext &context) {
  std::string text = title("Serving Benchmark Result");
  text += line("Successful requests:", s.completed) + line("Failed requests:", s.failed);
  if (s.rejected > 0)
    text += line("  of these rejected (429, 503):", s.rejected);
  if (s.spoiled > 0)
    text += line("Spoiled on purpose:", s.spoiled);
  if (s.slow > 0)
    text += line("Successful slow readers (times left out):", s.slow);
  if (context.load.maxConcurrency > 0)
    text += line("Maximum request concurrency:", uint64_t(context.load.maxConcurrency));
  if (context.load.rate > 0)
    text += line("Request rate configured (RPS):", context.load.rate);
  text += line("Benchmark duration (s):", s.duration);
  text += line("Total input tokens:", s.inputTokens);
  if (s.cachedTokens > 0)
    text += line("  of these found in the server's cache:", s.cachedTokens);
  text += line("Total generated tokens:", s.outputTokens);
  text += line("Request throughput (req/s):", s.perSecond(s.completed));
  if (context.goodput.given)
    text += line("Request goodput (req/s):", s.perSecond(s.good));
  text += line("Output token throughput (tok/s):", s.perSecond(s.outputTokens));
  text += line("Total token throughput (tok/s):", s.perSecond(s.inputTokens + s.outputTokens));
  text += line("Peak concurrent requests:", result.mostActive);
  text += line("CPU seconds of this client:", result.cpuSeconds);
  text += block("Time to First Token", "TTFT", s.ttft);
  text += block("Time per Output Token (excl. 1st token)", "TPOT", s.tpot);
  text += block("Inter-token Latency", "ITL", s.itl);
  text += block("End-to-end Latency", "E2EL", s.e2el);
  if (s.rejected > 0)
    text += title("Rejections") + line("Median time to the answer (ms):", s.rejection.median) +
            line("P99 time to the answer (ms):", s.rejection.p99);
  if (!s.errors.empty())
    text += title("Errors");
  for (auto &[what, count] : s.errors)
    text += format("%8" PRIu64 "  %s\n", count, what.c_str());
  return text + title("");
}

std::string serveJson(const Summary &s, const LoadResult &result, const ServeContext &context) {
  const LoadOptions &load = context.load;
  Json json = {
      {"date", context.date},
      {"backend", load.chat ? "openai-chat" : "openai"},
      {"base_url", context.baseUrl},
      {"endpoint", context.endpoint},
      {"model_id", context.model},
      {"num_prompts", load.numPrompts},
      {"request_rate", load.rate > 0 ? Json(load.rate) : Json("inf")},
      {"max_concurrency", load.maxConcurrency > 0 ? Json(load.maxConcurrency) : Json(nullptr)},
      {"random_input_len", {load.prompts.input.least, load.prompts.input.most}},
      {"random_prefix_len", load.prompts.prefix},
      {"random_output_len", {load.prompts.output.least, load.prompts.output.most}},
      {"seed", load.prompts.seed},
      {"interrupted", result.stopped},
      {"duration", s.duration},
      {"completed", s.completed},
      {"failed", s.failed},
      {"rejected", s.rejected},
      {"spoiled", s.spoiled},
      {"slow_readers", s.slow},
      {"total_input_tokens", s.inputTokens},
      {"total_cached_tokens", s.cachedTokens},
      {"total_output_tokens", s.outputTokens},
      {"request_throughput", s.perSecond(s.completed)},
      {"request_goodput", context.goodput.given ? Json(s.perSecond(s.good)) : Json(nullptr)},
      {"good_output_throughput", s.perSecond(s.goodTokens)},
      {"output_throughput", s.perSecond(s.outputTokens)},
      {"total_token_throughput", s.perSecond(s.inputTokens + s.outputTokens)},
      {"max_concurrent_requests", result.mostActive},
      {"client_cpu_seconds", result.cpuSeconds}};
  if (context.goodput.given)
    json["goodput_bounds_ms"] = {{"ttft", bound(context.goodput.ttft)},
                                 {"tpot", bound(context.goodput.tpot)},
                                 {"e2el", bound(context.goodput.e2el)}};
  put(json, "ttft", s.ttft);
  put(json, "tpot", s.tpot);
  put(json, "itl", s.itl);
  put(json, "e2el", s.e2el);
  put(json, "rejection", s.rejection);
  Json statuses = Json::object(), errors = Json::object();
  for (auto &[status, count] : s.statuses)
    statuses[std::to_string(status)] = count;
  for (auto &[what, count] : s.errors)
    errors[what] = count;
  json["statuses"] = statuses;
  json["error_counts"] = errors;
  if (context.detailed)
    json.update(details(result));
  // Texts come from a server and need not be UTF-8.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace axiom::bench
