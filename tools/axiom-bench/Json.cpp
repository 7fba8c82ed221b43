#include "tools/axiom-bench/LimitLoops.h"
#include "tools/axiom-bench/Report.h"
#include "tools/axiom-bench/Tables.h"

#include <nlohmann/json.hpp>

namespace axiom::bench {

using Json = nlohmann::ordered_json;

namespace {

/// null for what is not known.
Json known(double value) { return value > 0 ? Json(value) : Json(nullptr); }

Json shareJson(const std::optional<Share> &share) {
  if (!share)
    return nullptr;
  return {{"share", share->value}};
}

Json streamShareJson(const std::optional<Share> &share) {
  Json json = shareJson(share);
  if (share)
    json["helped_by_cache"] = share->helpedByCache();
  return json;
}

Json lineJson(const PhaseLine &line) {
  return {{"name", line.name}, {"ms", line.ms}, {"share", line.share}};
}

Json profileJson(const RowResult &r) {
  ProfileTable table = profileTable(r.profile, r.work, r.seconds);
  Json phases = Json::array();
  for (const PhaseLine &line : table.tasks) {
    Json phase = lineJson(line);
    phase.update({{"wait_ms", line.waitMs},
                  {"skew_ms", line.skewMs},
                  {"weight_bytes", line.work.weightBytes},
                  {"kv_bytes", line.work.kvReadBytes + line.work.kvWriteBytes},
                  {"linear_multiply_adds", line.work.linearMacs},
                  {"attention_multiply_adds", line.work.attentionMacs},
                  {"gb_s", line.gigabytes()},
                  {"g_multiply_adds_s", line.gigamacs()}});
    phases.push_back(std::move(phase));
  }
  return {{"steps", r.profile.steps},
          {"threads", r.profile.threads},
          {"step_ms", table.stepMs},
          {"phases", std::move(phases)},
          {"barriers", lineJson(table.barriers)},
          {"dispatch", lineJson(table.dispatch)},
          {"outside", lineJson(table.outside)}};
}

Json limitsJson(const RowResult &r, const ReportContext &c) {
  RowShares s = rowShares(r, c.load == "map");
  Json stream = Json::object();
  for (size_t k = 0; k < s.limits.stream.size(); ++k) {
    Json loops = Json::object();
    for (size_t l = 0; l < streamLoops().size(); ++l)
      loops[streamLoops()[l].name] =
          l < s.limits.streamLoops[k].size() ? known(s.limits.streamLoops[k][l]) : nullptr;
    loops["best"] = known(s.limits.stream[k]);
    stream[pageKindName(kPageKinds[k])] = std::move(loops);
  }
  Json compute = Json::object();
  for (size_t l = 0; l < computeLoops().size(); ++l)
    compute[computeLoops()[l].key] = {{"one_thread", known(s.limits.oneCore[l])},
                                      {"all_threads", known(s.limits.allCores[l])}};
  return {{"samples", r.limits.size()},
          {"stream_bytes", c.limitBytes},
          {"stream_gb_s", std::move(stream)},
          {"g_multiply_adds_s", std::move(compute)},
          {"bytes_per_step", s.bytesPerStep},
          {"weight_bytes_per_step", s.weightBytesPerStep},
          {"gb_s", s.gigabytes},
          {"stream_pages", s.filePages ? "file_mapped" : "anonymous_huge"},
          {"of_stream", streamShareJson(s.ofStream)},
          {"linear_g_multiply_adds_s", s.gigamacs},
          {"of_maddubs", shareJson(s.ofMaddubs)},
          {"linear_phases_g_multiply_adds_s", known(s.kernelGigamacs)},
          {"linear_phases_of_maddubs", shareJson(s.kernelsOfMaddubs)},
          {"notes", c.limitNotes}};
}

} // namespace

std::string jsonReport(const std::vector<RowResult> &rows, const ReportContext &c) {
  Json list = Json::array();
  for (const RowResult &r : rows) {
    Json row = {{"model", c.model},
                {"backend", c.info.target},
                {"model_size", c.info.weight_bytes},
                {"model_n_params", c.info.num_weights},
                {"load", c.load},
                {"n_threads", r.threads},
                {"n_prompt", r.row.numPrompt},
                {"n_gen", r.row.numGen},
                {"n_parallel", r.row.numParallel},
                {"n_depth", r.row.depth},
                {"avg_ts", r.mean()},
                {"stddev_ts", r.deviation()},
                {"median_ts", median(r.rates)},
                {"samples_ts", r.rates}};
    if (c.evictBytes > 0)
      row["evict_bytes"] = c.evictBytes;
    if (c.profile)
      row["profile"] = profileJson(r);
    if (c.limits)
      row["limits"] = limitsJson(r, c);
    list.push_back(std::move(row));
  }
  // Names come from the file and need not be UTF-8.
  return list.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace axiom::bench
