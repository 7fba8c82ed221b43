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
  std::string check(const void *at, size_t bytes, bool write) const;

private:
  struct Range {
    size_t bytes;
    bool writable;
  };
  std::map<uintptr_t, Range> ranges;
};

} // namespace axiom::twin

#endif
