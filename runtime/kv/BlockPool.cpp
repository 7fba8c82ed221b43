#include "runtime/kv/BlockPool.h"

#include "runtime/base/Status.h"

#include <cassert>

namespace axiom {

BlockPool::BlockPool(uint32_t capacity) : refs_(capacity, 0) {
  free_.reserve(capacity);
  for (uint32_t i = capacity; i > 0; --i)
    free_.push_back(i - 1); // so that block 0 is taken first
}

std::optional<uint32_t> BlockPool::allocate() {
  if (free_.empty())
    return std::nullopt;
  uint32_t block = free_.back();
  free_.pop_back();
  assert(refs_[block] == 0);
  refs_[block] = 1;
  return block;
}

void BlockPool::retain(uint32_t block) {
  assert(block < capacity() && refs_[block] > 0);
  ++refs_[block];
}

void BlockPool::release(uint32_t block) {
  assert(block < capacity() && refs_[block] > 0);
  if (--refs_[block] == 0)
    free_.push_back(block); // reserved at construction: never allocates
}

std::string BlockPool::checkInvariants() const {
  std::vector<bool> seen(capacity(), false);
  for (uint32_t block : free_) {
    if (block >= capacity())
      return format("free list holds block %u of %u", block, capacity());
    if (seen[block])
      return format("block %u is twice in the free list", block);
    if (refs_[block] != 0)
      return format("block %u is free but has %u owners", block, refs_[block]);
    seen[block] = true;
  }
  for (uint32_t block = 0; block < capacity(); ++block)
    if (!seen[block] && refs_[block] == 0)
      return format("block %u has no owner and is not in the free list", block);
  return {};
}

} // namespace axiom
