#include "test/gpu/bench/Timer.h"

#include "runtime/base/SharedLibrary.h"

#include <algorithm>
#include <cstring>

namespace axiom::bench {

Times timesOf(std::vector<double> microseconds) {
  std::sort(microseconds.begin(), microseconds.end());
  if (microseconds.empty())
    return {};
  return {microseconds.front(), microseconds[microseconds.size() / 2], microseconds.size()};
}

template <typename F>
static Status find(const SharedLibrary &library, const char *name, F &function) {
  void *address = library.symbol(name);
  static_assert(sizeof address == sizeof function);
  std::memcpy(&function, &address, sizeof function);
  return address ? Status::okStatus()
                 : Status(Code::Unsupported, format("the driver has no function %s", name));
}

Result<std::unique_ptr<Bench>> Bench::open(const cuda::Driver &driver, uint32_t ordinal) {
  std::unique_ptr<Bench> bench(new Bench());
  AXIOM_ASSIGN_OR_RETURN(bench->gpu_, cuda::Gpu::open(driver, ordinal));
  AXIOM_ASSIGN_OR_RETURN(bench->context_, cuda::Context::create(bench->gpu_));
  // The driver is loaded already and stays.
  AXIOM_ASSIGN_OR_RETURN(SharedLibrary library, SharedLibrary::open("libcuda.so.1"));
  AXIOM_RETURN_IF_ERROR(find(library, "cuEventElapsedTime", bench->elapsed_));
  AXIOM_RETURN_IF_ERROR(find(library, "cuMemcpyDtoDAsync_v2", bench->copy_));
  cuda::Current current(*bench->context_);
  AXIOM_RETURN_IF_ERROR(bench->check("cuCtxPushCurrent", current.error()));
  AXIOM_ASSIGN_OR_RETURN(bench->stream_, cuda::createStream(bench->context_));
  return bench;
}

Result<int> Bench::attribute(int number) const {
  int value = 0;
  AXIOM_CUDA(*gpu_, cuDeviceGetAttribute, &value, number, gpu_->device());
  return value;
}

Result<cuda::Event> Bench::event() const {
  cuda::EventHandle event = nullptr;
  AXIOM_CUDA(*gpu_, cuEventCreate, &event, 0);
  return cuda::Event(context_, event);
}

Result<double> Bench::between(cuda::EventHandle begin, cuda::EventHandle end) const {
  float milliseconds = 0;
  AXIOM_RETURN_IF_ERROR(check("cuEventElapsedTime", elapsed_(&milliseconds, begin, end)));
  return milliseconds * 1e3;
}

Status Bench::copyOnDevice(cuda::DevicePointer to, cuda::DevicePointer from, size_t bytes) const {
  return check("cuMemcpyDtoDAsync", copy_(to, from, bytes, stream()));
}

Result<Times> Bench::time(size_t warm, size_t count, const std::function<Status()> &work) const {
  AXIOM_ASSIGN_OR_RETURN(cuda::Event begin, event());
  AXIOM_ASSIGN_OR_RETURN(cuda::Event end, event());
  std::vector<double> times;
  for (size_t i = 0; i < warm + count; ++i) {
    AXIOM_CUDA(*gpu_, cuEventRecord, begin.get(), stream());
    AXIOM_RETURN_IF_ERROR(work());
    AXIOM_CUDA(*gpu_, cuEventRecord, end.get(), stream());
    AXIOM_CUDA(*gpu_, cuStreamSynchronize, stream());
    AXIOM_ASSIGN_OR_RETURN(double microseconds, between(begin.get(), end.get()));
    if (i >= warm)
      times.push_back(microseconds);
  }
  return timesOf(std::move(times));
}

} // namespace axiom::bench
