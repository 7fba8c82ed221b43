#include "codegen/cuda/twin/SharedMemory.h"

#include <cstring>

namespace axiom::twin {

/// What stands where nothing was written or a copy has not arrived: a NaN, and no small number.
static constexpr uint8_t kPoison = 0xff;

SharedMemory::SharedMemory(size_t count) : bytes(count, kPoison), shadow(count) {}

std::string SharedMemory::place(uint32_t at, size_t count) const {
  if (at % count != 0)
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

void SharedMemory::remember(Byte &b, const Access &by) {
  bool current = b.reader != kNobody && b.readBlock == by.blockBarriers;
  uint32_t warp = b.reader & kSeveralLanes ? b.reader & ~kSeveralLanes : b.reader / 32;
  if (!current)
    b.reader = by.thread;
  else if (b.reader == kSeveralWarps || warp != by.thread / 32)
    b.reader = kSeveralWarps;
  else if (b.readWarp < by.warpBarriers) // earlier readers of the same warp are ordered
    b.reader = by.thread;
  else if (b.reader != by.thread)
    b.reader = kSeveralLanes | warp;
  b.readBlock = by.blockBarriers;
  b.readWarp = by.warpBarriers;
}

bool SharedMemory::readUnordered(const Byte &b, const Access &by) {
  if (b.reader == kNobody || b.readBlock != by.blockBarriers)
    return false;
  if (b.reader == kSeveralWarps)
    return true;
  if (b.reader & kSeveralLanes)
    return (b.reader & ~kSeveralLanes) != by.thread / 32 || b.readWarp >= by.warpBarriers;
  return unordered(b.reader, b.readBlock, b.readWarp, by);
}

std::string SharedMemory::read(uint32_t at, void *to, size_t count, const Access &by) {
  if (std::string why = place(at, count); !why.empty())
    return why;
  for (uint32_t i = at; i < at + count; ++i) {
    Byte &b = shadow[i];
    if (b.pending)
      return "an asynchronous copy to byte " + std::to_string(i) + " has not been waited for";
    if (b.writer == kNobody)
      return "byte " + std::to_string(i) + " was never written";
    if (unordered(b.writer, b.writeBlock, b.writeWarp, by))
      return race(b.writer, i);
    remember(b, by);
  }
  std::memcpy(to, &bytes[at], count);
  return {};
}

std::string SharedMemory::claim(uint32_t at, size_t count, const Access &by) {
  if (std::string why = place(at, count); !why.empty())
    return why;
  for (uint32_t i = at; i < at + count; ++i) {
    Byte &b = shadow[i];
    if (b.pending)
      return "an asynchronous copy to byte " + std::to_string(i) + " has not been waited for";
    if (b.writer != kNobody && unordered(b.writer, b.writeBlock, b.writeWarp, by))
      return race(b.writer, i);
    if (readUnordered(b, by))
      return "no barrier orders it behind what other threads read at byte " + std::to_string(i);
    b.writer = by.thread;
    b.writeBlock = by.blockBarriers;
    b.writeWarp = by.warpBarriers;
  }
  return {};
}

std::string SharedMemory::write(uint32_t at, const void *from, size_t count, const Access &by) {
  if (std::string why = claim(at, count, by); !why.empty())
    return why;
  std::memcpy(&bytes[at], from, count);
  return {};
}

std::string SharedMemory::beginCopy(uint32_t at, size_t count, const Access &by) {
  if (std::string why = claim(at, count, by); !why.empty())
    return why;
  for (uint32_t i = at; i < at + count; ++i)
    shadow[i].pending = true;
  std::memset(&bytes[at], kPoison, count);
  return {};
}

void SharedMemory::endCopy(uint32_t at, const void *from, size_t count, const Access &by) {
  for (uint32_t i = at; i < at + count; ++i) {
    Byte &b = shadow[i];
    b.pending = false;
    b.writer = by.thread;
    b.writeBlock = by.blockBarriers;
    b.writeWarp = by.warpBarriers;
  }
  std::memcpy(&bytes[at], from, count);
}

} // namespace axiom::twin
