// Bytes of one connection, plain or through TLS, without waiting. OpenSSL is seen here only.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_TRANSPORT_H
#define AXIOM_RUNTIME_SERVE_HTTP_TRANSPORT_H

#include "runtime/base/Status.h"

#include <memory>

namespace axiom::http {

struct IoResult {
  enum class Kind {
    Done,
    WantRead,  ///< again once the descriptor is readable
    WantWrite, ///< again once it is writable
    End,       ///< the peer sends nothing more
    PlainHttp, ///< a handshake met an HTTP request without TLS
    Failed,
  };
  Kind kind;
  size_t bytes = 0;
};

class Transport {
public:
  virtual ~Transport() = default;
  virtual IoResult handshake() { return {IoResult::Kind::Done}; }
  virtual IoResult read(char *to, size_t size) = 0;
  /// After WantRead or WantWrite the same bytes have to come again.
  virtual IoResult write(const char *from, size_t size) = 0;
  /// Nothing more will be written; what was written still arrives.
  virtual void finish() = 0;
};

/// The descriptor stays the caller's and has to be non-blocking. Writing to a connection that the
/// peer has reset raises SIGPIPE with TLS: the calling thread has to block it.
std::unique_ptr<Transport> plainTransport(int descriptor);

/// TLS 1.2 and later with one certificate.
class TlsContext {
public:
  /// BadInput or NotFound: what is wrong with which file.
  static Result<std::shared_ptr<TlsContext>> load(const std::string &certificateFile,
                                                  const std::string &keyFile);
  ~TlsContext();
  /// Null if there is no memory for it.
  std::unique_ptr<Transport> accept(int descriptor) const;

private:
  TlsContext() = default;
  void *context_ = nullptr; // SSL_CTX
};

} // namespace axiom::http

#endif
