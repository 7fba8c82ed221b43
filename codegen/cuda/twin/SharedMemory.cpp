#include "codegen/cuda/twin/SharedMemory.h"

#include <cstring>

namespace axiom::twin {

/// What stands where nothing was written or a copy has not arrived: a NaN, and no small number.
static constexpr uint8_t kPoison = 0xff;

SharedMemory::SharedMemory(size_t count) : bytes(count, kPoison), words((count + 3) / 4) {}

void SharedMemory::reset() {
  std::memset(bytes.data(), kPoison, bytes.size());
  ++life;
}

std::string SharedMemory::place(uint32_t at, size_t count) const {
  if (at & (count - 1))
    return "its offset " + std::to_string(at) + " is no multiple of its size";
  if (at > bytes.size() || count > bytes.size() - at)
    return "it is at byte " + std::to_string(at) + " of the block's " +
           std::to_string(bytes.size()) + " bytes";
  return {};
}

/// Whether no barrier lies between an earlier access of another thread and this one.
static bool unordered(uint32_t thread, uint32_t block, uint32_t warp, const Access &by) {
  if (thread == by.thread || block != by.blockBarriers)
    return false;
  bool sameWarp = thread / 32 == by.thread / 32;
  return !(sameWarp && warp < by.warpBarriers);
}

static std::string race(uint32_t thread, uint32_t at) {
  return "no barrier orders it behind what thread " + std::to_string(thread) + " wrote at byte " +
         std::to_string(at);
}

void SharedMemory::remember(Record &r, const Access &by) {
  bool current = r.reader != kNobody && r.readBlock == by.blockBarriers;
  uint32_t warp = r.reader & kSeveralLanes ? r.reader & ~kSeveralLanes : r.reader / 32;
  if (!current)
    r.reader = by.thread;
  else if (r.reader == kSeveralWarps || warp != by.thread / 32)
    r.reader = kSeveralWarps;
  else if (r.readWarp < by.warpBarriers) // earlier readers of the same warp are ordered
    r.reader = by.thread;
  else if (r.reader != by.thread)
    r.reader = kSeveralLanes | warp;
  r.readBlock = by.blockBarriers;
  r.readWarp = by.warpBarriers;
}

bool SharedMemory::readUnordered(const Record &r, const Access &by) {
  if (r.reader == kNobody || r.readBlock != by.blockBarriers)
    return false;
  if (r.reader == kSeveralWarps)
    return true;
  if (r.reader & kSeveralLanes)
    return (r.reader & ~kSeveralLanes) != by.thread / 32 || r.readWarp >= by.warpBarriers;
  return unordered(r.reader, r.readBlock, r.readWarp, by);
}

/// Calls step(record, first byte of it) for the records of these bytes until one is not allowed.
template <typename Step> std::string SharedMemory::each(uint32_t at, size_t count, Step step) {
  for (uint32_t i = at; i < at + count;) {
    Word &word = words[i / 4];
    if (word.life != life)
      word = {{}, life, false};
    if (count >= 4 && !word.split) {
      if (std::string why = step(word.record, i); !why.empty())
        return why;
      i += 4;
      continue;
    }
    if (!word.split) {
      split.resize(words.size() * 4);
      for (uint32_t byte = i / 4 * 4; byte < i / 4 * 4 + 4; ++byte)
        split[byte] = word.record;
      word.split = true;
    }
    uint32_t end = i + static_cast<uint32_t>(count < 4 ? count : 4);
    for (; i < end; ++i)
      if (std::string why = step(split[i], i); !why.empty())
        return why;
  }
  return {};
}

static std::string notWaitedFor(uint32_t byte) {
  return "an asynchronous copy to byte " + std::to_string(byte) + " has not been waited for";
}

std::string SharedMemory::read(uint32_t at, void *to, size_t count, const Access &by) {
  if (std::string why = place(at, count); !why.empty())
    return why;
  std::string why = each(at, count, [&](Record &r, uint32_t byte) -> std::string {
    if (r.pending)
      return notWaitedFor(byte);
    if (r.writer == kNobody)
      return "byte " + std::to_string(byte) + " was never written";
    if (unordered(r.writer, r.writeBlock, r.writeWarp, by))
      return race(r.writer, byte);
    remember(r, by);
    return {};
  });
  if (why.empty())
    std::memcpy(to, &bytes[at], count);
  return why;
}

std::string SharedMemory::claim(uint32_t at, size_t count, const Access &by, bool pending) {
  if (std::string why = place(at, count); !why.empty())
    return why;
  return each(at, count, [&](Record &r, uint32_t byte) -> std::string {
    if (r.pending)
      return notWaitedFor(byte);
    if (r.writer != kNobody && unordered(r.writer, r.writeBlock, r.writeWarp, by))
      return race(r.writer, byte);
    if (readUnordered(r, by))
      return "no barrier orders it behind what other threads read at byte " + std::to_string(byte);
    // Whoever comes behind this write comes behind those who read before it.
    r = {by.thread, by.blockBarriers, by.warpBarriers, kNobody, 0, 0, pending};
    return {};
  });
}

std::string SharedMemory::write(uint32_t at, const void *from, size_t count, const Access &by) {
  std::string why = claim(at, count, by, false);
  if (why.empty())
    std::memcpy(&bytes[at], from, count);
  return why;
}

std::string SharedMemory::beginCopy(uint32_t at, size_t count, const Access &by) {
  std::string why = claim(at, count, by, true);
  if (why.empty())
    std::memset(&bytes[at], kPoison, count);
  return why;
}

void SharedMemory::endCopy(uint32_t at, const void *from, size_t count, const Access &by) {
  each(at, count, [&](Record &r, uint32_t) -> std::string {
    r.pending = false;
    r.writer = by.thread;
    r.writeBlock = by.blockBarriers;
    r.writeWarp = by.warpBarriers;
    return {};
  });
  std::memcpy(&bytes[at], from, count);
}

} // namespace axiom::twin
