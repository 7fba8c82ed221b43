#include "tools/axiom-bench/Limits.h"

#include "runtime/base/Checked.h"
#include "runtime/base/Memory.h"
#include "runtime/base/Threads.h"
#include "tools/axiom-bench/LimitLoops.h"
#include "tools/axiom-bench/TouchedPages.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace axiom::bench {

namespace {

constexpr uint64_t kUnit = 2 * 1024 * 1024; ///< what a thread reads at a time
constexpr double kComputeSeconds = 0.02;    ///< of each compute loop, about

double seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

/// A mapped range of a file that has no name.
struct FilePages {
  const uint8_t *data = nullptr;
  uint64_t size = 0;

  FilePages() = default;
  FilePages(const FilePages &) = delete;
  FilePages &operator=(const FilePages &) = delete;
  ~FilePages() {
    if (data)
      ::munmap(const_cast<uint8_t *>(data), size);
  }

  /// The file is a hole: its pages are filled with zeros in the page cache and never written out.
  Status map(uint64_t bytes) {
    const char *folder = std::getenv("TMPDIR");
    std::string path = std::string(folder && *folder ? folder : "/tmp") + "/axiom-bench-XXXXXX";
    int fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0)
      return Status(Code::Resource,
                    format("cannot make a file in '%s': %s", path.c_str(), std::strerror(errno)));
    ::unlink(path.c_str());
    void *mapped = MAP_FAILED;
    if (::ftruncate(fd, static_cast<off_t>(bytes)) == 0)
      mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    int error = errno;
    ::close(fd);
    if (mapped == MAP_FAILED)
      return Status(Code::Resource, format("cannot map a file of %s: %s",
                                           formatBytes(bytes).c_str(), std::strerror(error)));
    data = static_cast<const uint8_t *>(mapped);
    size = bytes;
    prefault({data, bytes});
    return Status::okStatus();
  }
};

struct StreamJob {
  const StreamLoop *loop;
  const uint8_t *data;
  uint64_t units;
  std::atomic<uint64_t> next{0}; ///< the first unit that no thread has taken
};

struct ComputeJob {
  const ComputeLoop *loop;
  uint64_t iterations;
};

volatile uint64_t sink; ///< keeps what loops return alive

/// Whoever is free takes the next unit, as in steps: cores of a shared machine are not equally
/// fast.
void streamUnits(void *context, uint32_t) {
  StreamJob &job = *static_cast<StreamJob *>(context);
  for (uint64_t unit; (unit = job.next.fetch_add(1, std::memory_order_relaxed)) < job.units;)
    sink = job.loop->read(job.data + unit * kUnit, kUnit);
}

void computeAll(void *context, uint32_t) {
  const ComputeJob &job = *static_cast<const ComputeJob *>(context);
  job.loop->run(job.iterations);
}

} // namespace

const char *pageKindName(PageKind kind) {
  return kind == PageKind::AnonymousHuge ? "anonymous_huge" : "file_mapped";
}

