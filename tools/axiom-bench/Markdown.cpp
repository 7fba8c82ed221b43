#include "tools/axiom-bench/LimitLoops.h"
#include "tools/axiom-bench/Report.h"
#include "tools/axiom-bench/Tables.h"

namespace axiom::bench {

namespace {

double mega(uint64_t value) { return static_cast<double>(value) / 1e6; }

/// A figure, or n/a for 0.
std::string figure(double value) { return value > 0 ? format("%.1f", value) : "n/a"; }

void rowTable(const std::vector<RowResult> &rows, const ReportContext &c, std::string &out) {
  out += "| model | size | params | backend | threads | test | t/s |\n"
         "| --- | ---: | ---: | --- | ---: | ---: | ---: |\n";
  for (const RowResult &r : rows)
    out += format("| %s | %.2f MiB | %.2f M | %s | %u | %s | %.2f ± %.2f |\n", c.model.c_str(),
                  static_cast<double>(c.info.weight_bytes) / (1024.0 * 1024.0),
                  static_cast<double>(c.info.num_weights) / 1e6, c.info.target, r.threads,
                  r.row.test().c_str(), r.mean(), r.deviation());
}

/// The limits over all rows.
void limitTables(const std::vector<RowResult> &rows, const ReportContext &c, std::string &out) {
  std::vector<LimitSample> all;
  for (const RowResult &r : rows)
    all.insert(all.end(), r.limits.begin(), r.limits.end());
  LimitSummary sum = summarize(all);
  out += format("\nLimits, median of %zu measurements between the runs, %u threads; reads of %.2f "
                "GB, GB/s:\n\n| pages |",
                all.size(), rows[0].threads, static_cast<double>(c.limitBytes) / 1e9);
  for (const StreamLoop &loop : streamLoops())
    out += format(" %s |", loop.name);
  out += " best |\n| --- |";
  for (size_t l = 0; l <= streamLoops().size(); ++l)
    out += " ---: |";
  for (size_t k = 0; k < sum.stream.size(); ++k) {
    out += format("\n| %s |", pageKindName(kPageKinds[k]));
    for (size_t l = 0; l < streamLoops().size(); ++l)
      out += " " + figure(l < sum.streamLoops[k].size() ? sum.streamLoops[k][l] : 0) + " |";
    out += " " + figure(sum.stream[k]) + " |";
  }
  out += "\n\n| 10^9 multiply-adds a second | one thread | all threads |\n| --- | ---: | ---: |\n";
  for (size_t l = 0; l < computeLoops().size(); ++l)
    out += format("| %s | %s | %s |\n", computeLoops()[l].name, figure(sum.oneCore[l]).c_str(),
                  figure(sum.allCores[l]).c_str());
  for (const std::string &note : c.limitNotes)
    out += "\n" + note + "\n";
}

void shareTable(const std::vector<RowResult> &rows, const ReportContext &c, std::string &out) {
  out += "\n| test | MB a step | of it weights | GB/s | stream GB/s | share | linear G/s | maddubs "
         "G/s | share | share of the linear phases |\n"
         "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
  for (const RowResult &r : rows) {
    RowShares s = rowShares(r, c.load == "map");
    out += format("| %s | %.2f | %.2f | %.1f | %s | %s | %.1f | %s | %s | %s |\n",
                  r.row.test().c_str(), s.bytesPerStep / 1e6, s.weightBytesPerStep / 1e6,
                  s.gigabytes, figure(s.stream).c_str(), streamShareText(s.ofStream).c_str(),
                  s.gigamacs, figure(s.limits.compute("maddubs")).c_str(),
                  shareText(s.ofMaddubs).c_str(), shareText(s.kernelsOfMaddubs).c_str());
  }
}

void profileTables(const RowResult &r, std::string &out) {
  ProfileTable table = profileTable(r.profile, r.work, r.seconds);
  out +=
      format("\n%s: %.3f ms a step, mean of %llu steps\n\n"
             "| phase | ms | share | wait ms | skew ms | weights MB | KV MB | M multiply-adds | "
             "GB/s | G/s |\n"
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
             r.row.test().c_str(), table.stepMs, static_cast<unsigned long long>(r.profile.steps));
  for (const PhaseLine &line : table.tasks)
    out += format("| %s | %.4f | %.1f %% | %.4f | %.4f | %.3f | %.3f | %.3f | %.1f | %.1f |\n",
                  line.name.c_str(), line.ms, line.share * 100, line.waitMs, line.skewMs,
                  mega(line.work.weightBytes), mega(line.work.kvReadBytes + line.work.kvWriteBytes),
                  mega(line.work.macs()), line.gigabytes(), line.gigamacs());
  for (const PhaseLine *line : {&table.barriers, &table.dispatch, &table.outside})
    out += format("| %s | %.4f | %.1f %% | | | | | | | |\n", line->name.c_str(), line->ms,
                  line->share * 100);
}

} // namespace

std::string markdownReport(const std::vector<RowResult> &rows, const ReportContext &context) {
  std::string out;
  rowTable(rows, context, out);
  if (context.evictBytes > 0)
    out += format("\nBefore each step of a generation %.2f GB of other memory were read, outside "
                  "of its time.\n",
                  static_cast<double>(context.evictBytes) / 1e9);
  if (context.limits) {
    limitTables(rows, context, out);
    shareTable(rows, context, out);
  }
  if (context.profile)
    for (const RowResult &row : rows)
      profileTables(row, out);
  return out;
}

} // namespace axiom::bench
