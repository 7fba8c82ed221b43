#include "runtime/serve/core/TraceContext.h"

#include "runtime/base/Status.h"

#include <algorithm>
#include <random>

namespace axiom::serve {
namespace {

bool hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool zeros(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '0'; });
}

std::string newSpan() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  unsigned long long id = 0;
  while (id == 0)
    id = random();
  return format("%016llx", id);
}

} // namespace

// VERSION-TRACE-PARENT-FLAGS; a later version may have more behind that.
std::optional<TraceContext> parseTraceparent(std::string_view header) {
  constexpr size_t kSize = 55;
  if (header.size() < kSize)
    return std::nullopt;
  std::string_view version = header.substr(0, 2), trace = header.substr(3, 32),
                   parent = header.substr(36, 16), flags = header.substr(53, 2);
  if (header[2] != '-' || header[35] != '-' || header[52] != '-')
    return std::nullopt;
  if (!hex(version) || !hex(trace) || !hex(parent) || !hex(flags) || version == "ff")
    return std::nullopt;
  if (zeros(trace) || zeros(parent))
    return std::nullopt;
  if (header.size() > kSize && (version == "00" || header[kSize] != '-'))
    return std::nullopt;
  return TraceContext{std::string(trace), std::string(parent), newSpan(), std::string(flags)};
}

} // namespace axiom::serve
