// The blocks of one sequence, in order of position: entry i holds positions 64*i .. 64*i + 63.
#ifndef AXIOM_RUNTIME_KV_BLOCKTABLE_H
#define AXIOM_RUNTIME_KV_BLOCKTABLE_H

#include "runtime/abi/kernel_abi.h"
#include "runtime/kv/BlockPool.h"

#include <cstdint>
#include <span>
#include <vector>

namespace axiom {

/// Blocks that hold `positions` positions.
inline constexpr uint32_t blocksFor(uint64_t positions) {
  return static_cast<uint32_t>((positions + AXM_KV_BLOCK - 1) / AXM_KV_BLOCK);
}

class BlockTable {
public:
  std::span<const uint32_t> blocks() const { return blocks_; }
  uint32_t size() const { return static_cast<uint32_t>(blocks_.size()); }

  /// Grows to at least `count` blocks; each new id is also appended to `fresh`. False, with nothing
  /// changed, when the pool holds too few.
  bool grow(BlockPool &pool, uint32_t count, std::vector<uint32_t> &fresh) {
    if (count > size() && count - size() > pool.numFree())
      return false;
    while (size() < count) {
      blocks_.push_back(*pool.allocate());
      fresh.push_back(blocks_.back());
    }
    return true;
  }
  /// Gives back all blocks past the first `count`.
  void shrink(BlockPool &pool, uint32_t count) {
    while (size() > count) {
      pool.release(blocks_.back());
      blocks_.pop_back();
    }
  }

private:
  std::vector<uint32_t> blocks_;
};

} // namespace axiom

#endif
