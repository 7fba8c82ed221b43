// An HTTP/1.1 server for clients that are not trusted: every byte, second and connection that a
// client can take is bounded. It knows nothing of models.
//
// A few I/O threads serve all connections. Handlers run on them and must return soon: work goes to
// other threads, which answer through the Responder.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_SERVER_H
#define AXIOM_RUNTIME_SERVE_HTTP_SERVER_H

#include "runtime/base/Status.h"
#include "runtime/serve/http/Counters.h"
#include "runtime/serve/http/Message.h"
#include "runtime/serve/http/Responder.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace axiom::http {

using Milliseconds = std::chrono::milliseconds;

/// docs/serving.md lists them; none may be 0 except sendBufferBytes and the two rates.
struct Limits {
  uint32_t requestLineBytes = 8 << 10; ///< method, target and version: else 414
  uint32_t headerBytes = 16 << 10;     ///< request line and all fields: else 431
  uint32_t headerFields = 100;         ///< else 431
  uint64_t bodyBytes = 16 << 20;       ///< of one request, where its route says nothing: else 413
  uint64_t bodyBytesTogether = 256 << 20; ///< of all bodies that are still being read: else 503

  Milliseconds headerTime{10'000}; ///< from the first byte (TLS: from accepting) to the last: 408
  Milliseconds bodyTime{60'000};   ///< from the last byte of the header to that of the body: 408
  Milliseconds bodyWindow{10'000}; ///< in each such time bodyBytesPerSecond have to be kept: 408
  uint32_t bodyBytesPerSecond = 1000;
  Milliseconds idleTime{75'000};   ///< a kept connection without a request is closed
  Milliseconds writeStall{30'000}; ///< a client that takes fewer than writeBytesPerSecond of what
                                   ///< waits for it, measured over this time, is dropped
  uint32_t writeBytesPerSecond = 100;
  Milliseconds lingerTime{2'000}; ///< after the last response: for the client to close

  uint32_t connections = 4096;          ///< lowered to what the limit on descriptors allows
  uint32_t streamBytes = 1 << 20;       ///< kept for one client that does not read its stream
  uint32_t sendBufferBytes = 256 << 10; ///< the kernel's part of that; 0: the kernel's choice

  Milliseconds probeAfter{15'000}; ///< TCP keep-alive: a silent client is probed after this,
  Milliseconds probeEvery{5'000};  ///< again after this, whole seconds,
  uint32_t probes = 3;             ///< and is gone after so many probes without an answer
};

using Handler = std::function<void(Request request, Responder responder)>;

struct Route {
  std::string method; ///< "GET" serves HEAD, too
  std::string path;   ///< a path that ends in "/*" stands for all paths that begin so
  Handler handler;
  uint64_t bodyBytes = 0;     ///< 0: Limits::bodyBytes
  bool whileDraining = false; ///< answered during a drain, on connections that are still open
};

/// One request after its end, for a log. Where its header was never understood, only peer, id,
/// status and bytes are known.
struct Finished {
  std::string id, method, path, peer;
  int status = 0; ///< 0: no answer was begun
  uint64_t bytesIn = 0, bytesOut = 0;
  std::chrono::microseconds duration{0}; ///< from the whole header to the last byte handed over
  std::optional<Reason> rejected;        ///< refused or dropped, and why
  std::shared_ptr<void> note;            ///< Request::note
};

struct Options {
  std::string address = "127.0.0.1"; ///< an IPv4 or IPv6 address; "::" is all of both
  uint16_t port = 8000;              ///< 0: any free one, Server::port() tells
  std::string certificateFile;       ///< PEM, with its chain; both files or none
  std::string keyFile;               ///< PEM, without a passphrase
  uint32_t threads = 2;              ///< I/O threads
  Limits limits;

  /// Names in a Host field that are answered, without port; "*": any. It keeps pages of other
  /// sites from reaching a local server under a name of theirs.
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "[::1]"};
  /// Origins (scheme://name[:port]) whose pages may call besides pages of the same host and port;
  /// "*": any.
  std::vector<std::string> origins;

  /// Sees each request before its body is read and may answer it: for keys, for example. It may
  /// set Request::note and answerFields.
  std::function<std::optional<Response>(Request &head)> gate;
  /// Told of each request at its end, on an I/O thread.
  std::function<void(const Finished &)> finished;
  /// Told in a sentence of what an operator should know, on an I/O thread.
  std::function<void(const std::string &)> log;
};

class Server {
public:
  /// Checks options and routes, reads the TLS files, then listens. Resource: address or port
  /// cannot be had.
  static Result<std::unique_ptr<Server>> start(Options options, std::vector<Route> routes);
  /// stop()
  ~Server();
  Server(const Server &) = delete;
  Server &operator=(const Server &) = delete;

  uint16_t port() const;
  Counters counters() const;

  /// Accepts nothing more and closes idle connections; new requests on open ones get 503; what runs
  /// ends by itself. Calling it again changes nothing.
  void beginDrain();
  /// After beginDrain(): true once the last connection has ended, false after `timeout`.
  bool wait(Milliseconds timeout);
  /// Ends all connections now and joins the threads. Not from a handler or callback.
  void stop();

  /// Serves a connected stream socket as if it had been accepted, and owns it from now on.
  Status adopt(int descriptor);

private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace axiom::http

#endif
