// Runs a kernel that is written against device/Device.h on the host: a fiber for each thread, a
// meeting point for each warp, in an order that is chosen.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_LAUNCH_H
#define AXIOM_CODEGEN_CUDA_TWIN_LAUNCH_H

#include "codegen/cuda/twin/Counters.h"
#include "codegen/cuda/twin/Door.h"
#include "codegen/cuda/twin/GlobalMemory.h"

#include <functional>
#include <string>

namespace axiom::twin {

/// In which order the threads that can run do so, each until it has to wait.
enum class Order {
  Forward,
  Reverse,
  Random, ///< new each time around; threads also stop at accesses to global memory, by chance
};

struct LaunchOptions {
  uint32_t blocks = 1, threads = 32;
  size_t sharedBytes = 0;
  /// Blocks that run at the same time. Those that wait for each other must all be among them.
  uint32_t resident = 4;
  Order order = Order::Forward;
  uint64_t seed = 0;
  /// Asynchronous copies read their source when they are issued instead of when they are waited
  /// for; a correct kernel does not tell the difference.
  bool copyAtIssue = false;
  /// Without: kernels of a library use memory themselves. Nothing is checked but how lanes and
  /// threads meet, an access outside of memory may end the process; correct kernels give the same
  /// results, in about a third of the time. Copies are done at issue.
  bool check = true;
  /// Of the library that the kernel is in; without, the kernel asks, and is checked.
  AxmTwinPlace *place = nullptr;
  /// Also count sectors and bank conflicts, at about twice the time.
  bool count = false;
};

struct LaunchResult {
  std::string fault; ///< empty: the launch ended as it should
  Counts counts;
};

/// `kernel` is called once by each thread. One launch at a time for each thread of the process.
LaunchResult launch(const LaunchOptions &options, const GlobalMemory &memory,
                    const std::function<void()> &kernel);

} // namespace axiom::twin

#endif
