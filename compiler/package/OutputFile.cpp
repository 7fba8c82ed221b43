#include "compiler/package/OutputFile.h"

#include "codegen/SignalHold.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace axiom {

namespace {

/// The file is written in pieces that end at multiples of this. Such a piece becomes one huge page
/// of the page cache where the file system has those, and a program that maps the artifact reads it
/// with fewer address translations (docs/performance.md).
constexpr size_t kPiece = 2 << 20;
constexpr int kEndSignals[] = {SIGINT, SIGTERM, SIGHUP};

// The signal handler may only touch lock-free atomics and call unlink: the name is copied to fixed
// storage before the flag is raised.
char pendingName[4096];
std::atomic<bool> pending{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void setPending(const std::string &name) {
  pending.store(false);
  if (name.empty() || name.size() >= sizeof pendingName)
    return;
  std::memcpy(pendingName, name.c_str(), name.size() + 1);
  pending.store(true);
}

void onSignal(int number) {
  if (pending.exchange(false))
    unlink(pendingName);
  SignalHold::endOrDefer(number);
}

sigset_t endSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : kEndSignals)
    sigaddset(&signals, number);
  return signals;
}

std::atomic<bool> handled{false}; ///< installSignalCleanup() was called

} // namespace

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

void installSignalCleanup() {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = onSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (int number : kEndSignals)
    sigaction(number, &action, nullptr);
  // A file size limit then shows as a failed write, not as the end of the process.
  signal(SIGXFSZ, SIG_IGN);
  handled.store(true);
}

SignalThread::SignalThread() {
  if (!handled.load())
    return;
  sigset_t signals = endSignals();
  signals_ = signalfd(-1, &signals, SFD_CLOEXEC);
  stop_ = eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || stop_ < 0)
    return; // no descriptors are left: the handlers stay, such as they are
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
  thread_ = std::thread([this] {
    pollfd waited[] = {{signals_, POLLIN, 0}, {stop_, POLLIN, 0}};
    for (;;) {
      signalfd_siginfo info;
      if (poll(waited, 2, -1) < 0)
        continue;
      if (waited[0].revents && read(signals_, &info, sizeof info) == sizeof info)
        onSignal(static_cast<int>(info.ssi_signo));
      if (waited[1].revents)
        return;
    }
  });
}

SignalThread::~SignalThread() {
  if (thread_.joinable()) {
    uint64_t one = 1;
    (void)!write(stop_, &one, sizeof one);
    thread_.join();
    installSignalCleanup();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  for (int fd : {signals_, stop_})
    if (fd >= 0)
      close(fd);
}

Result<OutputFile> OutputFile::create(const std::string &path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return Status(
        Code::InvalidArgument,
        format("'%s' exists and is not a regular file; choose another output", path.c_str()));
  size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string temporary = folderOf(path) + "/." + name + ".XXXXXX";
  // A signal between making the file and naming it to the handler would leave it behind.
  sigset_t signals = endSignals(), before;
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  int fd = mkostemp(temporary.data(), O_CLOEXEC);
  int error = errno;
  if (fd >= 0)
    setPending(temporary);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (fd < 0)
    return Status(
        error == ENOSPC || error == EMFILE ? Code::Resource : Code::InvalidArgument,
        format("can't create a file in '%s': %s", folderOf(path).c_str(), strerror(error)));
  // mkostemp makes the file private; the finished artifact has the usual permissions.
  mode_t mask = umask(0);
  umask(mask);
  (void)fchmod(fd, 0666 & ~mask);
  return OutputFile(path, temporary, fd);
}

OutputFile::OutputFile(OutputFile &&other) noexcept
    : path_(std::move(other.path_)), temporary_(std::move(other.temporary_)),
      buffer_(std::move(other.buffer_)), fd_(other.fd_), position_(other.position_) {
  other.fd_ = -1;
}

OutputFile::~OutputFile() {
  if (fd_ < 0)
    return;
  close(fd_);
  unlink(temporary_.c_str());
  setPending("");
}

Status OutputFile::fail(const char *what) const {
  return Status(errno == EIO || errno == EBADF ? Code::Internal : Code::Resource,
                format("%s '%s' failed after %llu bytes: %s", what, temporary_.c_str(),
                       static_cast<unsigned long long>(position_), strerror(errno)));
}

Status OutputFile::writeAll(const uint8_t *data, size_t size) {
  while (size > 0) {
    ssize_t written = ::write(fd_, data, size);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return fail("writing");
    }
    data += written;
    size -= static_cast<size_t>(written);
  }
  return Status();
}

Status OutputFile::flush() {
  Status status = writeAll(reinterpret_cast<const uint8_t *>(buffer_.data()), buffer_.size());
  buffer_.clear();
  return status;
}

Status OutputFile::write(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    size_t room = kPiece - static_cast<size_t>(position_ % kPiece);
    size_t size = bytes.size() < room ? bytes.size() : room;
    if (size == kPiece) {
      AXIOM_RETURN_IF_ERROR(writeAll(bytes.data(), size));
    } else {
      buffer_.append(reinterpret_cast<const char *>(bytes.data()), size);
      if (size == room)
        AXIOM_RETURN_IF_ERROR(flush());
    }
    position_ += size;
    bytes = bytes.subspan(size);
  }
  return Status();
}

Status OutputFile::padTo(uint64_t offset) {
  static const uint8_t zeros[4096] = {};
  while (position_ < offset) {
    uint64_t left = offset - position_;
    AXIOM_RETURN_IF_ERROR(
        write({zeros, static_cast<size_t>(left < sizeof zeros ? left : sizeof zeros)}));
  }
  return Status();
}

Status OutputFile::patch(uint64_t offset, std::span<const uint8_t> bytes) {
  AXIOM_RETURN_IF_ERROR(flush());
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t written =
        pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (written < 0 && errno != EINTR)
      return fail("writing");
    done += written < 0 ? 0 : static_cast<size_t>(written);
  }
  return Status();
}

Status OutputFile::truncate(uint64_t offset) {
  AXIOM_RETURN_IF_ERROR(flush());
  if (ftruncate(fd_, static_cast<off_t>(offset)) != 0 ||
      lseek(fd_, static_cast<off_t>(offset), SEEK_SET) < 0)
    return fail("truncating");
  position_ = offset;
  return Status();
}

Status OutputFile::commit() {
  AXIOM_RETURN_IF_ERROR(flush());
  if (fsync(fd_) != 0)
    return fail("syncing");
  if (rename(temporary_.c_str(), path_.c_str()) != 0)
    return Status(Code::Resource, format("renaming '%s' to '%s' failed: %s", temporary_.c_str(),
                                         path_.c_str(), strerror(errno)));
  close(fd_);
  fd_ = -1;
  setPending("");
  int folder = open(folderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    // The rename has happened; a folder that can't be synced leaves a complete file all the same.
    (void)fsync(folder);
    close(folder);
  }
  return Status();
}

} // namespace axiom
