// The server's log: a line for each event, as text or as JSON. Nothing waits for it: lines queue up
// to a bound, a thread of its own writes them, and what does not fit is counted instead.
#ifndef AXIOM_RUNTIME_SERVE_CORE_LOG_H
#define AXIOM_RUNTIME_SERVE_CORE_LOG_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::serve {

enum class Level : uint8_t { Debug, Info, Warning, Error };

/// "debug", "info", "warning", "error"
const char *levelName(Level level);

struct LogSettings {
  bool json = false;
  Level level = Level::Info; ///< lines below it are left out
  std::string file;          ///< appended to; empty: standard error
  int descriptor = -1;       ///< instead of standard error, for tests; not owned
  size_t maxBytes = 4 << 20; ///< of lines that wait to be written
  // Lines that clients can cause by mistakes (Log::limited) get so many a second, and at most
  // `burst` at once.
  double perSecond = 20;
  uint32_t burst = 100;
};

/// An event: a message and fields in their order. Texts are escaped when it is written.
class LogLine {
public:
  LogLine(Level level, std::string_view message) : level_(level), message_(message) {}
  LogLine &text(const char *name, std::string_view value);
  LogLine &natural(const char *name, uint64_t value);
  LogLine &number(const char *name, double value);
  LogLine &boolean(const char *name, bool value);

  Level level() const { return level_; }
  /// With its line end. `time` is in milliseconds since 1970.
  std::string format(bool json, int64_t time) const;

private:
  struct Field {
    const char *name;
    std::string value;
    bool quoted;
  };
  Level level_;
  std::string message_;
  std::vector<Field> fields_;
};

/// Any thread.
class Log {
public:
  static Result<std::shared_ptr<Log>> open(LogSettings settings);
  /// Writes what waits, but gives up after two seconds when nothing can be written.
  ~Log();
  Log(const Log &) = delete;
  Log &operator=(const Log &) = delete;

  bool wants(Level level) const;
  void write(const LogLine &line);
  /// The same for a line that there may be too many of.
  void limited(const LogLine &line);
  void say(Level level, std::string_view message) { write({level, message}); }
  /// Opens the file anew, before the next line is written: it may have been moved away.
  void reopen();
  /// True once all lines so far are written; false after `milliseconds`.
  bool flush(uint32_t milliseconds);

  uint64_t dropped() const; ///< lines: the queue was full, or writing failed
  uint64_t leftOut() const; ///< lines that limited() left out

private:
  struct State;
  explicit Log(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_; ///< also of the thread
};

} // namespace axiom::serve

#endif
