// The listening socket.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_LISTENER_H
#define AXIOM_RUNTIME_SERVE_HTTP_LISTENER_H

#include "runtime/serve/http/Server.h"

namespace axiom::http {

struct Listening {
  int descriptor = -1;
  uint16_t port = 0;
};

/// Binds and listens, or says address, port, cause and remedy.
Result<Listening> listenAt(const std::string &address, uint16_t port);

struct Accepted {
  int descriptor = -1; ///< non-blocking, with its options set; -1: none
  std::string peer;
  int error = 0; ///< errno where the descriptor is -1
};
Accepted acceptOne(int listening, const Limits &limits);

/// Non-blocking, no delay of small writes, keep-alive probes, send buffer; what a kind of socket
/// does not have is left out.
void prepareSocket(int descriptor, const Limits &limits);

/// One attempt to say 503 to a connection that is not served, then closes it.
void turnAway(int descriptor, bool plain);

} // namespace axiom::http

#endif
