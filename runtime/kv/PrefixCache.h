// KV blocks by what they hold, so that a sequence finds the K and V of a prefix that another one
// has computed. Numbers only, like the pool beneath. Not thread-safe: one owner, the scheduler.
//
// Only whole blocks of 64 positions are kept, each under the tokens that it holds and the entry of
// the block before it (the first one under the salt), so that an entry stands for all tokens from
// position 0 on. A hash finds candidates; token ids, salt and parent decide. Equal bits need no
// more: K and V of a position depend on the tokens up to it alone (docs/numerics.md).
//
// A block that nobody owns any more stays, as the newest of a list, until one is needed and none is
// free; then the oldest goes. Owners give a sequence's blocks back from its end, so a block never
// outlives the one before it. Nothing is allocated after construction.
#ifndef AXIOM_RUNTIME_KV_PREFIXCACHE_H
#define AXIOM_RUNTIME_KV_PREFIXCACHE_H

#include "runtime/abi/kernel_abi.h"
#include "runtime/kv/BlockPool.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace axiom {

/// Separates sequences whose prefixes must not meet; null is a salt too. Compared by content.
using PrefixSalt = std::shared_ptr<const std::string>;

class PrefixCache {
public:
  static constexpr uint32_t kNoBlock = UINT32_MAX;

  explicit PrefixCache(uint32_t capacity);

  uint32_t capacity() const { return pool_.capacity(); }
  /// Blocks that allocate() can give: free ones and those kept without an owner.
  uint32_t numAvailable() const { return pool_.numFree() + numIdle_; }
  /// Blocks with an owner.
  uint32_t numOwned() const { return capacity() - numAvailable(); }
  /// Blocks that stand for a prefix, with or without an owner.
  uint32_t numCached() const { return numCached_; }
  uint64_t evictions() const { return evictions_; }
  uint32_t owners(uint32_t block) const { return pool_.owners(block) - isCached(block); }

  /// A block with one owner, or nothing when none is available. Its memory must be cleared.
  std::optional<uint32_t> allocate();
  /// One more owner of a block that has one or is kept.
  void retain(uint32_t block);
  /// One owner fewer. The last one leaves the block kept if it stands for a prefix, else free.
  void release(uint32_t block);

  /// The blocks of the longest known prefix of `tokens`, whole blocks only.
  std::vector<uint32_t> match(const PrefixSalt &salt, std::span<const int32_t> tokens) const;
  /// The caller's `block` now holds the 64 `tokens` that follow the ones of `parent`, a cached
  /// block of which the caller is an owner, or of kNoBlock: the first ones. Returns the block that
  /// the caller owns from now on: this one, or an equal one that was there before, in which case
  /// this one is given back.
  uint32_t insert(uint32_t parent, const PrefixSalt &salt, std::span<const int32_t> tokens,
                  uint32_t block);
  bool isCached(uint32_t block) const { return entries_[block].serial != 0; }
  /// Forgets every prefix; owners keep their blocks.
  void clear();

  /// Empty when all agrees; otherwise what does not. For tests.
  std::string checkInvariants() const;

private:
  struct Entry {
    uint64_t serial = 0; ///< never used again; 0: the block stands for no prefix
    uint64_t parent = 0; ///< serial of the entry before it; 0: none
    uint64_t hash = 0;
    PrefixSalt salt;                             ///< of first blocks
    uint32_t next = kNoBlock;                    ///< in the bucket
    uint32_t older = kNoBlock, newer = kNoBlock; ///< among the kept blocks without an owner
    bool idle = false;
  };

  std::span<const int32_t> tokensOf(uint32_t block) const {
    return {tokens_.data() + uint64_t(block) * AXM_KV_BLOCK, AXM_KV_BLOCK};
  }
  uint32_t find(uint64_t hash, uint64_t parent, const PrefixSalt &salt,
                std::span<const int32_t> tokens) const;
  void forget(uint32_t block);
  void pushIdle(uint32_t block);
  void removeIdle(uint32_t block);

  BlockPool pool_; ///< cached blocks have one owner more: the cache
  std::vector<Entry> entries_;
  std::vector<int32_t> tokens_;   ///< 64 of each block, of cached ones
  std::vector<uint32_t> buckets_; ///< a power of two
  uint32_t oldest_ = kNoBlock, newest_ = kNoBlock, numIdle_ = 0, numCached_ = 0;
  uint64_t nextSerial_ = 1, evictions_ = 0;
};

} // namespace axiom

#endif
