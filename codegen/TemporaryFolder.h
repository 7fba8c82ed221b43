// A folder for what other programs and libraries leave in files.
#ifndef AXIOM_CODEGEN_TEMPORARYFOLDER_H
#define AXIOM_CODEGEN_TEMPORARYFOLDER_H

#include "codegen/SignalHold.h"
#include "runtime/base/Status.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace axiom::codegen {

/// Removed with all that is in it, also when a signal ends the program meanwhile.
class TemporaryFolder {
public:
  /// `name` is the start of its name. Where none can be made, status() says why.
  explicit TemporaryFolder(const std::string &name) {
    std::error_code none;
    std::filesystem::path parent = std::filesystem::temp_directory_path(none);
    if (const char *named = getenv("TMPDIR"); none && named)
      parent = named;
    std::string made = (parent / (name + "-XXXXXX")).string();
    if (mkdtemp(made.data()))
      path_ = made;
    else
      status_ = Status(Code::Resource, "cannot create a temporary folder " + made + ": " +
                                           std::strerror(errno) + "; TMPDIR names another place");
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty())
      std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const Status &status() const { return status_; }
  const std::filesystem::path &path() const { return path_; }

private:
  SignalHold hold_; ///< first, so that it goes last
  Status status_;
  std::filesystem::path path_;
};

} // namespace axiom::codegen

#endif
