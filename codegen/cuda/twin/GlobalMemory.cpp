#include "codegen/cuda/twin/GlobalMemory.h"

namespace axiom::twin {

/// So far past a range an access is said to be past it.
static constexpr uint64_t kNear = 1 << 20;

void GlobalMemory::add(const void *base, size_t bytes, bool writable) {
  auto address = reinterpret_cast<uintptr_t>(base);
  ranges[address] = {address, bytes, writable};
}

void GlobalMemory::remove(const void *base) { ranges.erase(reinterpret_cast<uintptr_t>(base)); }

std::string GlobalMemory::find(uintptr_t at, size_t bytes, bool write, Range &found) const {
  if (at % bytes != 0)
    return "its address is no multiple of its size, it is " + std::to_string(at % bytes) +
           " past one";
  auto next = ranges.upper_bound(at);
  if (next == ranges.begin())
    return "no global memory lies there";
  const Range &range = std::prev(next)->second;
  uint64_t offset = at - range.base;
  if (offset > range.bytes + kNear)
    return "no global memory lies there";
  if (offset >= range.bytes || bytes > range.bytes - offset)
    return "it is at byte " + std::to_string(offset) + " of a range of " +
           std::to_string(range.bytes) + " bytes";
  if (write && !range.writable)
    return "its range of " + std::to_string(range.bytes) + " bytes is read only";
  found = range;
  return {};
}

} // namespace axiom::twin
