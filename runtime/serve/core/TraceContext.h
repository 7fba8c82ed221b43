// W3C Trace Context: the field traceparent, by which a request is found again in a trace.
#ifndef AXIOM_RUNTIME_SERVE_CORE_TRACECONTEXT_H
#define AXIOM_RUNTIME_SERVE_CORE_TRACECONTEXT_H

#include <optional>
#include <string>
#include <string_view>

namespace axiom::serve {

struct TraceContext {
  std::string traceId;  ///< 32 lower-case hexadecimal digits
  std::string parentId; ///< 16: the caller's span
  std::string spanId;   ///< 16: ours
  std::string flags;    ///< 2

  /// The field that goes back: the caller's trace, our span.
  std::string header() const { return "00-" + traceId + "-" + spanId + "-" + flags; }
};

/// Nothing if `header` is not what the recommendation allows. The span is made here.
std::optional<TraceContext> parseTraceparent(std::string_view header);

} // namespace axiom::serve

#endif
