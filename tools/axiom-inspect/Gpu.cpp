#include "tools/axiom-inspect/Gpu.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace axiom {

namespace {

constexpr double kParts = 4; // of a multiprocessor

// docs/cuda.md says where each figure is from.
constexpr GpuDevice kDevices[] = {
    {"a100", "A100 SXM 80 GB", 108, 1.41, 1750, 550, 210, 1.3, 2, 2, 8, "the gap is the H100's"},
    {"h100", "H100 SXM 80 GB", 132, 1.83, 3180, 700, 291, 1.3, 2, 1, 6.5, ""},
    {"h200", "H200 SXM 141 GB", 132, 1.83, 4480, 700, 291, 1.3, 2, 1, 6.5,
     "its latencies, the gap and the rate of m16n8k32 are the H100's"},
    {"b200", "B200", 148, 1.86, 7200, 860, 295, 1.3, 2, 1, 8,
     "its read rate is 90 % of the data sheet's, the gap is the H100's, its rate of m16n8k32 is "
     "not "
     "known"},
    {"l4", "L4", 58, 2.04, 274, 636, 296, 1.3, 2, 1, 16,
     "its read rate is the RTX 4090's share of the data sheet's, latencies are the RTX 4090's, the "
     "gap is the H100's"},
    {"rtx4090", "RTX 4090", 128, 2.52, 922, 636, 296, 1.3, 2, 1, 16, "the gap is the H100's"},
};

} // namespace

std::span<const GpuDevice> gpuDevices() { return kDevices; }

Result<const GpuDevice *> findGpu(const std::string &name) {
  std::string names;
  for (const GpuDevice &device : kDevices) {
    if (name == device.name)
      return &device;
    names += std::string(names.empty() ? "" : ", ") + device.name;
  }
  return Status(Code::InvalidArgument,
                "no figures of a GPU '" + name + "' are known; there are " + names);
}

const char *GpuTime::bound() const {
  double most = std::max({memory, issue, warp});
  return start >= most ? "start" : memory == most ? "memory" : issue == most ? "issue" : "warp";
}

GpuTime predictLaunch(const GpuDevice &device, const GpuLaunch &launch) {
  GpuTime time;
  double microsecond = device.clock * 1e3; // cycles
  // What the launch is given is read before the first bytes, and their way is the last one's too.
  time.start = device.gap + 2 * device.latency / microsecond;
  time.memory = launch.bytes / device.read / 1e3;
  if (launch.warps > 0) {
    double warps = static_cast<double>(launch.warps);
    double each = std::ceil(warps / device.multiprocessors);
    // The busiest part of the busiest multiprocessor.
    double share = std::ceil(each / kParts) / warps;
    double pipe =
        std::max({launch.slots, launch.integers * device.integerCycles,
                  launch.floats * device.floatCycles, launch.matrix * device.matrixCycles});
    time.issue = pipe * share / microsecond;
    double waves = std::ceil(each / std::max(launch.resident, 1.0));
    time.warp =
        waves *
        (launch.cycles + launch.trips * device.latency + launch.tripsL2 * device.latencyL2) /
        microsecond;
  }
  time.total = time.start + std::max({time.memory, time.issue, time.warp});
  return time;
}

const KernelCost *findCost(const std::string &format, uint32_t tokens) {
  const KernelCost *best = nullptr;
  for (const KernelCost &cost : kernelCosts())
    if (format == cost.format && (!best || (cost.tokens <= tokens && cost.tokens > best->tokens)))
      best = &cost;
  return best;
}

} // namespace axiom
