// Derived figures of a row: time per phase, rates, shares of the limits. No clock, no I/O.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_TABLES_H
#define AXIOM_TOOLS_AXIOM_BENCH_TABLES_H

#include "tools/axiom-bench/Rows.h"

#include <optional>
#include <string>
#include <vector>

namespace axiom::bench {

/// A task of the plan with all its repetitions, or what else a step spends time on. All of one
/// step, on average.
struct PhaseLine {
  std::string name;  ///< "qkv x30"
  double ms = 0;     ///< in its kernels, mean of the threads
  double share = 0;  ///< of the step
  double waitMs = 0; ///< mean of the threads, at the barriers after it
  double skewMs = 0; ///< longest less shortest wait of the threads
  TaskWork work;     ///< bytes and multiply-adds

  double gigabytes() const; ///< a second, while in its kernels; 0: none
  double gigamacs() const;
};

struct ProfileTable {
  double stepMs = 0; ///< the whole step, its share of what lies between steps included
  std::vector<PhaseLine> tasks;
  // Their ms and share alone; the tasks and these add up to the step.
  PhaseLine barriers; ///< waiting at them
  PhaseLine dispatch; ///< waking the threads
  PhaseLine outside;  ///< scheduler, sampler, events: outside of the executor
};

/// `work` is the sum over the same steps as `profile`; `seconds` the wall time around them.
ProfileTable profileTable(const StepProfile &profile, const StepWork &work, double seconds);

/// What a row reaches of the limits that were measured around it.
struct RowShares {
  LimitSummary limits;
  bool filePages = false;  ///< which page kind `stream` is of
  double stream = 0;       ///< GB/s, the best loop on the pages that the weights lie in; 0: n/a
  double bytesPerStep = 0; ///< weights and KV memory by the plan
  double weightBytesPerStep = 0;
  double gigabytes = 0;      ///< by the plan, a second
  double gigamacs = 0;       ///< linear multiply-adds a second, over the whole step
  double kernelGigamacs = 0; ///< the same while in the linear phases; 0 without a profile
  std::optional<Share> ofStream, ofMaddubs, kernelsOfMaddubs;
};

/// `filePages`: the weights are mapped (--load=map).
RowShares rowShares(const RowResult &result, bool filePages);

} // namespace axiom::bench

#endif
