// The threads, warps and blocks of a launch under way.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_THREADS_H
#define AXIOM_CODEGEN_CUDA_TWIN_THREADS_H

#include "codegen/cuda/twin/Calls.h"
#include "codegen/cuda/twin/Fiber.h"
#include "codegen/cuda/twin/GlobalOrder.h"
#include "codegen/cuda/twin/Launch.h"
#include "codegen/cuda/twin/SharedMemory.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace axiom::twin {

struct Block;
struct Grid;

enum class State : uint8_t {
  Ready,
  Waiting,  ///< until others arrive
  Spinning, ///< looks again each time around
  Done,
};

struct Copy {
  uint32_t to;
  uint32_t group;   ///< committed as so many-th of its thread
  const void *from; ///< null: zeros
  std::array<uint8_t, 16> data;
};

struct Thread {
  Block *block = nullptr;
  uint32_t index = 0;
  State state = State::Ready;
  int site = 0; ///< where it waits
  uint32_t blockBarriers = 0, warpBarriers = 0;
  uint64_t writes = 0;      ///< to global memory
  Seen seen;                ///< by counters since the last barrier of the block
  std::vector<Copy> copies; ///< as issued
  size_t copied = 0;        ///< so many of them are done
  uint32_t groups = 0;      ///< that were committed
  Fiber fiber;

  uint32_t lane() const { return index % 32; }
  Access access() const { return {index, blockBarriers, warpBarriers}; }
  Moment moment() const;
};

/// Lanes of a warp on their way to do something together.
struct Gathering {
  Meeting kind;
  uint32_t mask, arrived;
  int site;
  std::array<Operands *, 32> operands;
};

struct Warp {
  std::vector<Gathering> gatherings; ///< of different masks
  uint32_t barriers = 0, ended = 0;  ///< ended: the lanes that have left the kernel
  WarpAccesses accesses;
};

/// A place in which blocks run, one behind the other.
struct Block {
  explicit Block(Grid &grid);
  void start(uint32_t index);

  Grid &grid;
  uint32_t index = 0;
  SharedMemory shared;
  Seen seen; ///< by its threads before the last barrier
  std::vector<std::unique_ptr<Thread>> threads;
  std::vector<Warp> warps;
  uint32_t atBarrier = 0, done = 0;
  int barrierSite = 0;

  Warp &warpOf(const Thread &t) { return warps[t.index / 32]; }
};

struct Grid {
  const LaunchOptions &options;
  const GlobalMemory &memory;
  const std::function<void()> &kernel;
  LaunchResult result;
  std::vector<std::unique_ptr<Block>> blocks; ///< those that run
  GlobalOrder order;
  uint64_t random;

  uint64_t next(); ///< xorshift64
  bool running() const { return result.fault.empty(); }
};

inline Moment Thread::moment() const {
  return {block->index, index, blockBarriers, warpBarriers, writes};
}

/// The thread that is running. Its place is known when the program starts: it is asked for with
/// every access.
extern thread_local Thread *running __attribute__((tls_model("initial-exec")));
inline Thread &current() { return *running; }

/// Lets others run until this thread's turn comes again.
void pause(Thread &thread, State state, int site);
/// Ends the launch: `what` the thread did at the line and `why` that is wrong.
[[noreturn]] void fail(Thread &thread, int site, const std::string &what, const std::string &why);

/// The operation of a gathering that is complete.
void perform(Thread &last, Gathering &gathering);

} // namespace axiom::twin

#endif
