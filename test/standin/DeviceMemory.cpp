#include "test/standin/DeviceMemory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace axiom::standin {

/// Bytes of the pattern file: ranges that are not written share its pages.
static constexpr size_t kPattern = 16 << 20;
/// What the driver's allocations are a multiple of.
static constexpr size_t kUnit = 512;

static size_t roundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

void DeviceMemory::end() {
  releaseAll();
  if (arena)
    munmap(arena, kArena);
  if (bytes)
    munmap(bytes, kArena);
  arena = bytes = nullptr;
  next = 0;
}

static char *reserve(size_t bytes) {
  void *memory =
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<char *>(memory);
}

/// A file of 0xff bytes, for all contexts; below 0: there is none.
static int patternFile() {
  static const int pattern = [] {
    int file = memfd_create("axiom-stand-in", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, kPattern) != 0)
      return -1;
    void *bytes = mmap(nullptr, kPattern, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED)
      return -1;
    std::memset(bytes, 0xff, kPattern);
    munmap(bytes, kPattern);
    return file;
  }();
  return pattern;
}

bool DeviceMemory::prepare() {
  if (arena)
    return true;
  bytes = reserve(kArena);
  arena = bytes ? reserve(kArena) : nullptr;
  if (!arena)
    return false;
  known.setShift(reinterpret_cast<uintptr_t>(bytes) - reinterpret_cast<uintptr_t>(arena));
  return true;
}

uintptr_t DeviceMemory::place(size_t extent) {
  // Behind the last one; once the arena is used up, the first gap.
  auto base = reinterpret_cast<uintptr_t>(arena);
  if (extent <= kArena - next) {
    uintptr_t at = base + next;
    next += extent;
    return at;
  }
  uintptr_t at = base;
  for (const auto &[begin, bytes] : sizes) {
    if (begin - at >= extent)
      return at;
    at = begin + roundUp(bytes, kPage) + kPage;
  }
  return at - base <= kArena - extent ? at : 0;
}

bool DeviceMemory::fill(uintptr_t at, size_t extent) {
  for (size_t done = 0; done < extent; done += kPattern)
    if (mmap(host(at + done), std::min(kPattern, extent - done), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, patternFile(), 0) == MAP_FAILED)
      return false;
  return true;
}

uintptr_t DeviceMemory::allocate(size_t bytes) {
  if (bytes > budget.total || roundUp(bytes, kUnit) > budget.total - budget.used || !prepare())
    return 0;
  size_t extent = roundUp(bytes, kPage);
  uintptr_t at = place(extent + kPage);
  if (at == 0 || !fill(at, extent))
    return 0;
  budget.used += roundUp(bytes, kUnit);
  sizes[at] = bytes;
  known.add(reinterpret_cast<void *>(at), bytes, true);
  return at;
}

bool DeviceMemory::release(uintptr_t address) {
  auto found = sizes.find(address);
  if (found == sizes.end())
    return false;
  mmap(host(address), roundUp(found->second, kPage), PROT_NONE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  budget.used -= roundUp(found->second, kUnit);
  known.remove(reinterpret_cast<void *>(address));
  sizes.erase(found);
  return true;
}

void DeviceMemory::releaseAll() {
  while (!sizes.empty())
    release(sizes.begin()->first);
}

bool DeviceMemory::holds(uintptr_t address, size_t bytes) const {
  auto next = sizes.upper_bound(address);
  if (next == sizes.begin())
    return false;
  auto [begin, size] = *std::prev(next);
  return address - begin <= size && bytes <= size - (address - begin);
}

size_t DeviceMemory::sizeOf(uintptr_t address) const {
  auto found = sizes.find(address);
  return found == sizes.end() ? 0 : found->second;
}

} // namespace axiom::standin
