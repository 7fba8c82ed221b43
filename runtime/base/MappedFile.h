// A regular file mapped read-only. The mapping stays valid after the file is unlinked or renamed
// over; a process that truncates the file in place makes later reads raise SIGBUS.
#ifndef AXIOM_RUNTIME_BASE_MAPPEDFILE_H
#define AXIOM_RUNTIME_BASE_MAPPEDFILE_H

#include "runtime/base/Status.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace axiom {

class MappedFile {
public:
  /// Maps the whole file. Directories, pipes and devices are refused; an empty file gives an empty
  /// range.
  static Result<MappedFile> open(const std::string &path);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  const std::string &path() const { return path_; }
  /// The last component of path().
  std::string name() const;
  uint64_t size() const { return size_; }
  std::span<const uint8_t> bytes() const { return {data_, size_}; }

  /// HugePages: what has to be read from the disk comes in pages of 2 MiB where the file system has
  /// them. To be said before the first access: reading ahead goes on with the pages it began with.
  enum class Access { Normal, Sequential, Random, WillNeed, DontNeed, HugePages };
  /// A hint for the pages that hold [offset, offset + size); wrong hints cost time only.
  void advise(Access access, uint64_t offset = 0, uint64_t size = UINT64_MAX) const;
  /// Drops the resident pages of `bytes` if it lies in this mapping; reading brings them back.
  void release(std::span<const uint8_t> bytes) const;

private:
  void unmap();

  std::string path_;
  const uint8_t *data_ = nullptr;
  size_t size_ = 0;
};

/// SHA-256 of a whole mapped file, or of bytes of its mapping, which need not fit in memory: pages
/// are dropped as they are read.
std::array<uint8_t, 32> sha256OfFile(const MappedFile &file);
std::array<uint8_t, 32> sha256OfPart(const MappedFile &file, std::span<const uint8_t> bytes);

/// Reads a small regular file into memory; refuses one larger than `maxBytes`.
Result<std::string> readSmallFile(const std::string &path, uint64_t maxBytes);

} // namespace axiom

#endif
