// The answer to one request, from any thread.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_RESPONDER_H
#define AXIOM_RUNTIME_SERVE_HTTP_RESPONDER_H

#include "runtime/serve/http/Message.h"

#include <functional>
#include <memory>

namespace axiom::http {

class Exchange;

enum class WriteResult {
  Ok,
  Full,   ///< nothing was taken: the client is slow; try again after onWritable
  Closed, ///< the client is gone, or the response was ended before
};

enum class CloseReason {
  ClientGone, ///< it hung up, keep-alive probes found it dead, or it sent too much ahead
  Stalled,    ///< it took too few bytes for Limits::writeStall
  Aborted,    ///< abort() was called, or the Responder was dropped within a stream
  Stopped,    ///< Server::stop()
};

/// Either send(), or start(), any number of write(), end(). A copy stands for the same request.
/// When the last copy goes without an answer, the server answers 500, or breaks a stream off so
/// that the client sees that it is not whole.
///
/// Every member may be called from any thread at any time, also after the server was destroyed.
class Responder {
public:
  Responder() = default;

  /// The whole response. False if the client is gone or an answer was begun already.
  bool send(Response response) const;

  /// Begins a stream, "text/event-stream" for example: chunks for HTTP/1.1, up to the end of the
  /// connection for 1.0.
  bool start(int status, std::string_view contentType, std::vector<Header> headers = {}) const;
  /// Takes all of `bytes` or nothing. At most Limits::streamBytes are kept for a client; a longer
  /// write is taken when nothing else is kept. A client that takes nothing for
  /// Limits::writeStall is dropped.
  WriteResult write(std::string_view bytes) const;
  bool end() const;

  /// Drops the connection at once.
  void abort() const;

  /// True once nothing can reach the client any more.
  bool closed() const;
  /// Called once, if the connection ends before the whole response has been handed to the system;
  /// at once if it has ended so already. Never called after a response that was handed over. It
  /// runs on a thread of the server and must not wait. A second call replaces the callback.
  void onClose(std::function<void(CloseReason)> callback) const;
  /// Called once, as soon as at most half of Limits::streamBytes is kept after a write() that was
  /// Full; at once if that is so now. It runs on a thread of the server, or on the caller's.
  void onWritable(std::function<void()> callback) const;

private:
  friend class Exchange;
  struct Handle;
  explicit Responder(std::shared_ptr<Handle> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<Handle> handle_;
};

} // namespace axiom::http

#endif
