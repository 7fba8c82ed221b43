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
  /// Bytes from `base` on may be read, and written if `writable`. Ranges do not overlap.
  void add(const void *base, size_t bytes, bool writable);
  void remove(const void *base);

  /// Empty, or why an access of `bytes` bytes at `at` is not allowed.
  std::string check(const void *at, size_t bytes, bool write) const {
    const Range &r = last;
    uint64_t offset = reinterpret_cast<uintptr_t>(at) - r.base;
    bool inside = offset < r.bytes && bytes <= r.bytes - offset;
    if (inside && (r.writable || !write) && reinterpret_cast<uintptr_t>(at) % bytes == 0)
      return {};
    return find(at, bytes, write);
  }
  /// Whether an allowed access is to memory that may be written.
  bool writable(const void *at) const {
    return reinterpret_cast<uintptr_t>(at) - last.base < last.bytes ? last.writable
                                                                    : isWritable(at);
  }

private:
  struct Range {
    uintptr_t base;
    size_t bytes;
    bool writable;
  };
  std::map<uintptr_t, Range> ranges;
  mutable Range last = {}; ///< the one that was found last, which the next access often is in

  std::string find(const void *at, size_t bytes, bool write) const;
  bool isWritable(const void *at) const;
};

} // namespace axiom::twin

#endif
