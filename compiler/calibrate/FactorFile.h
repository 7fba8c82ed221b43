// Factors on disk: those of a whole model would take more memory than compiling may.
#ifndef AXIOM_COMPILER_CALIBRATE_FACTORFILE_H
#define AXIOM_COMPILER_CALIBRATE_FACTORFILE_H

#include "compiler/package/Feedback.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace axiom::calibrate {

/// A temporary file without a name: however the process ends, nothing is left of it.
class FactorFile {
public:
  /// In `folder`, which must be writable.
  static Result<FactorFile> create(const std::string &folder);

  FactorFile(FactorFile &&other) noexcept;
  FactorFile &operator=(FactorFile &&) = delete;
  ~FactorFile();

  /// Appends one and returns its number, from 0 on.
  Result<uint32_t> add(const Feedback &feedback);
  /// Reads one back; from any thread, once nothing is added any more.
  Result<Feedback> read(uint32_t number) const;
  uint64_t bytes() const { return end_; }

private:
  FactorFile(int fd, std::string folder) : fd_(fd), folder_(std::move(folder)) {}
  Status transfer(bool write, char *data, uint64_t size, uint64_t offset) const;

  struct Place {
    uint64_t offset;
    uint32_t size; ///< columns
  };
  int fd_;
  std::string folder_;
  uint64_t end_ = 0;
  std::vector<Place> places_;
};

} // namespace axiom::calibrate

#endif
