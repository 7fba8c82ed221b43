// Predicts how long a kernel takes on a GPU, from published figures of the GPU and from what the
// kernel asks of it. The formula, and where each figure is published: docs/cuda.md, prediction.
// Nothing of it has been measured with this project's kernels.
#ifndef AXIOM_TOOLS_AXIOM_INSPECT_GPU_H
#define AXIOM_TOOLS_AXIOM_INSPECT_GPU_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>

namespace axiom {

struct GpuDevice {
  const char *name;           ///< "h100"
  const char *text;           ///< "H100 SXM 80 GB"
  uint32_t multiprocessors;   ///< each of 4 parts that issue an instruction of a warp per cycle
  double clock;               ///< GHz
  double read;                ///< GB/s that a kernel reads from memory, measured
  double latency, latencyL2;  ///< cycles of a load from memory and from the cache of level 2
  double gap;                 ///< us from a kernel of a graph to the next
  uint32_t integerCycles = 2; ///< of a part for an integer instruction of a warp
  uint32_t floatCycles = 1;   ///< for an f32 one
  double matrixCycles = 0;    ///< for an integer m16n8k32
  const char *assumed = "";   ///< figures that are not published, or are of another GPU
};

std::span<const GpuDevice> gpuDevices();
/// InvalidArgument, with the names that there are.
Result<const GpuDevice *> findGpu(const std::string &name);

/// What a launch asks of a GPU. Instructions are those of warps, over the whole grid.
struct GpuLaunch {
  double bytes = 0;                            ///< from memory
  double slots = 0;                            ///< instructions
  double integers = 0, floats = 0, matrix = 0; ///< the part of them that is of that kind
  uint64_t warps = 0;  ///< of the grid; 0: enough, and the kernel waits for nothing but bytes
  double resident = 1; ///< warps that a multiprocessor runs at a time
  double trips = 0;    ///< waits of a warp for memory, one behind the other
  double tripsL2 = 0;  ///< the same for what lies in the cache of level 2
  double cycles = 0;   ///< of a warp, without any wait
};

/// Microseconds, and what sets them.
struct GpuTime {
  double total = 0;
  double start = 0;  ///< the gap before it, and the way to its first bytes
  double memory = 0; ///< all bytes
  double issue = 0;  ///< all instructions
  double warp = 0;   ///< a warp after the other where a multiprocessor has more than it runs
  const char *bound() const; ///< "start", "memory", "issue" or "warp"
};

GpuTime predictLaunch(const GpuDevice &device, const GpuLaunch &launch);

/// What the generated linear kernels of a format cost for each weight byte. From the machine code
/// for sm_90a: test/codegen/cuda/gates.py computes the same and compares.
struct KernelCost {
  const char *format;
  uint32_t tokens;                        ///< that go through a warp at a time
  double slots, integers, floats, matrix; ///< instructions of a warp
  double cycles;                          ///< of a warp that never waits
  double trip;                            ///< weight bytes that a warp gets in one wait for memory
  double resident;                        ///< warps of a multiprocessor
};

std::span<const KernelCost> kernelCosts();
/// That for the most tokens that are at most `tokens`; null if the format is not known.
const KernelCost *findCost(const std::string &format, uint32_t tokens);

} // namespace axiom

#endif
