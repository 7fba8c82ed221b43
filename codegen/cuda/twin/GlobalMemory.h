// The ranges of host memory that stand for global memory of the GPU.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_GLOBAL_MEMORY_H
#define AXIOM_CODEGEN_CUDA_TWIN_GLOBAL_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace axiom::twin {

class GlobalMemory {
public:
  struct Range {
    uintptr_t base = 0;
    size_t bytes = 0;
    bool writable = false;

    /// Sizes are powers of two.
    bool allows(uintptr_t at, size_t size, bool write) const {
      uintptr_t offset = at - base;
      return offset < bytes && size <= bytes - offset && (writable || !write) &&
             (at & (size - 1)) == 0;
    }
  };

  /// Bytes from `base` on may be read, and written if `writable`. Ranges do not overlap.
  void add(const void *base, size_t bytes, bool writable);
  void remove(const void *base);

  /// Where the bytes of an address are. Those of the ranges need not be addresses of this process:
  /// a host that uses one as its own is found out.
  void *host(const void *at) const {
    return reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(at) + toHost);
  }
  uintptr_t shift() const { return toHost; }
  void setShift(uintptr_t shift) { toHost = shift; }

  /// Empty and the range, or why an access of `bytes` bytes at `at` is not allowed.
  std::string find(uintptr_t at, size_t bytes, bool write, Range &range) const;

private:
  std::map<uintptr_t, Range> ranges;
  uintptr_t toHost = 0;
};

} // namespace axiom::twin

#endif
