#include "codegen/cuda/twin/SharedMemory.h"

#include <cstring>

namespace axiom::twin {

/// What stands where nothing was written or a copy has not arrived: a NaN, and no small number.
static constexpr uint8_t kPoison = 0xff;

SharedMemory::SharedMemory(size_t count, bool check)
    : bytes(count, kPoison), words(check ? (count + 3) / 4 : 0) {}

void SharedMemory::reset() {
  std::memset(bytes.data(), kPoison, bytes.size());
  ++life;
}

inline SharedMemory::Word &SharedMemory::word(uint32_t at) {
  Word &word = words[at / 4];
  if (word.life != life)
    word = {{}, life, false};
  return word;
}

template <typename Step> inline uint32_t SharedMemory::each(uint32_t at, size_t count, Step step) {
  uint32_t end = at + static_cast<uint32_t>(count);
  if (words.empty())
    return end;
  for (uint32_t i = at; i < end;) {
    Word &w = word(i);
    if (count >= 4 && !w.split) {
      if (!step(w.record))
        return i;
      i += 4;
      continue;
    }
    if (!w.split) {
      split.resize(words.size() * 4);
      for (uint32_t byte = i / 4 * 4; byte < i / 4 * 4 + 4; ++byte)
        split[byte] = w.record;
      w.split = true;
    }
    uint32_t stop = i + static_cast<uint32_t>(count < 4 ? count : 4);
    for (; i < stop; ++i)
      if (!step(split[i]))
        return i;
  }
  return end;
}

/// Whether no barrier lies between an earlier access of another thread and this one.
static inline bool unordered(uint32_t thread, uint32_t block, uint32_t warp, const Access &by) {
  if (thread == by.thread || block != by.blockBarriers)
    return false;
  bool sameWarp = thread / 32 == by.thread / 32;
  return !(sameWarp && warp < by.warpBarriers);
}

inline bool SharedMemory::writeUnordered(const Record &r, const Access &by) {
  return unordered(r.writer, r.writeBlock, r.writeWarp, by);
}

inline bool SharedMemory::readUnordered(const Record &r, const Access &by) {
  if (r.reader == kNobody || r.readBlock != by.blockBarriers)
    return false;
  if (r.reader == kSeveralWarps)
    return true;
  if (r.reader & kSeveralLanes)
    return (r.reader & ~kSeveralLanes) != by.thread / 32 || r.readWarp >= by.warpBarriers;
  return unordered(r.reader, r.readBlock, r.readWarp, by);
}

inline void SharedMemory::remember(Record &r, const Access &by) {
  bool current = r.reader != kNobody && r.readBlock == by.blockBarriers;
  if (current && r.reader == kSeveralWarps)
    return;
  uint32_t warp = r.reader & kSeveralLanes ? r.reader & ~kSeveralLanes : r.reader / 32;
  if (!current)
    r.reader = by.thread;
  else if (warp != by.thread / 32)
    r.reader = kSeveralWarps;
  else if (r.readWarp < by.warpBarriers) // earlier readers of the same warp are ordered
    r.reader = by.thread;
  else if (r.reader != by.thread)
    r.reader = kSeveralLanes | warp;
  r.readBlock = by.blockBarriers;
  r.readWarp = by.warpBarriers;
}

template <SharedMemory::Use use>
inline bool SharedMemory::allows(const Record &r, const Access &by) {
  if (r.pending)
    return false;
  if (use == Use::Read)
    return r.writer != kNobody && !writeUnordered(r, by);
  return (r.writer == kNobody || !writeUnordered(r, by)) && !readUnordered(r, by);
}

template <SharedMemory::Use use>
uint32_t SharedMemory::touch(uint32_t at, size_t count, const Access &by) {
  if (!inside(at, count))
    return at;
  return each(at, count, [&](Record &r) {
    if (!allows<use>(r, by))
      return false;
    if (use == Use::Read)
      remember(r, by);
    else // whoever comes behind this write comes behind those who read before it
      r = {by.thread, by.blockBarriers, by.warpBarriers, kNobody, 0, 0, use == Use::Copy};
    return true;
  });
}

std::string SharedMemory::explain(uint32_t at, size_t count, uint32_t byte, const Access &by) {
  if (at & (count - 1))
    return "its offset " + std::to_string(at) + " is no multiple of its size";
  if (!inside(at, count))
    return "it is at byte " + std::to_string(at) + " of the block's " +
           std::to_string(bytes.size()) + " bytes";
  Word &w = word(byte);
  const Record &r = w.split ? split[byte] : w.record;
  std::string number = std::to_string(byte);
  if (r.pending)
    return "an asynchronous copy to byte " + number + " has not been waited for";
  if (r.writer == kNobody)
    return "byte " + number + " was never written";
  if (writeUnordered(r, by))
    return "no barrier orders it behind what thread " + std::to_string(r.writer) +
           " wrote at byte " + number;
  return "no barrier orders it behind what other threads read at byte " + number;
}

std::string SharedMemory::read(uint32_t at, void *to, size_t count, const Access &by) {
  if (uint32_t byte = touch<Use::Read>(at, count, by); byte != at + count)
    return explain(at, count, byte, by);
  std::memcpy(to, &bytes[at], count);
  return {};
}

std::string SharedMemory::write(uint32_t at, const void *from, size_t count, const Access &by) {
  if (uint32_t byte = touch<Use::Write>(at, count, by); byte != at + count)
    return explain(at, count, byte, by);
  std::memcpy(&bytes[at], from, count);
  return {};
}

std::string SharedMemory::beginCopy(uint32_t at, size_t count, const Access &by) {
  if (uint32_t byte = touch<Use::Copy>(at, count, by); byte != at + count)
    return explain(at, count, byte, by);
  std::memset(&bytes[at], kPoison, count);
  return {};
}

void SharedMemory::endCopy(uint32_t at, const void *from, size_t count, const Access &by) {
  each(at, count, [&](Record &r) {
    r = {by.thread, by.blockBarriers, by.warpBarriers, kNobody, 0, 0, false};
    return true;
  });
  std::memcpy(&bytes[at], from, count);
}

} // namespace axiom::twin
