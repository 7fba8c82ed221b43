// Fields and bodies of one request, by Boost.Beast's parser. HeadScanner has checked the header's
// shape before; this is the only user of Beast.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_MESSAGEPARSER_H
#define AXIOM_RUNTIME_SERVE_HTTP_MESSAGEPARSER_H

#include "runtime/serve/http/Head.h"

namespace axiom::http {

class MessageParser {
public:
  MessageParser();
  ~MessageParser();
  MessageParser(const MessageParser &) = delete;
  MessageParser &operator=(const MessageParser &) = delete;

  /// Exactly the bytes of a header; fills `head`, also checkHead's part of it.
  std::optional<Refusal> head(std::string_view bytes, Head &head);

  struct Progress {
    size_t used = 0; ///< bytes of the input that are done with; the others have to come again
    bool complete = false;
    std::optional<Refusal> refusal;
  };
  /// Appends what the input holds of the body; 413 beyond `limit` bytes.
  Progress body(std::string_view input, std::string &body, uint64_t limit);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace axiom::http

#endif
