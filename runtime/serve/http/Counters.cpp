#include "runtime/serve/http/Counters.h"

namespace axiom::http {

const char *reasonName(Reason reason) {
  switch (reason) {
  case Reason::BadRequest:
    return "bad_request";
  case Reason::HostNotAllowed:
    return "host_not_allowed";
  case Reason::OriginNotAllowed:
    return "origin_not_allowed";
  case Reason::Gate:
    return "gate";
  case Reason::NotFound:
    return "not_found";
  case Reason::MethodNotAllowed:
    return "method_not_allowed";
  case Reason::RequestTimeout:
    return "request_timeout";
  case Reason::LengthRequired:
    return "length_required";
  case Reason::BodyTooLarge:
    return "body_too_large";
  case Reason::TargetTooLong:
    return "target_too_long";
  case Reason::ExpectationFailed:
    return "expectation_failed";
  case Reason::HeadersTooLarge:
    return "headers_too_large";
  case Reason::InternalError:
    return "internal_error";
  case Reason::NotImplemented:
    return "not_implemented";
  case Reason::Overloaded:
    return "overloaded";
  case Reason::Draining:
    return "draining";
  case Reason::VersionNotSupported:
    return "version_not_supported";
  case Reason::Evicted:
    return "evicted";
  case Reason::WriteStalled:
    return "write_stalled";
  case Reason::ClientGone:
    return "client_gone";
  case Reason::TlsFailed:
    return "tls_failed";
  }
  return "unknown";
}

} // namespace axiom::http
