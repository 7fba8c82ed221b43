// What is known of a request from its header to the line about it in the log.
#ifndef AXIOM_RUNTIME_SERVE_CORE_REQUESTNOTE_H
#define AXIOM_RUNTIME_SERVE_CORE_REQUESTNOTE_H

#include "runtime/serve/core/ApiKeys.h"
#include "runtime/serve/core/TraceContext.h"
#include "runtime/serve/http/Server.h"

#include <atomic>
#include <memory>

namespace axiom::serve {

class Log;

struct RequestNote {
  Client client; ///< without keys: nobody
  std::optional<TraceContext> trace;

  // Of what generates: written by the engine's thread, read when the connection is done with it,
  // which may be before.
  std::atomic<bool> generates{false}, stream{false};
  std::atomic<uint32_t> promptTokens{0}, cachedTokens{0}, outputTokens{0};
  std::atomic<uint64_t> queuedMs{0}, firstTokenUs{0};
  std::atomic<const char *> finish{nullptr}; ///< why the last sample ended; null: none has
};

inline std::shared_ptr<RequestNote> noteOf(const http::Request &request) {
  return std::static_pointer_cast<RequestNote>(request.note);
}

/// The line about a request that is done with: never its prompt or its answer.
void logRequest(Log &log, const http::Finished &finished);

} // namespace axiom::serve

#endif
