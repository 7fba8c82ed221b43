#include "codegen/cuda/twin/GlobalOrder.h"

#include <algorithm>

namespace axiom::twin {

template <typename Map> static void joinMaps(Map &into, const Map &from) {
  for (const auto &[key, value] : from) {
    auto &mine = into[key];
    mine = std::max(mine, value);
  }
}

void Seen::join(const Seen &other) {
  joinMaps(blocks, other.blocks);
  joinMaps(warps, other.warps);
  joinMaps(threads, other.threads);
}

void Seen::joinMoment(const Moment &m) {
  auto raise = [](auto &value, auto to) { value = std::max(value, to); };
  raise(blocks[m.block], m.blockBarriers);
  raise(warps[m.warpId()], m.warpBarriers);
  raise(threads[m.threadId()], m.writes);
}

bool Seen::covers(const Moment &write) const {
  auto block = blocks.find(write.block);
  if (block != blocks.end() && block->second > write.blockBarriers)
    return true;
  auto warp = warps.find(write.warpId());
  if (warp != warps.end() && warp->second > write.warpBarriers)
    return true;
  auto thread = threads.find(write.threadId());
  return thread != threads.end() && thread->second >= write.writes;
}

Page &GlobalOrder::find(uintptr_t at) {
  auto &page = pages[at / Page::kBytes];
  if (!page) {
    page = std::make_unique<Page>();
    page->number = at / Page::kBytes;
  }
  return *(last[at / Page::kBytes % kRecent] = page.get());
}

std::string GlobalOrder::check(const Page &page, uintptr_t at, size_t bytes, const Moment &by,
                               const Seen &block, const Seen &own) const {
  for (uintptr_t byte = at; page.writes && byte < at + bytes; ++byte) {
    const Moment &write = (*page.writes)[byte % Page::kBytes];
    if (write.writes == 0 || write.threadId() == by.threadId())
      continue;
    bool sameBlock = write.block == by.block;
    if (sameBlock && write.blockBarriers < by.blockBarriers)
      continue;
    if (sameBlock && write.warpId() == by.warpId() && write.warpBarriers < by.warpBarriers)
      continue;
    if (block.covers(write) || own.covers(write))
      continue;
    return "nothing orders it behind what thread " + std::to_string(write.thread) + " of block " +
           std::to_string(write.block) + " wrote there";
  }
  return {};
}

void GlobalOrder::wrote(Page &page, uintptr_t at, size_t bytes, const Moment &by) {
  if (!page.writes)
    page.writes = std::make_unique<std::array<Moment, Page::kBytes>>();
  page.written |= Page::piece(at);
  for (uintptr_t byte = at; byte < at + bytes; ++byte)
    (*page.writes)[byte % Page::kBytes] = by;
}

} // namespace axiom::twin
