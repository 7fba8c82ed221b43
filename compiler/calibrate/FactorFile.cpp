#include "compiler/calibrate/FactorFile.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace axiom::calibrate {

Result<FactorFile> FactorFile::create(const std::string &folder) {
  int fd = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    // A file system without nameless files: the name lives for a moment.
    std::string name = folder + "/.axiomc.XXXXXX";
    fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0)
      unlink(name.c_str());
  }
  if (fd < 0)
    return Status(
        errno == ENOSPC || errno == EMFILE ? Code::Resource : Code::InvalidArgument,
        format("can't create a temporary file in '%s': %s", folder.c_str(), strerror(errno)));
  return FactorFile(fd, folder);
}

FactorFile::FactorFile(FactorFile &&other) noexcept
    : fd_(other.fd_), folder_(std::move(other.folder_)), end_(other.end_),
      places_(std::move(other.places_)) {
  other.fd_ = -1;
}

FactorFile::~FactorFile() {
  if (fd_ >= 0)
    close(fd_);
}

Status FactorFile::transfer(bool write, char *data, uint64_t size, uint64_t offset) const {
  while (size > 0) {
    auto at = static_cast<off_t>(offset);
    ssize_t moved = write ? pwrite(fd_, data, size, at) : pread(fd_, data, size, at);
    if (moved < 0 && errno == EINTR)
      continue;
    if (moved <= 0)
      return Status(Code::Resource,
                    format("%s a temporary file of %llu bytes in '%s' failed: %s; it holds what "
                           "calibration found and needs the room of the model's weights",
                           write ? "writing" : "reading", static_cast<unsigned long long>(end_),
                           folder_.c_str(), moved < 0 ? strerror(errno) : "it became shorter"));
    data += moved;
    size -= static_cast<uint64_t>(moved);
    offset += static_cast<uint64_t>(moved);
  }
  return Status();
}

// Stored: the costs, then of each row what lies right of the diagonal.
Result<uint32_t> FactorFile::add(const Feedback &feedback) {
  uint64_t size = feedback.size;
  std::vector<float> block(feedback.cost);
  block.reserve(size + size * (size - 1) / 2);
  for (uint32_t j = 0; j < size; ++j)
    block.insert(block.end(), feedback.row(j) + j + 1, feedback.row(j) + size);
  uint64_t bytes = block.size() * sizeof(float);
  AXIOM_RETURN_IF_ERROR(transfer(true, reinterpret_cast<char *>(block.data()), bytes, end_));
  places_.push_back({end_, feedback.size});
  end_ += bytes;
  return static_cast<uint32_t>(places_.size() - 1);
}

Result<Feedback> FactorFile::read(uint32_t number) const {
  if (number >= places_.size())
    return Status(Code::Internal, format("factors %u of %zu", number, places_.size()));
  uint64_t size = places_[number].size;
  std::vector<float> block(size + size * (size - 1) / 2);
  AXIOM_RETURN_IF_ERROR(transfer(false, reinterpret_cast<char *>(block.data()),
                                 block.size() * sizeof(float), places_[number].offset));
  Feedback feedback;
  feedback.size = places_[number].size;
  feedback.cost.assign(block.begin(), block.begin() + static_cast<ptrdiff_t>(size));
  feedback.upper.resize(size * size);
  const float *from = block.data() + size;
  for (uint64_t j = 0; j < size; from += size - 1 - j, ++j)
    std::copy_n(from, size - 1 - j, feedback.upper.data() + j * size + j + 1);
  return feedback;
}

} // namespace axiom::calibrate
