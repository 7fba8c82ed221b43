// The client's side of HTTP/1.1, without sockets: addresses, requests as bytes, and answers out of
// whatever pieces they come in.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_SERVE_HTTP_H
#define AXIOM_TOOLS_AXIOM_BENCH_SERVE_HTTP_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::bench {

struct Url {
  std::string host; ///< without brackets
  uint16_t port = 80;
  std::string authority; ///< for the Host field, as it was written
  std::string path;      ///< before an endpoint; without a '/' at its end
};

/// "http://127.0.0.1:8000", "http://[::1]:8000/proxied"
Result<Url> parseUrl(std::string_view text);

/// `fields`: whole lines without their ends, "Name: value".
std::string requestText(std::string_view method, const Url &url, std::string_view endpoint,
                        const std::vector<std::string> &fields, std::string_view body);

/// Reads one answer after another. Of what it does not understand it says why.
class ResponseReader {
public:
  enum class State { Head, Body, Done, Bad };

  /// Takes bytes of the answer and appends those of its body to `body`. Returns how many it has
  /// taken: all of them, unless the answer is done.
  size_t feed(std::string_view bytes, std::string &body);
  /// No more bytes come. True if the answer is whole.
  bool end();
  /// For the next answer of the connection.
  void reset() { *this = ResponseReader(); }

  State state() const { return state_; }
  int status() const { return status_; } ///< 0: not known yet
  /// The connection may carry another request once the answer is done.
  bool keepsAlive() const { return keepAlive_; }
  double retryAfter() const { return retryAfter_; } ///< seconds; negative: none
  const std::string &problem() const { return problem_; }

private:
  enum class Framing { Length, Chunks, ToEnd };
  enum class Chunk { Size, Data, DataEnd, Trailer };

  void bad(std::string problem);
  void readHead(std::string_view head);
  void field(std::string_view name, std::string_view value);
  size_t feedChunks(std::string_view bytes, std::string &body);
  void chunkLine();

  State state_ = State::Head;
  Framing framing_ = Framing::ToEnd;
  Chunk chunk_ = Chunk::Size;
  std::string line_; ///< of a head or of a chunk's size, as far as it has come
  uint64_t left_ = 0;
  int status_ = 0;
  bool keepAlive_ = true;
  double retryAfter_ = -1;
  std::string problem_;
};

} // namespace axiom::bench

#endif
