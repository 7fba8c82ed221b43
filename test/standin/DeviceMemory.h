// The memory of a device: memory of this process, but its addresses are others, where nothing can
// be read or written. They are not given out twice as long as there are more, and behind each range
// is a gap. What is fresh holds 0xff bytes.
#ifndef AXIOM_TEST_STANDIN_DEVICE_MEMORY_H
#define AXIOM_TEST_STANDIN_DEVICE_MEMORY_H

#include "codegen/cuda/twin/GlobalMemory.h"

#include <cstddef>
#include <cstdint>
#include <map>

namespace axiom::standin {

/// What the contexts of a device share.
struct Budget {
  size_t total = 0, used = 0;
};

/// That of a context.
class DeviceMemory {
public:
  explicit DeviceMemory(Budget &budget) : budget(budget) {}
  ~DeviceMemory() { end(); }
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// 0: there is not enough.
  uintptr_t allocate(size_t bytes);
  /// False: no range begins there.
  bool release(uintptr_t address);
  void releaseAll();
  /// Releases all, and gives back the addresses too: there are enough for some hundred contexts.
  void end();

  /// Whether all these bytes lie in one range.
  bool holds(uintptr_t address, size_t bytes) const;
  /// Bytes of the range that begins there; 0: none does.
  size_t sizeOf(uintptr_t address) const;
  /// Whether the address could be the device's, used or not.
  bool owns(uintptr_t address) const {
    return arena && address - reinterpret_cast<uintptr_t>(arena) < kArena;
  }
  /// Where the bytes of an address are.
  void *host(uintptr_t address) const { return known.host(reinterpret_cast<void *>(address)); }
  const std::map<uintptr_t, size_t> &ranges() const { return sizes; }
  const twin::GlobalMemory &global() const { return known; }

private:
  static constexpr size_t kArena = size_t(1) << 38, kPage = 4096;

  Budget &budget;
  char *arena = nullptr; ///< the addresses
  char *bytes = nullptr; ///< what they stand for
  size_t next = 0;       ///< where in the arena the next range is looked for
  std::map<uintptr_t, size_t> sizes;
  twin::GlobalMemory known;

  bool prepare();
  uintptr_t place(size_t extent);
  bool fill(uintptr_t at, size_t extent);
};

} // namespace axiom::standin

#endif
