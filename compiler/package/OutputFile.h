// A file that appears at its name only when it is complete: written under a temporary name in the
// same folder, synced, then renamed over the target. Removed on failure and on SIGINT or SIGTERM.
#ifndef AXIOM_COMPILER_PACKAGE_OUTPUTFILE_H
#define AXIOM_COMPILER_PACKAGE_OUTPUTFILE_H

#include "runtime/base/Status.h"

#include <csignal>
#include <cstdint>
#include <span>
#include <string>
#include <thread>

namespace axiom {

/// The folder that a path lies in; "." for a bare name.
std::string folderOf(const std::string &path);

class OutputFile {
public:
  static Result<OutputFile> create(const std::string &path);

  OutputFile(OutputFile &&other) noexcept;
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile(); ///< removes the temporary file unless commit() succeeded

  /// Appends. The position is the number of bytes written so far.
  Status write(std::span<const uint8_t> bytes);
  /// Appends zeros up to `offset`, which is not below position().
  Status padTo(uint64_t offset);
  uint64_t position() const { return position_; }
  /// Overwrites bytes that have been written.
  Status patch(uint64_t offset, std::span<const uint8_t> bytes);
  /// Forgets everything from `offset` on.
  Status truncate(uint64_t offset);
  /// Makes what was written visible to readers of temporaryPath().
  Status flush();
  /// Syncs the file, renames it to the target and syncs the folder.
  Status commit();

  const std::string &temporaryPath() const { return temporary_; }

private:
  OutputFile(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}
  Status fail(const char *what) const;
  Status writeAll(const uint8_t *data, size_t size);

  std::string path_, temporary_;
  std::string buffer_; ///< what is written since the last whole piece
  int fd_ = -1;
  uint64_t position_ = 0;
};

/// While one exists, a thread of its own waits for the signals of installSignalCleanup(), which all
/// threads that are begun meanwhile, and this one, block: for calls into a library that puts its
/// own handlers in the place of the program's. Does nothing before installSignalCleanup().
class SignalThread {
public:
  SignalThread();
  ~SignalThread(); ///< on the same thread; installs the handlers again
  SignalThread(const SignalThread &) = delete;
  SignalThread &operator=(const SignalThread &) = delete;

private:
  int signals_ = -1, stop_ = -1;
  sigset_t before_;
  std::thread thread_;
};

/// Lets SIGINT and SIGTERM remove the temporary file of the process before they end it. For
/// programs, not for libraries; one OutputFile at a time is covered.
void installSignalCleanup();

} // namespace axiom

#endif
