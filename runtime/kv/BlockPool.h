// The pool of KV blocks, as numbers only: which block ids are free and how many owners each other
// one has. The memory behind an id belongs to the device. Not thread-safe: one owner, the
// scheduler.
#ifndef AXIOM_RUNTIME_KV_BLOCKPOOL_H
#define AXIOM_RUNTIME_KV_BLOCKPOOL_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace axiom {

class BlockPool {
public:
  explicit BlockPool(uint32_t capacity);

  uint32_t capacity() const { return static_cast<uint32_t>(refs_.size()); }
  uint32_t numFree() const { return static_cast<uint32_t>(free_.size()); }
  uint32_t numUsed() const { return capacity() - numFree(); }

  /// A block with one owner, or nothing when none is free. Its memory must be cleared before use.
  std::optional<uint32_t> allocate();
  /// One more owner of a block that has at least one.
  void retain(uint32_t block);
  /// One owner fewer; the last one gives the block back.
  void release(uint32_t block);
  /// 0 = free.
  uint32_t owners(uint32_t block) const { return refs_[block]; }

  /// Empty when the free list and the counts agree; otherwise what does not. For tests.
  std::string checkInvariants() const;

private:
  std::vector<uint32_t> refs_; ///< owners of each block
  std::vector<uint32_t> free_; ///< a stack: the block released last is taken first (still in cache)
};

} // namespace axiom

#endif
