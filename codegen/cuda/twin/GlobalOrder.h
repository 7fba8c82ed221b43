// Who wrote which word of global memory during a launch, and what of that each thread may rely on:
// barriers order the threads of a block or warp, counters (takeTicket, waitFor) those of blocks.
// What a thread publishes with a ticket is what it wrote, what barriers have ordered before it, and
// what it has seen itself: the causality order of the PTX memory model, with a release and an
// acquire at each counter.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_GLOBAL_ORDER_H
#define AXIOM_CODEGEN_CUDA_TWIN_GLOBAL_ORDER_H

#include "codegen/cuda/twin/GlobalMemory.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace axiom::twin {

/// A thread of a grid and how far it has come.
struct Moment {
  uint32_t block = 0, thread = 0, blockBarriers = 0, warpBarriers = 0;
  uint64_t writes = 0; ///< of this thread to global memory so far; 0: not a write

  uint64_t warpId() const { return static_cast<uint64_t>(block) << 32 | thread / 32; }
  uint64_t threadId() const { return static_cast<uint64_t>(block) << 32 | thread; }
};

/// Writes of other blocks that can be relied on: those before a barrier of a block, before one of a
/// warp, and the first ones of a thread.
class Seen {
public:
  bool empty() const { return blocks.empty(); }
  void join(const Seen &other);
  /// What `m` itself can publish.
  void joinMoment(const Moment &m);
  bool covers(const Moment &write) const;

private:
  std::unordered_map<uint32_t, uint32_t> blocks;
  std::unordered_map<uint64_t, uint32_t> warps;
  std::unordered_map<uint64_t, uint64_t> threads;
};

/// What a launch has done to 4096 bytes. Accesses are aligned and have at most 16 bytes, so that
/// each lies in one page and in one of its 64 pieces.
struct Page {
  static constexpr size_t kBytes = 4096;

  uintptr_t number = 0;
  GlobalMemory::Range range; ///< the one in it that was found last
  uint64_t constants = 0;    ///< bit i: piece i was read as constant
  uint64_t written = 0;      ///< bit i: piece i was written
  /// The last writer of each byte; null: nobody wrote.
  std::unique_ptr<std::array<Moment, kBytes>> writes;

  static uint64_t piece(uintptr_t at) { return uint64_t(1) << at % kBytes / (kBytes / 64); }
};

class GlobalOrder {
public:
  Page &page(uintptr_t at) {
    Page *recent = last[at / Page::kBytes % kRecent];
    return recent && recent->number == at / Page::kBytes ? *recent : find(at);
  }

  /// Empty, or why thread `by`, which has seen `block` and `own`, may not touch these bytes yet.
  std::string check(const Page &page, uintptr_t at, size_t bytes, const Moment &by,
                    const Seen &block, const Seen &own) const;
  void wrote(Page &page, uintptr_t at, size_t bytes, const Moment &by);
  /// What the tickets of a counter have published.
  Seen &published(const uint32_t *counter) { return counters[counter]; }

private:
  static constexpr size_t kRecent = 256;
  std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages;
  std::array<Page *, kRecent> last = {};
  std::unordered_map<const uint32_t *, Seen> counters;

  Page &find(uintptr_t at);
};

} // namespace axiom::twin

#endif
