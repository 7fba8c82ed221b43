// A block's shared memory, and for its words who touched them last: what was never written, what a
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
  /// Without `check` all is allowed that is inside.
  SharedMemory(size_t bytes, bool check);
  uint8_t *data() { return bytes.data(); }
  /// As new, for another block.
  void reset();

  // Each returns why the access is not allowed, or an empty string. Sizes are powers of two.
  std::string read(uint32_t at, void *to, size_t bytes, const Access &by);
  std::string write(uint32_t at, const void *from, size_t bytes, const Access &by);
  /// A copy to these bytes begins: until its end nobody may touch them.
  std::string beginCopy(uint32_t at, size_t bytes, const Access &by);
  void endCopy(uint32_t at, const void *from, size_t bytes, const Access &by);

private:
  /// What is known of some bytes that were touched together.
  struct Record {
    uint32_t writer = kNobody, writeBlock = 0, writeWarp = 0;
    /// Since it was written. Or one of the values below.
    uint32_t reader = kNobody, readBlock = 0, readWarp = 0;
    bool pending = false;
  };
  static constexpr uint32_t kNobody = 0xffffffffu;
  static constexpr uint32_t kSeveralWarps = 0xfffffffeu;
  static constexpr uint32_t kSeveralLanes = 0x80000000u; ///< of the warp in the low bits

  struct Word {
    Record record;
    uint32_t life = 0;  ///< of the block that touched it; of an earlier one: nobody did
    bool split = false; ///< its bytes have records of their own
  };

  std::vector<uint8_t> bytes;
  std::vector<Word> words;
  std::vector<Record> split; ///< of each byte, once there is one
  uint32_t life = 1;

  enum class Use { Read, Write, Copy };

  bool inside(uint32_t at, size_t count) const {
    return (at & (count - 1)) == 0 && at <= bytes.size() && count <= bytes.size() - at;
  }
  Word &word(uint32_t at);
  /// Calls step(record) for the records of these bytes while it gives true. Returns the byte where
  /// it did not, or the end.
  template <typename Step> uint32_t each(uint32_t at, size_t count, Step step);
  static bool writeUnordered(const Record &r, const Access &by);
  static bool readUnordered(const Record &r, const Access &by);
  static void remember(Record &r, const Access &by);
  template <Use use> static bool allows(const Record &r, const Access &by);
  /// Records an allowed use; returns the first byte for which it is not allowed, or the end.
  template <Use use> uint32_t touch(uint32_t at, size_t count, const Access &by);
  /// Why it is not allowed for that byte.
  std::string explain(uint32_t at, size_t count, uint32_t byte, const Access &by);
};

} // namespace axiom::twin

#endif
