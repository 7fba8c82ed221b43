// Errors as values for the runtime and the importers.
//
// A Status says what went wrong in one sentence that names the thing, the value, the bound and the
// remedy. Result<T> is a T or a Status that is not ok. Neither throws.
#ifndef AXIOM_RUNTIME_BASE_STATUS_H
#define AXIOM_RUNTIME_BASE_STATUS_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace axiom {

enum class Code {
  Ok = 0,
  InvalidArgument, ///< the caller's value is wrong (exit code 2 in the tools)
  BadInput,        ///< a model file or artifact is damaged or malformed (exit code 3)
  Unsupported,     ///< well formed, but outside what this build can do (exit code 3)
  Resource,        ///< memory, file descriptors, threads, disk (exit code 4)
  NotFound,        ///< a file or name does not exist (exit code 3)
  Cancelled,       ///< the caller cancelled
  Internal,        ///< our fault (exit code 1)
  Overloaded,      ///< too much to do now: try again later (exit code 4)
  TimedOut,        ///< the caller's deadline has passed (exit code 1)
};

/// Short lower-case name of a code, for logs and JSON.
const char *codeName(Code code);

class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {
    assert(code != Code::Ok);
  }
  static Status okStatus() { return Status(); }

  bool ok() const { return code_ == Code::Ok; }
  Code code() const { return code_; }
  const std::string &message() const { return message_; }

  /// The same error with `context` in front: "context: message".
  Status withContext(const std::string &context) const {
    return ok() ? *this : Status(code_, context + ": " + message_);
  }

private:
  Code code_ = Code::Ok;
  std::string message_;
};

template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) { assert(!status_.ok()); }
  Result(Code code, std::string message) : status_(code, std::move(message)) {}

  bool ok() const { return value_.has_value(); }
  const Status &status() const { return status_; }
  T &value() & { return *value_; }
  const T &value() const & { return *value_; }
  T &&value() && { return std::move(*value_); }
  T &operator*() & { return *value_; }
  const T &operator*() const & { return *value_; }
  T *operator->() { return &*value_; }
  const T *operator->() const { return &*value_; }

private:
  std::optional<T> value_;
  Status status_;
};

/// printf-style string; for messages.
std::string format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

} // namespace axiom

/// Returns the Status of `expr` from the enclosing function unless it is ok.
#define AXIOM_RETURN_IF_ERROR(expr)                                                                \
  do {                                                                                             \
    ::axiom::Status axiomStatus_ = (expr);                                                         \
    if (!axiomStatus_.ok())                                                                        \
      return axiomStatus_;                                                                         \
  } while (0)

#define AXIOM_CONCAT_INNER(a, b) a##b
#define AXIOM_CONCAT(a, b) AXIOM_CONCAT_INNER(a, b)
/// AXIOM_ASSIGN_OR_RETURN(auto x, resultExpr): x is the value, or the function returns the Status.
#define AXIOM_ASSIGN_OR_RETURN(decl, expr)                                                         \
  AXIOM_ASSIGN_OR_RETURN_IMPL(AXIOM_CONCAT(axiomResult_, __LINE__), decl, expr)
#define AXIOM_ASSIGN_OR_RETURN_IMPL(tmp, decl, expr)                                               \
  auto tmp = (expr);                                                                               \
  if (!tmp.ok())                                                                                   \
    return tmp.status();                                                                           \
  decl = std::move(tmp).value()

#endif
