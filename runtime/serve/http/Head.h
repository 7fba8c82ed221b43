// The strict part of reading a request: where its header ends, whether its bytes have the one shape
// that every reader of HTTP understands alike, and how its body is framed.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_HEAD_H
#define AXIOM_RUNTIME_SERVE_HTTP_HEAD_H

#include "runtime/serve/http/Server.h"

namespace axiom::http {

/// A request that is not served: status, reason (also the code in the answer), and the sentence.
struct Refusal {
  int status;
  Reason reason;
  std::string message;
};

/// Looks at header bytes as they come. Refused as soon as it is known: bare CR or LF, folded lines,
/// control characters, too much of anything, what is no request line.
class HeadScanner {
public:
  explicit HeadScanner(const Limits &limits) : limits_(limits) {}

  enum class State { More, Complete, Refused };
  /// `input` begins with the request line and is longer at each call, with the same beginning.
  State scan(std::string_view input);
  /// Bytes of the header with its empty line, once Complete.
  size_t size() const { return at_; }
  Refusal &refusal() { return *refusal_; }
  void reset();

private:
  State refuse(int status, Reason reason, std::string message);
  State endOfLine(std::string_view line);

  const Limits &limits_;
  size_t at_ = 0, lineStart_ = 0;
  uint32_t lines_ = 0;
  std::optional<Refusal> refusal_;
};

/// A header, taken apart.
struct Head {
  std::string method, target;
  unsigned minorVersion = 1;
  Headers headers;

  // What checkHead finds out:
  enum class Body { None, Length, Chunked };
  std::string path, query;
  std::string host; ///< of the Host field or an absolute target, as sent; may be empty in HTTP/1.0
  Body body = Body::None;
  uint64_t length = 0;
  bool keepAlive = true;
  bool expectsContinue = false;
};

/// What is wrong with the request line, without its CRLF.
std::optional<Refusal> checkRequestLine(std::string_view line);

/// From the fields to target, framing and connection; or why the request is refused. Shapes that
/// two readers could frame differently are refused: two lengths, a length beside a transfer coding,
/// a coding in HTTP/1.0.
std::optional<Refusal> checkHead(Head &head);

/// Takes apart what HeadScanner found Complete, exactly those bytes, and checks it.
std::optional<Refusal> parseHead(std::string_view bytes, Head &head);

/// The name of a Host value or of an origin's authority, in lower case without its port.
std::string hostName(std::string_view authority);

} // namespace axiom::http

#endif
