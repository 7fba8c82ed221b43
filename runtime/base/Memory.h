// Pages from the system, page protection, and how much memory this process may use.
#ifndef AXIOM_RUNTIME_BASE_MEMORY_H
#define AXIOM_RUNTIME_BASE_MEMORY_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace axiom {

/// Which pages to ask the system for. A wish: it may have no huge pages to give.
enum class PageSize {
  Auto,  ///< huge ones for large ranges
  Small, ///< what the system gives of itself: fastest to come by
  Huge,  ///< 2 MiB, and the range begins at a multiple of that: fewest translations while reading
};

/// Private zeroed pages. Memory is taken from the system when it is first touched.
class Pages {
public:
  /// `what` names the use in the error.
  static Result<Pages> allocate(uint64_t size, const char *what, PageSize pages = PageSize::Auto);

  Pages() = default;
  Pages(Pages &&other) noexcept;
  Pages &operator=(Pages &&other) noexcept;
  Pages(const Pages &) = delete;
  Pages &operator=(const Pages &) = delete;
  ~Pages();

  uint8_t *data() const { return data_; }
  uint64_t size() const { return size_; }
  std::span<uint8_t> bytes() const { return {data_, size_}; }

  /// Gives the memory back; the pages stay, and hold zeros again.
  void release();

  /// From read-write to read-execute; Unsupported if the system refuses.
  Status makeExecutable();

private:
  friend Result<Pages> mapFileExecutable(const std::string &path, uint64_t offset, uint64_t size);
  uint8_t *data_ = nullptr;
  size_t size_ = 0;
};

/// Maps a part of a file read-execute; `offset` is a multiple of the page size.
Result<Pages> mapFileExecutable(const std::string &path, uint64_t offset, uint64_t size);

/// Brings the pages of a mapped range in for reading; a hint, failure costs time only.
void prefault(std::span<const uint8_t> bytes);

/// Where the bound on memory comes from, for messages.
struct MemoryLimit {
  uint64_t bytes = 0;
  std::string source; ///< "free memory", "the cgroup limit", "--memory"
};

/// min(free memory, what is left of the cgroup's limit, `requested` if it is not 0).
MemoryLimit memoryLimit(uint64_t requested = 0);

/// A byte count for people: "12.3 MB" (10^6).
std::string formatBytes(uint64_t bytes);

} // namespace axiom

#endif
