// The blocks of one sequence, in order of position: entry i holds positions 64*i .. 64*i + 63.
#ifndef AXIOM_RUNTIME_KV_BLOCKTABLE_H
#define AXIOM_RUNTIME_KV_BLOCKTABLE_H

#include "runtime/abi/kernel_abi.h"
#include "runtime/kv/PrefixCache.h"

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
  /// changed, when too few are available.
  bool grow(PrefixCache &cache, uint32_t count, std::vector<uint32_t> &fresh) {
    if (count > size() && count - size() > cache.numAvailable())
      return false;
    while (size() < count) {
      blocks_.push_back(*cache.allocate());
      fresh.push_back(blocks_.back());
    }
    return true;
  }
  /// Gives back all blocks past the first `count`, the last one first.
  void shrink(PrefixCache &cache, uint32_t count) {
    while (size() > count) {
      cache.release(blocks_.back());
      blocks_.pop_back();
    }
  }
  /// An empty table begins with these blocks and becomes an owner of each.
  void share(PrefixCache &cache, std::span<const uint32_t> blocks) {
    for (uint32_t block : blocks) {
      cache.retain(block);
      blocks_.push_back(block);
    }
  }
  /// Block `index` now stands for its prefix (PrefixCache::insert), and may become an equal one.
  void remember(PrefixCache &cache, uint32_t index, const PrefixSalt &salt,
                std::span<const int32_t> tokens) {
    uint32_t parent = index == 0 ? PrefixCache::kNoBlock : blocks_[index - 1];
    blocks_[index] = cache.insert(parent, salt, tokens, blocks_[index]);
  }

private:
  std::vector<uint32_t> blocks_;
};

} // namespace axiom

#endif
