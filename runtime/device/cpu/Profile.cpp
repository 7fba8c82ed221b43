#include "runtime/device/cpu/Profile.h"

#include <algorithm>
#include <chrono>

namespace axiom {

uint64_t StepProfile::busy() const {
  uint64_t sum = 0;
  for (const Phase &phase : phases)
    for (uint64_t task : phase.busy)
      sum += task;
  return sum;
}

uint64_t StepProfile::wait() const {
  uint64_t sum = 0;
  for (const Phase &phase : phases)
    sum += phase.wait;
  return sum;
}

StepProfile &StepProfile::operator+=(const StepProfile &other) {
  if (phases.empty())
    return *this = other;
  steps += other.steps;
  total += other.total;
  dispatch += other.dispatch;
  hooks += other.hooks;
  for (size_t p = 0; p < phases.size(); ++p) {
    phases[p].wait += other.phases[p].wait;
    phases[p].skew += other.phases[p].skew;
    for (size_t t = 0; t < phases[p].busy.size(); ++t)
      phases[p].busy[t] += other.phases[p].busy[t];
  }
  return *this;
}

Profiler::Profiler(const LoadedProgram &program, uint32_t threads) {
  profile_.threads = threads;
  const auto &repeats = program.plan.repeats;
  for (size_t r = 0; r < repeats.size(); ++r) {
    auto first = static_cast<uint32_t>(profile_.phases.size());
    for (size_t p = 0; p < repeats[r].phases.size(); ++p) {
      StepProfile::Phase phase;
      phase.repeat = static_cast<uint32_t>(r);
      phase.phase = static_cast<uint32_t>(p);
      phase.busy.resize(repeats[r].phases[p].tasks.size());
      profile_.phases.push_back(std::move(phase));
    }
    // The order of buildLaunchTable().
    for (uint32_t n = 0; n < repeats[r].count; ++n)
      for (uint32_t p = 0; p < repeats[r].phases.size(); ++p) {
        phases_.push_back(first + p);
        for (uint32_t t = 0; t < repeats[r].phases[p].tasks.size(); ++t)
          launches_.push_back({first + p, t});
      }
  }
  marks_.resize(threads);
  for (Marks &marks : marks_) {
    marks.busy.resize(launches_.size());
    marks.wait.resize(phases_.size());
  }
}

uint64_t Profiler::now() {
  auto time = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::nanoseconds(time).count());
}

void Profiler::beginStep() {
  for (Marks &marks : marks_) {
    marks.hooks = 0;
    std::fill(marks.busy.begin(), marks.busy.end(), 0);
    std::fill(marks.wait.begin(), marks.wait.end(), 0);
  }
  start_ = now();
}

void Profiler::endStep() {
  uint64_t end = now();
  ++profile_.steps;
  profile_.total += end - start_;
  for (Marks &marks : marks_) {
    profile_.dispatch += marks.begin - start_;
    profile_.hooks += marks.hooks;
    if (!marks.wait.empty()) // the end of the step is the last phase's barrier
      marks.wait.back() += end - marks.last;
    for (size_t i = 0; i < launches_.size(); ++i)
      profile_.phases[launches_[i].phase].busy[launches_[i].task] += marks.busy[i];
  }
  for (size_t p = 0; p < phases_.size(); ++p) {
    uint64_t least = UINT64_MAX, most = 0, sum = 0;
    for (const Marks &marks : marks_) {
      least = std::min(least, marks.wait[p]);
      most = std::max(most, marks.wait[p]);
      sum += marks.wait[p];
    }
    profile_.phases[phases_[p]].wait += sum;
    profile_.phases[phases_[p]].skew += most - least;
  }
}

} // namespace axiom
