#include "runtime/abi/cuda_abi.h"
#include "test/gpu/bench/Bench.h"

#include <fstream>
#include <iterator>

namespace axiom::bench {

using cuda::DeviceMemory;

static Result<std::string> readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (!file || bytes.empty())
    return Status(Code::NotFound, format("cannot read '%s', or it is empty", path.c_str()));
  return bytes;
}

static Json rate(const Times &times, uint64_t bytes) {
  double megabytes = static_cast<double>(bytes) / 1e6;
  return {{"bytes", bytes},
          {"best_us", times.best},
          {"median_us", times.median},
          {"gb_s", times.best > 0 ? Json(megabytes / times.best * 1e3) : Json(nullptr)},
          {"median_gb_s", times.median > 0 ? Json(megabytes / times.median * 1e3) : Json(nullptr)}};
}

Result<Json> measureStream(const Bench &bench, const std::string &image, uint64_t bytes,
                           const Effort &effort) {
  AXIOM_ASSIGN_OR_RETURN(std::string code, readFile(image));
  AXIOM_ASSIGN_OR_RETURN(int multiprocessors, bench.attribute(kMultiprocessors));
  cuda::Current current(*bench.context());
  AXIOM_RETURN_IF_ERROR(bench.check("cuCtxPushCurrent", current.error()));
  const cuda::Gpu &gpu = bench.gpu();
  cuda::ModuleHandle handle = nullptr;
  AXIOM_CUDA(gpu, cuModuleLoadDataEx, &handle, code.c_str(), 0, nullptr, nullptr);
  cuda::Module module(bench.context(), handle);
  cuda::FunctionHandle function = nullptr;
  AXIOM_CUDA(gpu, cuModuleGetFunction, &function, module.get(), "readWords");

  constexpr uint32_t threads = 256;
  auto blocks = static_cast<uint32_t>(bench.silicon() ? multiprocessors * 8 : 2);
  auto words = static_cast<uint32_t>(bytes / 16);
  uint64_t sumBytes = uint64_t(blocks) * threads * 4;
  AXIOM_ASSIGN_OR_RETURN(DeviceMemory data, allocateDevice(bench.context(), bytes, "the stream"));
  AXIOM_ASSIGN_OR_RETURN(DeviceMemory copy, allocateDevice(bench.context(), bytes, "its copy"));
  AXIOM_ASSIGN_OR_RETURN(DeviceMemory sums, allocateDevice(bench.context(), sumBytes, "sums"));
  AXIOM_ASSIGN_OR_RETURN(DeviceMemory count, allocateDevice(bench.context(), 4, "a count"));
  AXIOM_CUDA(gpu, cuMemsetD8Async, data.get(), 1, bytes, bench.stream());
  AXIOM_CUDA(gpu, cuMemcpyHtoDAsync, count.get(), &words, 4, bench.stream());
  AXIOM_CUDA(gpu, cuStreamSynchronize, bench.stream());

  AxmCudaLaunch launch{};
  launch.args[0] = reinterpret_cast<void *>(data.get());
  launch.args[1] = reinterpret_cast<void *>(sums.get());
  launch.tokens = reinterpret_cast<const uint32_t *>(count.get());
  void *parameters[] = {&launch};
  AXIOM_ASSIGN_OR_RETURN(Times read, bench.time(effort.warm, effort.count, [&] {
    return bench.check("cuLaunchKernel",
                       bench.driver().cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0,
                                                     bench.stream(), parameters, nullptr));
  }));
  // Every byte is 1: a word of 16 adds 4 * 0x01010101.
  std::vector<uint32_t> found(sumBytes / 4);
  AXIOM_CUDA(gpu, cuMemcpyDtoHAsync, found.data(), sums.get(), sumBytes, bench.stream());
  AXIOM_CUDA(gpu, cuStreamSynchronize, bench.stream());
  uint32_t sum = 0, expected = 4u * 0x01010101u * words;
  for (uint32_t s : found)
    sum += s;
  if (sum != expected)
    return Status(Code::Internal,
                  format("the read kernel's sum is %08x, expected %08x: it did not read all %llu "
                         "bytes",
                         sum, expected, static_cast<unsigned long long>(bytes)));
  AXIOM_ASSIGN_OR_RETURN(Times copied, bench.time(effort.warm, effort.count, [&] {
    return bench.copyOnDevice(copy.get(), data.get(), bytes);
  }));
  Json result = {{"read", rate(read, bytes)}, {"copy", rate(copied, 2 * bytes)}};
  result["copy"]["note"] = "bytes read and bytes written";
  return result;
}

} // namespace axiom::bench
