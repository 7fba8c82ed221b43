// A GPU with a stream and events that take the time, and the functions of the driver that only
// measuring needs.
#ifndef AXIOM_TEST_GPU_BENCH_TIMER_H
#define AXIOM_TEST_GPU_BENCH_TIMER_H

#include "runtime/device/cuda/Gpu.h"

#include <functional>
#include <memory>
#include <vector>

namespace axiom::bench {

/// Times of repeated work, in microseconds.
struct Times {
  double best = 0, median = 0;
  size_t count = 0;
};
Times timesOf(std::vector<double> microseconds);

/// Of cuDeviceGetAttribute.
inline constexpr int kMultiprocessors = 16, kClockKilohertz = 13, kCacheBytes = 38;

class Bench {
public:
  /// `driver`: the driver's functions, or a table of them with some replaced; outlives the Bench.
  static Result<std::unique_ptr<Bench>> open(const cuda::Driver &driver, uint32_t ordinal);

  const std::shared_ptr<const cuda::Context> &context() const { return context_; }
  const cuda::Gpu &gpu() const { return *gpu_; }
  const std::shared_ptr<const cuda::Gpu> &sharedGpu() const { return gpu_; }
  const cuda::Driver &driver() const { return gpu_->driver(); }
  cuda::StreamHandle stream() const { return stream_.get(); }
  Status check(const char *call, cuda::Error error) const { return gpu_->check(call, error); }
  /// False: the stand-in driver, whose times mean nothing.
  bool silicon() const { return gpu_->facts().major > 0; }
  Result<int> attribute(int number) const;

  /// Times `work` by events: `warm` times unmeasured, then `count` times. Waits after each.
  Result<Times> time(size_t warm, size_t count, const std::function<Status()> &work) const;
  /// The time between two events that were recorded, in microseconds.
  Result<double> between(cuda::EventHandle begin, cuda::EventHandle end) const;
  /// An event that takes the time, in the calling thread's context.
  Result<cuda::Event> event() const;
  Status copyOnDevice(cuda::DevicePointer to, cuda::DevicePointer from, size_t bytes) const;

private:
  Bench() = default;
  std::shared_ptr<const cuda::Gpu> gpu_;
  std::shared_ptr<const cuda::Context> context_;
  cuda::Stream stream_;
  cuda::Error (*elapsed_)(float *, cuda::EventHandle, cuda::EventHandle) = nullptr;
  cuda::Error (*copy_)(cuda::DevicePointer, cuda::DevicePointer, size_t,
                       cuda::StreamHandle) = nullptr;
};

} // namespace axiom::bench

#endif
