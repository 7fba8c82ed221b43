#include "runtime/base/MappedFile.h"

#include "runtime/base/Sha256.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace axiom {

namespace {

Status systemError(const char *what, const std::string &path, int error) {
  Code code = error == ENOENT || error == ENOTDIR ? Code::NotFound
              : error == ENOMEM || error == EMFILE || error == ENFILE || error == EAGAIN
                  ? Code::Resource
                  : Code::BadInput;
  return Status(code, format("cannot %s '%s': %s", what, path.c_str(), std::strerror(error)));
}

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

/// Opens `path`, which must be a regular file, and gives its size. O_NONBLOCK keeps a pipe from
/// blocking the open; it means nothing for a regular file.
Status openRegular(const std::string &path, Descriptor &file, uint64_t &size) {
  do
    file.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (file.fd < 0 && errno == EINTR);
  if (file.fd < 0)
    return systemError("open", path, errno);
  struct stat info;
  if (::fstat(file.fd, &info) != 0)
    return systemError("stat", path, errno);
  if (!S_ISREG(info.st_mode))
    return Status(Code::BadInput,
                  format("'%s' is %s; a regular file is needed", path.c_str(),
                         S_ISDIR(info.st_mode) ? "a directory" : "a pipe, socket or device"));
  size = static_cast<uint64_t>(info.st_size);
  return Status::okStatus();
}

} // namespace

Result<MappedFile> MappedFile::open(const std::string &path) {
  Descriptor file;
  uint64_t size = 0;
  AXIOM_RETURN_IF_ERROR(openRegular(path, file, size));
  MappedFile mapped;
  mapped.path_ = path;
  if (size == 0)
    return mapped;
  void *data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (data == MAP_FAILED)
    return systemError("map", path, errno);
  mapped.data_ = static_cast<const uint8_t *>(data);
  mapped.size_ = size;
  return mapped;
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  if (this != &other) {
    unmap();
    path_ = std::move(other.path_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

MappedFile::~MappedFile() { unmap(); }

void MappedFile::unmap() {
  if (data_)
    ::munmap(const_cast<uint8_t *>(data_), size_);
}

std::string MappedFile::name() const {
  size_t slash = path_.rfind('/');
  return slash == std::string::npos ? path_ : path_.substr(slash + 1);
}

void MappedFile::release(std::span<const uint8_t> bytes) const {
  uintptr_t begin = reinterpret_cast<uintptr_t>(data_);
  uintptr_t at = reinterpret_cast<uintptr_t>(bytes.data());
  if (at >= begin && at - begin < size_)
    advise(Access::DontNeed, at - begin, bytes.size());
}

void MappedFile::advise(Access access, uint64_t offset, uint64_t size) const {
  if (offset >= size_)
    return;
  int advice = access == Access::Sequential  ? MADV_SEQUENTIAL
               : access == Access::Random    ? MADV_RANDOM
               : access == Access::WillNeed  ? MADV_WILLNEED
               : access == Access::DontNeed  ? MADV_DONTNEED
               : access == Access::HugePages ? MADV_HUGEPAGE
                                             : MADV_NORMAL;
  uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  uint64_t begin = offset / page * page;
  uint64_t end = offset + std::min<uint64_t>(size, size_ - offset);
  ::madvise(const_cast<uint8_t *>(data_) + begin, end - begin, advice);
}

std::array<uint8_t, 32> sha256OfPart(const MappedFile &file, std::span<const uint8_t> bytes) {
  constexpr size_t kPiece = 8u << 20;
  Sha256 hash;
  while (!bytes.empty()) {
    std::span<const uint8_t> piece = bytes.first(std::min(kPiece, bytes.size()));
    hash.update(piece);
    file.release(piece);
    bytes = bytes.subspan(piece.size());
  }
  return hash.finish();
}

std::array<uint8_t, 32> sha256OfFile(const MappedFile &file) {
  return sha256OfPart(file, file.bytes());
}

Result<std::string> readSmallFile(const std::string &path, uint64_t maxBytes) {
  Descriptor file;
  uint64_t size = 0;
  AXIOM_RETURN_IF_ERROR(openRegular(path, file, size));
  if (size > maxBytes)
    return Status(Code::BadInput, format("'%s' has %llu bytes; at most %llu are read", path.c_str(),
                                         static_cast<unsigned long long>(size),
                                         static_cast<unsigned long long>(maxBytes)));
  std::string text(size, '\0');
  size_t done = 0;
  while (done < text.size()) {
    ssize_t got = ::read(file.fd, text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return systemError("read", path, errno);
    if (got == 0) // it became shorter meanwhile
      break;
    done += static_cast<size_t>(got);
  }
  text.resize(done);
  return text;
}

} // namespace axiom
