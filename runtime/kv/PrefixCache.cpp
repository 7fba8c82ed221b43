#include "runtime/kv/PrefixCache.h"

#include "runtime/base/Status.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace axiom {
namespace {

bool equal(const PrefixSalt &a, const PrefixSalt &b) { return a == b || (a && b && *a == *b); }

uint64_t stir(uint64_t hash, uint64_t value) { // a round of MurmurHash3's finalizer
  hash = (hash ^ value) * 0xff51afd7ed558ccdull;
  return hash ^ hash >> 32;
}

uint64_t hashOf(uint64_t parent, const PrefixSalt &salt, std::span<const int32_t> tokens) {
  uint64_t hash = stir(0x9e3779b97f4a7c15ull, parent);
  if (parent == 0 && salt)
    for (char c : *salt)
      hash = stir(hash, static_cast<unsigned char>(c) + 1u);
  for (int32_t token : tokens)
    hash = stir(hash, static_cast<uint32_t>(token));
  return hash;
}

} // namespace

PrefixCache::PrefixCache(uint32_t capacity)
    : pool_(capacity), entries_(capacity), tokens_(uint64_t(capacity) * AXM_KV_BLOCK),
      buckets_(std::bit_ceil(std::max(capacity, 1u)), kNoBlock) {}

std::optional<uint32_t> PrefixCache::allocate() {
  if (pool_.numFree() == 0) {
    if (oldest_ == kNoBlock)
      return std::nullopt;
    uint32_t victim = oldest_;
    removeIdle(victim);
    forget(victim);
    ++evictions_;
  }
  return pool_.allocate();
}

void PrefixCache::retain(uint32_t block) {
  pool_.retain(block);
  if (entries_[block].idle)
    removeIdle(block);
}

void PrefixCache::release(uint32_t block) {
  assert(owners(block) > 0);
  pool_.release(block);
  if (isCached(block) && owners(block) == 0)
    pushIdle(block);
}

uint32_t PrefixCache::find(uint64_t hash, uint64_t parent, const PrefixSalt &salt,
                           std::span<const int32_t> tokens) const {
  uint32_t block = buckets_[hash & (buckets_.size() - 1)];
  for (; block != kNoBlock; block = entries_[block].next) {
    const Entry &entry = entries_[block];
    if (entry.hash == hash && entry.parent == parent && (parent != 0 || equal(entry.salt, salt)) &&
        std::ranges::equal(tokensOf(block), tokens))
      break;
  }
  return block;
}

std::vector<uint32_t> PrefixCache::match(const PrefixSalt &salt,
                                         std::span<const int32_t> tokens) const {
  std::vector<uint32_t> blocks;
  uint64_t parent = 0;
  for (; tokens.size() >= AXM_KV_BLOCK; tokens = tokens.subspan(AXM_KV_BLOCK)) {
    auto first = tokens.first(AXM_KV_BLOCK);
    uint32_t block = find(hashOf(parent, salt, first), parent, salt, first);
    if (block == kNoBlock)
      break;
    blocks.push_back(block);
    parent = entries_[block].serial;
  }
  return blocks;
}

uint32_t PrefixCache::insert(uint32_t parent, const PrefixSalt &salt,
                             std::span<const int32_t> tokens, uint32_t block) {
  assert(tokens.size() == AXM_KV_BLOCK && owners(block) == 1 && !isCached(block));
  assert(parent == kNoBlock || (isCached(parent) && owners(parent) > 0));
  uint64_t serial = parent == kNoBlock ? 0 : entries_[parent].serial;
  uint64_t hash = hashOf(serial, salt, tokens);
  if (uint32_t known = find(hash, serial, salt, tokens); known != kNoBlock) {
    retain(known);
    release(block);
    return known;
  }
  Entry &entry = entries_[block];
  entry.serial = nextSerial_++;
  entry.parent = serial;
  entry.hash = hash;
  if (serial == 0)
    entry.salt = salt;
  std::ranges::copy(tokens, tokens_.begin() + static_cast<ptrdiff_t>(block) * AXM_KV_BLOCK);
  uint32_t &bucket = buckets_[hash & (buckets_.size() - 1)];
  entry.next = bucket;
  bucket = block;
  pool_.retain(block);
  ++numCached_;
  return block;
}

void PrefixCache::forget(uint32_t block) {
  Entry &entry = entries_[block];
  uint32_t *link = &buckets_[entry.hash & (buckets_.size() - 1)];
  while (*link != block)
    link = &entries_[*link].next;
  *link = entry.next;
  entry = Entry();
  --numCached_;
  pool_.release(block);
}

void PrefixCache::clear() {
  for (uint32_t block = 0; block < capacity(); ++block) {
    if (!isCached(block))
      continue;
    if (entries_[block].idle)
      removeIdle(block);
    forget(block);
  }
}

void PrefixCache::pushIdle(uint32_t block) {
  Entry &entry = entries_[block];
  entry.idle = true;
  entry.older = newest_;
  entry.newer = kNoBlock;
  (newest_ == kNoBlock ? oldest_ : entries_[newest_].newer) = block;
  newest_ = block;
  ++numIdle_;
}

void PrefixCache::removeIdle(uint32_t block) {
  Entry &entry = entries_[block];
  (entry.older == kNoBlock ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNoBlock ? newest_ : entries_[entry.newer].older) = entry.older;
  entry.idle = false;
  --numIdle_;
}

std::string PrefixCache::checkInvariants() const {
  if (std::string problem = pool_.checkInvariants(); !problem.empty())
    return problem;
  std::vector<uint64_t> serials;
  uint32_t cached = 0, idle = 0;
  for (uint32_t block = 0; block < capacity(); ++block) {
    const Entry &entry = entries_[block];
    if (!isCached(block)) {
      if (entry.idle)
        return format("block %u is kept, but stands for no prefix", block);
      continue;
    }
    ++cached;
    serials.push_back(entry.serial);
    if (pool_.owners(block) == 0)
      return format("cached block %u is free", block);
    if (entry.idle != (owners(block) == 0))
      return format("cached block %u has %u owners, but is %skept without one", block,
                    owners(block), entry.idle ? "" : "not ");
    idle += entry.idle;
    if (entry.hash != hashOf(entry.parent, entry.salt, tokensOf(block)) ||
        find(entry.hash, entry.parent, entry.salt, tokensOf(block)) != block)
      return format("cached block %u is not found under its tokens", block);
  }
  std::sort(serials.begin(), serials.end());
  for (uint32_t block = 0; block < capacity(); ++block)
    if (isCached(block) && entries_[block].parent != 0 &&
        !std::binary_search(serials.begin(), serials.end(), entries_[block].parent))
      return format("cached block %u has outlived the one before it", block);
  uint32_t listed = 0;
  for (uint32_t block = oldest_; block != kNoBlock; block = entries_[block].newer)
    if (++listed > capacity() || !entries_[block].idle)
      return format("the list of kept blocks is damaged at block %u", block);
  if (cached != numCached_ || idle != numIdle_ || listed != idle)
    return format("%u cached and %u kept blocks, %u in the list, but counted were %u and %u",
                  cached, idle, listed, numCached_, numIdle_);
  return {};
}

} // namespace axiom
