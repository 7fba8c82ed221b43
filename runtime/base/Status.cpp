#include "runtime/base/Status.h"

#include <cstdarg>
#include <cstdio>

namespace axiom {

const char *codeName(Code code) {
  switch (code) {
  case Code::Ok:
    return "ok";
  case Code::InvalidArgument:
    return "invalid argument";
  case Code::BadInput:
    return "bad input";
  case Code::Unsupported:
    return "unsupported";
  case Code::Resource:
    return "not enough resources";
  case Code::NotFound:
    return "not found";
  case Code::Cancelled:
    return "cancelled";
  case Code::Internal:
    return "internal error";
  case Code::Overloaded:
    return "overloaded";
  case Code::TimedOut:
    return "timed out";
  }
  return "unknown";
}

std::string format(const char *fmt, ...) {
  va_list args, copy;
  va_start(args, fmt);
  va_copy(copy, args);
  int size = std::vsnprintf(nullptr, 0, fmt, copy);
  va_end(copy);
  std::string text(size > 0 ? static_cast<size_t>(size) : 0, '\0');
  if (size > 0)
    std::vsnprintf(text.data(), text.size() + 1, fmt, args);
  va_end(args);
  return text;
}

} // namespace axiom
