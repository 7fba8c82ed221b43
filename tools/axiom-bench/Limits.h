// What the machine can do at most, measured: memory reads and multiply-adds. Other work on the
// machine moves these as it moves the speeds of the model, so both are measured in turn, and shares
// are taken between neighbours (docs/performance.md).
#ifndef AXIOM_TOOLS_AXIOM_BENCH_LIMITS_H
#define AXIOM_TOOLS_AXIOM_BENCH_LIMITS_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace axiom::bench {

/// Pages that memory is read from.
enum class PageKind { AnonymousHuge, FileMapped };
constexpr PageKind kPageKinds[] = {PageKind::AnonymousHuge, PageKind::FileMapped};
const char *pageKindName(PageKind kind); ///< "anonymous_huge", "file_mapped"

/// 10^9 a second. Indexed as kPageKinds, streamLoops() and computeLoops().
struct LimitSample {
  std::vector<std::vector<double>> stream; ///< bytes; of a page kind that could not be had: empty
  std::vector<double> oneCore, allCores;   ///< multiply-adds; 0: the CPU lacks it
};

/// Several samples as one: the median of each figure.
struct LimitSummary {
  std::vector<double> stream; ///< per page kind, the best loop of each sample; 0: n/a
  std::vector<std::vector<double>> streamLoops;
  std::vector<double> oneCore, allCores;

  /// The best of all page kinds and loops.
  double bestStream() const;
  /// Of computeLoops() by its key, all threads together; 0: n/a.
  double compute(const std::string &key) const;
};

double median(std::vector<double> values); ///< 0 of none
LimitSummary summarize(const std::vector<LimitSample> &samples);

/// A figure as a share of its limit.
struct Share {
  double value = 0; ///< of 1
  /// More than the stream: data came out of a cache that the limit's loop could not use. (More than
  /// a compute loop means better instructions than the loop's, or another minute's clock.)
  bool helpedByCache() const { return value > 1; }
};
/// Nothing where the limit is not known.
std::optional<Share> shareOf(double figure, double limit);
/// "87.2 %", "n/a".
std::string shareText(const std::optional<Share> &share);
/// Of the stream: "104.1 % (helped by cache)" where it is more.
std::string streamShareText(const std::optional<Share> &share);

/// Owns the memory that is read and the threads that do it.
class LimitProbe {
public:
  static constexpr uint64_t kStreamBytes = 1ull << 30;

  /// Takes `bytes` (rounded up to 2 MiB a thread) of each page kind; a kind that does not fit into
  /// free memory, or a file that can't be made, is left out and `notes()` says why. The file is a
  /// nameless temporary one in $TMPDIR or /tmp.
  static Result<std::unique_ptr<LimitProbe>> create(uint32_t threads,
                                                    uint64_t bytes = kStreamBytes);
  ~LimitProbe();
  LimitProbe(const LimitProbe &) = delete;
  LimitProbe &operator=(const LimitProbe &) = delete;

  uint32_t threads() const;
  uint64_t bytes() const;
  const std::vector<std::string> &notes() const;
  /// About half a second for 1 GiB.
  LimitSample measure();

private:
  struct Impl;
  explicit LimitProbe(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace axiom::bench

#endif
