// A block's shared memory, and for each byte who touched it last: what was never written, what a
// copy is still on its way to, and accesses of two threads that no barrier orders are faults.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_SHARED_MEMORY_H
#define AXIOM_CODEGEN_CUDA_TWIN_SHARED_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace axiom::twin {

/// Who accesses, and how far ordered: barriers of the block, and of the thread's warp, behind it.
struct Access {
  uint32_t thread, blockBarriers, warpBarriers;
};

class SharedMemory {
public:
  explicit SharedMemory(size_t bytes);

  // Each returns why the access is not allowed, or an empty string.
  std::string read(uint32_t at, void *to, size_t bytes, const Access &by);
  std::string write(uint32_t at, const void *from, size_t bytes, const Access &by);
  /// A copy to these bytes begins: until its end nobody may touch them.
  std::string beginCopy(uint32_t at, size_t bytes, const Access &by);
  void endCopy(uint32_t at, const void *from, size_t bytes, const Access &by);

private:
  struct Byte {
    uint32_t writer = kNobody, writeBlock = 0, writeWarp = 0;
    uint32_t reader = kNobody, readBlock = 0, readWarp = 0; ///< or one of the values below
    bool pending = false;
  };
  static constexpr uint32_t kNobody = 0xffffffffu;
  static constexpr uint32_t kSeveralWarps = 0xfffffffeu;
  static constexpr uint32_t kSeveralLanes = 0x80000000u; ///< of the warp in the low bits

  std::vector<uint8_t> bytes;
  std::vector<Byte> shadow;

  std::string place(uint32_t at, size_t count) const;
  static void remember(Byte &b, const Access &by);
  static bool readUnordered(const Byte &b, const Access &by);
  std::string claim(uint32_t at, size_t count, const Access &by);
};

} // namespace axiom::twin

#endif
