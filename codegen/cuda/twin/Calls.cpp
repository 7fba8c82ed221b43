#include "codegen/cuda/twin/Calls.h"

#include "codegen/cuda/twin/Threads.h"

#include <cstring>

namespace axiom::twin {

uint32_t threadIndex() { return current().index; }
uint32_t blockThreads() { return current().block->grid.options.threads; }
uint32_t blockIndex() { return current().block->index; }
uint32_t gridBlocks() { return current().block->grid.options.blocks; }

/// In a random order a thread may stop wherever others could see what it does.
static void maybePause(Thread &t, int site) {
  Grid &grid = t.block->grid;
  if (grid.options.order == Order::Random && grid.next() % 16 == 0)
    pause(t, State::Ready, site);
}

static std::string bytesOf(const char *verb, size_t bytes, const char *memory) {
  return std::string(verb) + " " + std::to_string(bytes) + " bytes of " + memory + " memory";
}

static uintptr_t addressOf(const void *at) { return reinterpret_cast<uintptr_t>(at); }

/// A second look at an access that is not plainly allowed.
static void checkClosely(Thread &t, Page &page, const void *at, size_t bytes, bool write,
                         int site) {
  Grid &grid = t.block->grid;
  std::string why;
  if (!page.range.allows(addressOf(at), bytes, write))
    why = grid.memory.find(addressOf(at), bytes, write, page.range);
  if (why.empty())
    why = grid.order.check(page, addressOf(at), bytes, t.moment(), t.block->seen, t.seen);
  if (!why.empty())
    fail(t, site, bytesOf(write ? "writes" : "reads", bytes, "global"), why);
}

/// The page of an access that is allowed.
static Page &checkGlobal(Thread &t, const void *at, size_t bytes, bool write, int site) {
  Page &page = t.block->grid.order.page(addressOf(at));
  if (!page.range.allows(addressOf(at), bytes, write) || page.written & Page::piece(addressOf(at)))
    checkClosely(t, page, at, bytes, write, site);
  return page;
}

/// Of the sizes that accesses have.
static void copyBytes(void *to, const void *from, size_t bytes) {
  switch (bytes) {
  case 1:
    std::memcpy(to, from, 1);
    return;
  case 2:
    std::memcpy(to, from, 2);
    return;
  case 4:
    std::memcpy(to, from, 4);
    return;
  case 8:
    std::memcpy(to, from, 8);
    return;
  case 16:
    std::memcpy(to, from, 16);
    return;
  }
}

static void countGlobal(Thread &t, const void *at, size_t bytes, int site) {
  Grid &grid = t.block->grid;
  if (grid.options.count)
    t.block->warpOf(t).accesses.access(WarpAccesses::Kind::Global, site, t.lane(),
                                       reinterpret_cast<uintptr_t>(at), bytes, grid.result.counts);
}

void readGlobal(const void *from, void *to, size_t bytes, Read kind, int site) {
  Thread &t = current();
  Grid &grid = t.block->grid;
  maybePause(t, site);
  Page &page = checkGlobal(t, from, bytes, false, site);
  if (kind == Read::Constant && page.range.writable) {
    if (page.written & Page::piece(addressOf(from)))
      fail(t, site, bytesOf("reads", bytes, "constant"), "this launch has written there");
    page.constants |= Page::piece(addressOf(from));
  }
  grid.result.counts.globalReads += bytes;
  countGlobal(t, from, bytes, site);
  copyBytes(to, grid.memory.host(from), bytes);
}

void writeGlobal(void *to, const void *from, size_t bytes, int site) {
  Thread &t = current();
  Grid &grid = t.block->grid;
  maybePause(t, site);
  Page &page = checkGlobal(t, to, bytes, true, site);
  if (page.constants & Page::piece(addressOf(to)))
    fail(t, site, bytesOf("writes", bytes, "global"), "this launch has read it as constant");
  ++t.writes;
  grid.order.wrote(page, addressOf(to), bytes, t.moment());
  grid.result.counts.globalWrites += bytes;
  countGlobal(t, to, bytes, site);
  copyBytes(grid.memory.host(to), from, bytes);
}

static void countShared(Thread &t, uint32_t at, size_t bytes, int site) {
  Grid &grid = t.block->grid;
  if (grid.options.count)
    t.block->warpOf(t).accesses.access(WarpAccesses::Kind::Shared, site, t.lane(), at, bytes,
                                       grid.result.counts);
}

void readShared(uint32_t from, void *to, size_t bytes, int site) {
  Thread &t = current();
  std::string why = t.block->shared.read(from, to, bytes, t.access());
  if (!why.empty())
    fail(t, site, bytesOf("reads", bytes, "shared"), why);
  t.block->grid.result.counts.sharedReads += bytes;
  countShared(t, from, bytes, site);
}

void writeShared(uint32_t to, const void *from, size_t bytes, int site) {
  Thread &t = current();
  std::string why = t.block->shared.write(to, from, bytes, t.access());
  if (!why.empty())
    fail(t, site, bytesOf("writes", bytes, "shared"), why);
  t.block->grid.result.counts.sharedWrites += bytes;
  countShared(t, to, bytes, site);
}

void copyAsync(uint32_t to, const void *from, int site) {
  Thread &t = current();
  Grid &grid = t.block->grid;
  Copy copy = {to, t.groups, from, {}};
  if (from) {
    checkGlobal(t, from, copy.data.size(), false, site);
    if (grid.options.copyAtIssue)
      std::memcpy(copy.data.data(), grid.memory.host(from), copy.data.size());
    grid.result.counts.globalReads += copy.data.size();
    countGlobal(t, from, copy.data.size(), site);
  }
  std::string why = t.block->shared.beginCopy(to, copy.data.size(), t.access());
  if (!why.empty())
    fail(t, site, "copies 16 bytes to shared memory", why);
  t.copies.push_back(copy);
  ++grid.result.counts.copies;
}

void copyCommit(int) { ++current().groups; }

void copyWait(int pending, int) {
  Thread &t = current();
  auto left = static_cast<uint32_t>(pending);
  for (; t.copied < t.copies.size() && t.copies[t.copied].group + left < t.groups; ++t.copied) {
    Copy &copy = t.copies[t.copied];
    if (copy.from && !t.block->grid.options.copyAtIssue)
      std::memcpy(copy.data.data(), t.block->grid.memory.host(copy.from), copy.data.size());
    t.block->shared.endCopy(copy.to, copy.data.data(), copy.data.size(), t.access());
  }
  // The vector keeps its memory, and does not grow with the kernel.
  if (t.copied == t.copies.size() || t.copied >= 256) {
    t.copies.erase(t.copies.begin(), t.copies.begin() + static_cast<ptrdiff_t>(t.copied));
    t.copied = 0;
  }
}

void blockSync(int site) {
  Thread &t = current();
  Block &block = *t.block;
  Grid &grid = block.grid;
  if (block.done)
    fail(t, site, "comes to a barrier", "another thread of its block has ended");
  if (block.atBarrier && block.barrierSite != site)
    fail(t, site, "comes to a barrier",
         "others wait at the one of line " + std::to_string(block.barrierSite));
  block.barrierSite = site;
  if (++block.atBarrier < grid.options.threads)
    return pause(t, State::Waiting, site);
  block.atBarrier = 0;
  ++grid.result.counts.blockBarriers;
  for (auto &other : block.threads) {
    if (!other->seen.empty()) {
      block.seen.join(other->seen);
      other->seen = {};
    }
    ++other->blockBarriers;
    other->state = State::Ready;
  }
}

static void checkCounter(Thread &t, const uint32_t *counter, bool write, int site) {
  maybePause(t, site);
  GlobalMemory::Range range;
  std::string why = t.block->grid.memory.find(addressOf(counter), sizeof(*counter), write, range);
  if (!why.empty())
    fail(t, site, "uses a counter", why);
}

uint32_t takeTicket(uint32_t *counter, uint32_t add, int site) {
  Thread &t = current();
  checkCounter(t, counter, true, site);
  if (t.block->grid.options.check) {
    Seen &published = t.block->grid.order.published(counter);
    t.seen.join(published);
    published.join(t.block->seen);
    published.join(t.seen);
    published.joinMoment(t.moment());
  }
  auto *value = static_cast<uint32_t *>(t.block->grid.memory.host(counter));
  uint32_t before = *value;
  *value += add;
  return before;
}

void waitFor(const uint32_t *counter, uint32_t least, int site) {
  Thread &t = current();
  checkCounter(t, counter, false, site);
  auto *value = static_cast<const uint32_t *>(t.block->grid.memory.host(counter));
  while (static_cast<int32_t>(*value - least) < 0)
    pause(t, State::Spinning, site);
  if (t.block->grid.options.check)
    t.seen.join(t.block->grid.order.published(counter));
}

void countDot() { ++current().block->grid.result.counts.dots; }

} // namespace axiom::twin
