// Bodies as they come in pieces: a number of bytes, or chunks.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_BODY_H
#define AXIOM_RUNTIME_SERVE_HTTP_BODY_H

#include "runtime/serve/http/Head.h"

namespace axiom::http {

class BodyReader {
public:
  BodyReader() = default;
  /// The body of `head`, which has one, of at most `limit` bytes.
  BodyReader(const Head &head, uint64_t limit);

  /// Appends what `input` holds of the body and returns how much of the input belongs to it: all,
  /// unless complete() or refused.
  size_t read(std::string_view input, std::string &body);
  bool complete() const { return state_ == State::Complete; }
  std::optional<Refusal> &refusal() { return refusal_; }

private:
  enum class State {
    Length,
    Size,
    Extension,
    SizeEnd,
    Data,
    DataCr,
    DataEnd,
    LastCr,
    LastEnd,
    Complete
  };
  void refuse(const char *message);
  void step(char c, uint64_t taken);

  State state_ = State::Complete;
  uint64_t limit_ = 0, left_ = 0; ///< of the whole body, or of the chunk
  uint32_t digits_ = 0, line_ = 0;
  std::optional<Refusal> refusal_;
};

} // namespace axiom::http

#endif
