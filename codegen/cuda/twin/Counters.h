// What a launch did to memory, counted as the GPU would do it: a warp's access together.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_COUNTERS_H
#define AXIOM_CODEGEN_CUDA_TWIN_COUNTERS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace axiom::twin {

struct Counts {
  uint64_t globalReads = 0, globalWrites = 0; ///< bytes asked for by lanes
  /// 32-byte pieces of global memory that the warps' accesses touch, copies to shared memory
  /// included.
  uint64_t sectors = 0;
  uint64_t sharedReads = 0, sharedWrites = 0; ///< bytes asked for by lanes
  /// Rounds beyond the first that a warp's access to shared memory takes since several of its words
  /// lie in one of the 32 banks.
  uint64_t bankConflicts = 0;
  uint64_t copies = 0; ///< asynchronous, of 16 bytes
  uint64_t mmas = 0;   ///< of a warp
  uint64_t dots = 0;   ///< of a thread: four multiply-adds
  uint64_t blockBarriers = 0, warpBarriers = 0;
};

/// Gathers the accesses of a warp's lanes at a line of the kernel: the n-th of each lane belong
/// together.
class WarpAccesses {
public:
  enum class Kind : uint8_t { Global, Shared };

  void access(Kind kind, int site, uint32_t lane, uint64_t at, size_t bytes, Counts &counts);
  /// Counts what lanes did alone.
  void finish(Counts &counts);

private:
  struct Group {
    uint32_t bytes = 0, lanes = 0; ///< of one access; bit i: lane i
    std::array<uint64_t, 32> addresses = {};
  };
  struct Site {
    uint64_t visits[32] = {}; ///< of each lane
    std::unordered_map<uint64_t, Group> open;
  };
  std::unordered_map<int, Site> sites[2];

  static void count(Kind kind, const Group &group, Counts &counts);
};

} // namespace axiom::twin

#endif
