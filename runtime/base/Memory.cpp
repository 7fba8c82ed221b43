#include "runtime/base/Memory.h"

#include "runtime/base/Cgroup.h"
#include "runtime/base/Checked.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace axiom {

namespace {

constexpr uint64_t kHugePage = 2 * 1024 * 1024;

uint64_t pageSize() {
  static const uint64_t size = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

} // namespace

Result<Pages> Pages::allocate(uint64_t size, const char *what, PageSize pageKind) {
  Pages pages;
  if (size == 0)
    return pages;
  bool huge = pageKind == PageSize::Huge;
  if (size > SIZE_MAX - pageSize() - kHugePage)
    return Status(Code::Resource, format("cannot allocate %llu bytes for %s",
                                         static_cast<unsigned long long>(size), what));
  size_t bytes = static_cast<size_t>(alignUp(size, huge ? kHugePage : pageSize()));
  size_t slack = huge ? static_cast<size_t>(kHugePage - pageSize()) : 0; // to align the start
  void *data =
      ::mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return Status(Code::Resource, format("cannot allocate %s for %s: %s", formatBytes(size).c_str(),
                                         what, std::strerror(errno)));
  if (slack > 0) {
    auto begin = reinterpret_cast<uintptr_t>(data), start = alignUp(begin, kHugePage);
    if (start > begin)
      ::munmap(data, start - begin);
    if (size_t after = slack - (start - begin))
      ::munmap(reinterpret_cast<void *>(start + bytes), after);
    data = reinterpret_cast<void *>(start);
  }
  if (huge || (pageKind == PageSize::Auto && size >= 4 * kHugePage))
    ::madvise(data, bytes, MADV_HUGEPAGE);
  pages.data_ = static_cast<uint8_t *>(data);
  pages.size_ = bytes;
  return pages;
}

Pages::Pages(Pages &&other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Pages &Pages::operator=(Pages &&other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Pages::~Pages() {
  if (data_)
    ::munmap(data_, size_);
}

void Pages::release() {
  // Where the system refuses, for locked memory for example, the pages still have to hold zeros.
  if (data_ && madvise(data_, size_, MADV_DONTNEED) != 0)
    std::memset(data_, 0, size_);
}

Status Pages::makeExecutable() {
  if (data_ && ::mprotect(data_, size_, PROT_READ | PROT_EXEC) != 0)
    return Status(Code::Unsupported,
                  format("the system refuses to make memory executable: %s", std::strerror(errno)));
  // Where instructions have a cache of their own, it may hold what was there before (AArch64).
  char *begin = reinterpret_cast<char *>(data_);
  __builtin___clear_cache(begin, begin + size_);
  return Status::okStatus();
}

Result<Pages> mapFileExecutable(const std::string &path, uint64_t offset, uint64_t size) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return Status(Code::NotFound,
                  format("cannot open '%s': %s", path.c_str(), std::strerror(errno)));
  void *data =
      ::mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, static_cast<off_t>(offset));
  int error = errno;
  ::close(fd);
  if (data == MAP_FAILED)
    return Status(Code::Unsupported, format("the system refuses to map '%s' executable: %s",
                                            path.c_str(), std::strerror(error)));
  Pages pages;
  pages.data_ = static_cast<uint8_t *>(data);
  pages.size_ = static_cast<size_t>(size);
  return pages;
}

void prefault(std::span<const uint8_t> bytes) {
  if (bytes.empty())
    return;
  uintptr_t begin = reinterpret_cast<uintptr_t>(bytes.data()) / pageSize() * pageSize();
  uintptr_t end = reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size();
  void *data = reinterpret_cast<void *>(begin);
  // What has to be read from the disk then comes in pages of 2 MiB where the file system has them;
  // what is in memory already stays as it is.
  if (bytes.size() >= kHugePage)
    ::madvise(data, end - begin, MADV_HUGEPAGE);
  // Older kernels do not know the first; then reading ahead is the next best.
  if (::madvise(data, end - begin, MADV_POPULATE_READ) != 0)
    ::madvise(data, end - begin, MADV_WILLNEED);
}

namespace {

/// What is left of a group's limit. Pages of files that nobody uses can be dropped by the kernel,
/// so they count as free.
std::optional<uint64_t> cgroupLeft(const std::string &folder) {
  std::optional<uint64_t> limit, used;
  std::string fileKey = "inactive_file ";
  if (auto text = readKernelFile(folder + "/memory.max")) {
    limit = leadingNumber(*text);
    used = leadingNumber(readKernelFile(folder + "/memory.current").value_or(""));
  } else if (auto v1 = readKernelFile(folder + "/memory.limit_in_bytes")) {
    limit = leadingNumber(*v1);
    used = leadingNumber(readKernelFile(folder + "/memory.usage_in_bytes").value_or(""));
    fileKey = "total_inactive_file ";
  }
  if (!limit || !used)
    return std::nullopt;
  uint64_t droppable =
      numberAfter(readKernelFile(folder + "/memory.stat").value_or(""), fileKey).value_or(0);
  uint64_t held = *used - std::min(*used, droppable);
  return *limit - std::min(*limit, held);
}

} // namespace

MemoryLimit memoryLimit(uint64_t requested) {
  MemoryLimit limit{UINT64_MAX, "the address space"};
  auto lower = [&](uint64_t bytes, const char *source) {
    if (bytes < limit.bytes)
      limit = {bytes, source};
  };
  if (auto kib = numberAfter(readKernelFile("/proc/meminfo").value_or(""), "MemAvailable:"))
    lower(*kib * 1024, "free memory");
  for (const std::string &folder : cgroupFolders("memory"))
    if (auto left = cgroupLeft(folder))
      lower(*left, "the cgroup limit");
  if (requested != 0)
    lower(requested, "--memory");
  return limit;
}

std::string formatBytes(uint64_t bytes) {
  static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000)
    return format("%llu bytes", static_cast<unsigned long long>(bytes));
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]; ++unit)
    value /= 1000;
  return format("%.1f %s", value, units[unit]);
}

} // namespace axiom
