#include "tools/axiom-bench/Tables.h"

#include "tools/axiom-bench/LimitLoops.h"

#include <algorithm>

namespace axiom::bench {

namespace {

TaskWork perStep(TaskWork work, uint64_t steps) {
  for (uint64_t *value : {&work.weightBytes, &work.kvReadBytes, &work.kvWriteBytes,
                          &work.linearMacs, &work.attentionMacs, &work.floatLinearMacs})
    *value /= std::max<uint64_t>(steps, 1);
  return work;
}

double rate(uint64_t amount, double ms) {
  return ms > 0 ? static_cast<double>(amount) / (ms * 1e6) : 0;
}

} // namespace

double PhaseLine::gigabytes() const { return rate(work.bytes(), ms); }
double PhaseLine::gigamacs() const { return rate(work.macs(), ms); }

ProfileTable profileTable(const StepProfile &profile, const StepWork &work, double seconds) {
  ProfileTable table;
  double steps = static_cast<double>(std::max<uint64_t>(profile.steps, 1));
  double threads = std::max(profile.threads, 1u);
  auto ms = [&](uint64_t nanoseconds) {
    return static_cast<double>(nanoseconds) / 1e6 / steps / threads;
  };
  table.stepMs = seconds * 1e3 / steps;
  auto named = [&](const char *name, double value) {
    PhaseLine line;
    line.name = name;
    line.ms = value;
    line.share = table.stepMs > 0 ? value / table.stepMs : 0;
    return line;
  };
  for (const TaskWork &task : work.tasks)
    for (const StepProfile::Phase &phase : profile.phases) {
      if (phase.repeat != task.repeat || phase.phase != task.phase)
        continue;
      PhaseLine line = named(task.name.c_str(), ms(phase.busy[task.task]));
      if (task.repetitions > 1)
        line.name += " x" + std::to_string(task.repetitions);
      if (task.task + 1 == phase.busy.size()) { // the barrier is that of the phase
        line.waitMs = ms(phase.wait);
        line.skewMs = static_cast<double>(phase.skew) / 1e6 / steps;
      }
      line.work = perStep(task, profile.steps);
      table.tasks.push_back(std::move(line));
    }
  table.barriers = named("barrier wait", ms(profile.wait()));
  table.dispatch = named("thread wake-up", ms(profile.dispatch));
  double inside = static_cast<double>(profile.total) / 1e6 / steps;
  table.outside = named("outside of the plan", std::max(0.0, table.stepMs - inside));
  return table;
}

RowShares rowShares(const RowResult &result, bool filePages) {
  RowShares shares;
  shares.limits = summarize(result.limits);
  shares.filePages = filePages;
  for (size_t k = 0; k < shares.limits.stream.size(); ++k)
    if ((kPageKinds[k] == PageKind::FileMapped) == filePages)
      shares.stream = shares.limits.stream[k];
  TaskWork total = result.work.total();
  double steps = static_cast<double>(std::max<uint64_t>(result.steps, 1));
  shares.bytesPerStep = static_cast<double>(total.bytes()) / steps;
  shares.weightBytesPerStep = static_cast<double>(total.weightBytes) / steps;
  // By the median run, as the limits are medians too. All runs do the same work.
  double runs = static_cast<double>(std::max<size_t>(result.rates.size(), 1));
  double medianRate = median(result.rates);
  double seconds = medianRate > 0 ? static_cast<double>(result.tokens) / runs / medianRate : 0;
  if (seconds > 0) {
    shares.gigabytes = static_cast<double>(total.bytes()) / runs / seconds / 1e9;
    shares.gigamacs = static_cast<double>(total.linearMacs) / runs / seconds / 1e9;
  }
  if (!result.profile.phases.empty()) {
    double ms = 0, macs = 0;
    for (const PhaseLine &line : profileTable(result.profile, result.work, result.seconds).tasks)
      if (line.work.linearMacs > 0) {
        ms += line.ms;
        macs += static_cast<double>(line.work.linearMacs);
      }
    shares.kernelGigamacs = ms > 0 ? macs / (ms * 1e6) : 0;
  }
  double peak = shares.limits.compute("maddubs");
  shares.ofStream = shareOf(shares.gigabytes, shares.stream);
  shares.ofMaddubs = shareOf(shares.gigamacs, peak);
  if (shares.kernelGigamacs > 0)
    shares.kernelsOfMaddubs = shareOf(shares.kernelGigamacs, peak);
  return shares;
}

} // namespace axiom::bench