double median(std::vector<double> values) {
  if (values.empty())
    return 0;
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

LimitSummary summarize(const std::vector<LimitSample> &samples) {
  LimitSummary sum;
  if (samples.empty())
    return sum;
  auto medianOf = [&](auto pick) {
    std::vector<double> values;
    for (const LimitSample &sample : samples)
      values.push_back(pick(sample));
    return median(std::move(values));
  };
  for (size_t k = 0; k < samples[0].stream.size(); ++k) {
    std::vector<double> loops;
    for (size_t l = 0; l < samples[0].stream[k].size(); ++l)
      loops.push_back(medianOf([&](const LimitSample &s) { return s.stream[k][l]; }));
    sum.streamLoops.push_back(loops);
    // Not the median of each sample's best: among several readings of a noisy machine the largest
    // is a lucky one.
    sum.stream.push_back(loops.empty() ? 0 : *std::max_element(loops.begin(), loops.end()));
  }
  for (size_t c = 0; c < samples[0].oneCore.size(); ++c) {
    sum.oneCore.push_back(medianOf([&](const LimitSample &s) { return s.oneCore[c]; }));
    sum.allCores.push_back(medianOf([&](const LimitSample &s) { return s.allCores[c]; }));
  }
  return sum;
}

double LimitSummary::bestStream() const {
  return stream.empty() ? 0 : *std::max_element(stream.begin(), stream.end());
}

double LimitSummary::compute(const std::string &key) const {
  std::span<const ComputeLoop> loops = computeLoops();
  for (size_t c = 0; c < loops.size() && c < allCores.size(); ++c)
    if (key == loops[c].key)
      return allCores[c];
  return 0;
}

std::optional<Share> shareOf(double figure, double limit) {
  if (!(limit > 0))
    return std::nullopt;
  return Share{figure / limit};
}

std::string shareText(const std::optional<Share> &share) {
  if (!share)
    return "n/a";
  return format("%.1f %%", share->value * 100);
}

std::string streamShareText(const std::optional<Share> &share) {
  return shareText(share) + (share && share->helpedByCache() ? " (helped by cache)" : "");
}

struct LimitProbe::Impl {
  std::unique_ptr<ThreadTeam> team;
  uint64_t bytes = 0;
  Pages anonymous;
  FilePages file;
  std::vector<std::string> notes;
  std::vector<uint64_t> iterations; ///< per compute loop

  const uint8_t *pages(PageKind kind) const {
    return kind == PageKind::AnonymousHuge ? anonymous.data() : file.data;
  }

  double readRate(const StreamLoop &loop, const uint8_t *data) {
    StreamJob job{&loop, data, bytes / kUnit};
    auto start = std::chrono::steady_clock::now();
    team->run(streamUnits, &job);
    return static_cast<double>(bytes) / seconds(start) / 1e9;
  }

  void calibrate() {
    for (const ComputeLoop &loop : computeLoops()) {
      uint64_t count = 1;
      for (double taken = 0; loop.available && taken < kComputeSeconds / 4 && count < 1ull << 40;) {
        count *= 2;
        auto start = std::chrono::steady_clock::now();
        loop.run(count);
        taken = seconds(start);
      }
      iterations.push_back(count * 4);
    }
  }

  double computeRate(size_t c, bool all) {
    ComputeJob job{&computeLoops()[c], iterations[c]};
    auto start = std::chrono::steady_clock::now();
    if (all)
      team->run(computeAll, &job);
    else
      computeAll(&job, 0);
    double macs = double(job.iterations) * job.loop->macs * (all ? team->threads() : 1);
    return macs / seconds(start) / 1e9;
  }
};

Result<std::unique_ptr<LimitProbe>> LimitProbe::create(uint32_t threads, uint64_t bytes) {
  auto impl = std::make_unique<Impl>();
  AXIOM_ASSIGN_OR_RETURN(impl->team, ThreadTeam::create(std::clamp(threads, 1u, usableCores())));
  uint64_t unit = kUnit * impl->team->threads();
  impl->bytes = alignUp(std::max(bytes, unit), unit);
  for (PageKind kind : kPageKinds) {
    Status status = enoughMemory(impl->bytes);
    if (status.ok() && kind == PageKind::FileMapped) {
      status = impl->file.map(impl->bytes);
    } else if (status.ok()) {
      auto pages = touchedPages(impl->bytes, "the stream limit");
      status = pages.status();
      if (pages.ok())
        impl->anonymous = std::move(pages).value();
    }
    if (!status.ok())
      impl->notes.push_back(
          format("%s pages: n/a: %s", pageKindName(kind), std::string(status.message()).c_str()));
  }
  impl->calibrate();
  return std::unique_ptr<LimitProbe>(new LimitProbe(std::move(impl)));
}

LimitProbe::LimitProbe(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LimitProbe::~LimitProbe() = default;
uint32_t LimitProbe::threads() const { return impl_->team->threads(); }
uint64_t LimitProbe::bytes() const { return impl_->bytes; }
const std::vector<std::string> &LimitProbe::notes() const { return impl_->notes; }

LimitSample LimitProbe::measure() {
  LimitSample sample;
  for (PageKind kind : kPageKinds) {
    std::vector<double> rates;
    if (const uint8_t *data = impl_->pages(kind))
      for (const StreamLoop &loop : streamLoops())
        rates.push_back(impl_->readRate(loop, data));
    sample.stream.push_back(std::move(rates));
  }
  for (size_t c = 0; c < computeLoops().size(); ++c) {
    bool available = computeLoops()[c].available;
    sample.oneCore.push_back(available ? impl_->computeRate(c, false) : 0);
    sample.allCores.push_back(available ? impl_->computeRate(c, true) : 0);
  }
  return sample;
}

} // namespace axiom::bench
