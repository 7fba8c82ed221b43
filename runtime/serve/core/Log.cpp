#include "runtime/serve/core/Log.h"

#include "runtime/serve/openai/Json.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <ctime>
#include <deque>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <thread>
#include <unistd.h>

namespace axiom::serve {
namespace {

using Clock = std::chrono::steady_clock;

/// A pipe that poll() calls writable takes so much without blocking.
constexpr size_t kPiece = 4096;
constexpr auto kLastWords = std::chrono::seconds(2);

std::string timeText(int64_t milliseconds) {
  std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return axiom::format("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       static_cast<int>(milliseconds % 1000));
}

bool plain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

std::string quoted(std::string_view text) {
  std::string out;
  openai::JsonWriter(out).string(text);
  return out;
}

/// A message without what would break a line in two.
std::string oneLine(std::string_view text) {
  std::string out(text);
  for (char &c : out)
    c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out;
}

} // namespace

const char *levelName(Level level) {
  switch (level) {
  case Level::Debug:
    return "debug";
  case Level::Info:
    return "info";
  case Level::Warning:
    return "warning";
  case Level::Error:
    return "error";
  }
  return "error";
}

LogLine &LogLine::text(const char *name, std::string_view value) {
  fields_.push_back({name, std::string(value), true});
  return *this;
}

LogLine &LogLine::natural(const char *name, uint64_t value) {
  fields_.push_back({name, std::to_string(value), false});
  return *this;
}

LogLine &LogLine::number(const char *name, double value) {
  fields_.push_back({name, axiom::format("%.3f", value), false});
  return *this;
}

LogLine &LogLine::boolean(const char *name, bool value) {
  fields_.push_back({name, value ? "true" : "false", false});
  return *this;
}

std::string LogLine::format(bool json, int64_t time) const {
  std::string out;
  if (json) {
    out = "{\"time\":\"" + timeText(time) + "\",\"level\":\"" + levelName(level_) +
          "\",\"message\":" + quoted(message_);
    for (const Field &field : fields_)
      out += std::string(",\"") + field.name +
             "\":" + (field.quoted ? quoted(field.value) : field.value);
    return out + "}\n";
  }
  out = timeText(time) + " " + levelName(level_) + ": " + oneLine(message_);
  for (const Field &field : fields_)
    out += std::string(" ") + field.name + "=" +
           (field.quoted && !plain(field.value) ? quoted(field.value) : field.value);
  return out + "\n";
}

struct Log::State {
  explicit State(LogSettings s) : settings(std::move(s)), tokens(settings.burst) {}
  ~State() {
    if (!settings.file.empty() && descriptor >= 0)
      close(descriptor);
  }

  void add(const LogLine &line) {
    int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
    std::string text = line.format(settings.json, now);
    std::lock_guard lock(mutex);
    if (bytes + text.size() > settings.maxBytes) {
      ++dropped;
      return;
    }
    bytes += text.size();
    lines.push_back(std::move(text));
    news.notify_one();
  }

  /// Whether one more line of those that are limited may be written; `missing`: how many were not.
  bool allow(uint64_t &missing) {
    std::lock_guard lock(mutex);
    auto now = Clock::now();
    tokens += std::chrono::duration<double>(now - counted).count() * settings.perSecond;
    tokens = std::min<double>(tokens, settings.burst);
    counted = now;
    if (tokens < 1) {
      ++untold;
      ++leftOut;
      return false;
    }
    tokens -= 1;
    missing = std::exchange(untold, 0);
    return true;
  }

  void openFile() {
    int fresh = ::open(settings.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fresh < 0) {
      std::string problem = settings.file +
                            ": can't be opened again, the log goes on in the old "
                            "file: " +
                            std::strerror(errno);
      add({Level::Error, problem});
      return;
    }
    close(descriptor);
    descriptor = fresh;
  }

  /// False when the line could not be written.
  bool put(std::string_view text) {
    while (!text.empty()) {
      pollfd ready{descriptor, POLLOUT, 0};
      int found = poll(&ready, 1, 100);
      if (gaveUp)
        return false;
      if (found == 0 || (found < 0 && errno == EINTR))
        continue;
      ssize_t count = ::write(descriptor, text.data(), std::min(text.size(), kPiece));
      if (count < 0 && (errno == EINTR || errno == EAGAIN))
        continue;
      if (count <= 0)
        return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      news.wait(lock, [&] { return stopping || reopen || !lines.empty(); });
      if (std::exchange(reopen, false)) {
        lock.unlock();
        openFile();
        lock.lock();
        continue;
      }
      if (lines.empty())
        break; // stopping
      std::string text = std::move(lines.front());
      lines.pop_front();
      writing = true;
      lock.unlock();
      bool good = put(text);
      lock.lock();
      writing = false;
      bytes -= text.size();
      if (!good)
        ++dropped;
      if (lines.empty())
        idle.notify_all();
    }
    ended = true;
    idle.notify_all();
  }

  const LogSettings settings;
  int descriptor = -1;
  std::atomic<bool> gaveUp{false};
  std::atomic<uint64_t> dropped{0}, leftOut{0};

  std::mutex mutex;
  std::condition_variable news, idle;
  std::deque<std::string> lines;
  size_t bytes = 0; ///< of lines, and of the one that is being written
  bool stopping = false, reopen = false, writing = false, ended = false;
  double tokens; ///< of allow()
  Clock::time_point counted = Clock::now();
  uint64_t untold = 0;
};

Result<std::shared_ptr<Log>> Log::open(LogSettings settings) {
  auto state = std::make_shared<State>(std::move(settings));
  const LogSettings &s = state->settings;
  state->descriptor = s.descriptor >= 0 ? s.descriptor : STDERR_FILENO;
  if (!s.file.empty()) {
    state->descriptor = ::open(s.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (state->descriptor < 0)
      return {Code::InvalidArgument, s.file + ": the log can't be opened: " + std::strerror(errno)};
  }
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  Status status;
  try {
    std::thread([state] { state->run(); }).detach(); // it may hang in a write for ever
  } catch (const std::exception &error) {
    status = Status(Code::Resource, std::string("can't start the log's thread: ") + error.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  AXIOM_RETURN_IF_ERROR(status);
  return std::shared_ptr<Log>(new Log(std::move(state)));
}

Log::~Log() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->news.notify_all();
  if (!state_->idle.wait_for(lock, kLastWords, [&] { return state_->ended; }))
    state_->gaveUp = true;
}

bool Log::wants(Level level) const { return level >= state_->settings.level; }

void Log::write(const LogLine &line) {
  if (wants(line.level()))
    state_->add(line);
}

void Log::limited(const LogLine &line) {
  uint64_t missing = 0;
  if (!wants(line.level()) || !state_->allow(missing))
    return;
  if (missing > 0)
    state_->add(
        LogLine(Level::Warning, "lines about errors were left out").natural("lines", missing));
  state_->add(line);
}

void Log::reopen() {
  if (state_->settings.file.empty())
    return;
  std::lock_guard lock(state_->mutex);
  state_->reopen = true;
  state_->news.notify_all();
}

bool Log::flush(uint32_t milliseconds) {
  std::unique_lock lock(state_->mutex);
  return state_->idle.wait_for(lock, std::chrono::milliseconds(milliseconds),
                               [&] { return state_->lines.empty() && !state_->writing; });
}

uint64_t Log::dropped() const { return state_->dropped; }

uint64_t Log::leftOut() const { return state_->leftOut; }

} // namespace axiom::serve
