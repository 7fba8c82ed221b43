// What the server counts, and the reasons for which it refuses or drops.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_COUNTERS_H
#define AXIOM_RUNTIME_SERVE_HTTP_COUNTERS_H

#include <array>
#include <atomic>
#include <cstdint>

namespace axiom::http {

/// Why a request was refused or a connection dropped. The name is also the `code` of the answer.
enum class Reason : uint8_t {
  BadRequest,          ///< 400
  HostNotAllowed,      ///< 403
  OriginNotAllowed,    ///< 403
  Gate,                ///< what Options::gate answered with
  NotFound,            ///< 404
  MethodNotAllowed,    ///< 405
  RequestTimeout,      ///< 408: the header or the body did not come in time
  LengthRequired,      ///< 411
  BodyTooLarge,        ///< 413
  TargetTooLong,       ///< 414
  ExpectationFailed,   ///< 417
  HeadersTooLarge,     ///< 431
  InternalError,       ///< 500: a handler threw, or gave no answer
  NotImplemented,      ///< 501: a transfer coding
  Overloaded,          ///< 503: connections or bodies together are at their limit
  Draining,            ///< 503
  VersionNotSupported, ///< 505
  Evicted,             ///< closed for a newer connection: no whole header yet, for longest
  WriteStalled,        ///< the client took too few bytes of its response
  ClientGone,          ///< the client went before the end of its response or request
  TlsFailed,           ///< no TLS handshake
};
inline constexpr size_t kReasons = static_cast<size_t>(Reason::TlsFailed) + 1;

/// "bad_request", ...
const char *reasonName(Reason reason);

/// Since the start of the server, apart from `openConnections` and `activeRequests`.
struct Counters {
  uint64_t openConnections = 0;
  uint64_t activeRequests = 0; ///< with their handler
  uint64_t connections = 0;    ///< accepted
  uint64_t requests = 0;       ///< given to a handler
  uint64_t bytesIn = 0;
  uint64_t bytesOut = 0;
  uint64_t acceptFailures = 0; ///< no descriptor or memory for a connection
  std::array<uint64_t, kReasons> rejected{};

  uint64_t of(Reason reason) const { return rejected[static_cast<size_t>(reason)]; }
};

/// The counters as the threads of the server write them.
struct LiveCounters {
  std::atomic<uint64_t> activeRequests{0}, connections{0}, requests{0}, bytesIn{0}, bytesOut{0},
      acceptFailures{0};
  std::array<std::atomic<uint64_t>, kReasons> rejected{};

  void count(Reason reason) { ++rejected[static_cast<size_t>(reason)]; }
};

} // namespace axiom::http

#endif
