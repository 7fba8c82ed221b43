#include "runtime/serve/http/Body.h"

#include <algorithm>

namespace axiom::http {

/// Of a chunk's size line with its extensions, which are read over.
static constexpr uint32_t kChunkLine = 4096;

BodyReader::BodyReader(const Head &head, uint64_t limit)
    : state_(head.body == Head::Body::Chunked ? State::Size : State::Length), limit_(limit),
      left_(head.length) {}

void BodyReader::refuse(const char *message) {
  refusal_ = Refusal{400, Reason::BadRequest, message};
}

// One byte of what frames the chunks; `taken`: bytes of the body so far.
void BodyReader::step(char c, uint64_t taken) {
  switch (state_) {
  case State::Size: {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit >= 0 && digits_ < 16) {
      left_ = (digits_++ ? left_ << 4 : 0) | static_cast<unsigned>(digit);
      return;
    }
    if (digits_ == 0 || digit >= 0 || (c != '\r' && c != ';'))
      return refuse("A chunk does not begin with its size.");
    if (left_ > limit_ - taken) {
      refusal_ = Refusal{413, Reason::BodyTooLarge,
                         format("The body is longer than %llu bytes.", (unsigned long long)limit_)};
      return;
    }
    line_ = 0;
    state_ = c == '\r' ? State::SizeEnd : State::Extension;
    return;
  }
  case State::Extension:
    if (c == '\r')
      state_ = State::SizeEnd;
    else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f)
      refuse("A control character in a chunk's size line.");
    else if (++line_ > kChunkLine)
      refuse("A chunk's size line is longer than 4096 bytes.");
    return;
  case State::SizeEnd:
    if (c != '\n')
      return refuse("A chunk's size line does not end in CR LF.");
    digits_ = 0;
    state_ = left_ ? State::Data : State::LastCr;
    return;
  case State::DataCr:
  case State::DataEnd:
    if (c != (state_ == State::DataCr ? '\r' : '\n'))
      return refuse("A chunk does not end where its size says.");
    state_ = state_ == State::DataCr ? State::DataEnd : State::Size;
    return;
  case State::LastCr:
    if (c != '\r') // they could be taken for fields of the header
      return refuse("Fields after the last chunk are not allowed.");
    state_ = State::LastEnd;
    return;
  case State::LastEnd:
    if (c != '\n')
      return refuse("The last chunk does not end in CR LF.");
    state_ = State::Complete;
    return;
  case State::Length:
  case State::Data:
  case State::Complete:
    return;
  }
}

size_t BodyReader::read(std::string_view input, std::string &body) {
  size_t at = 0;
  while (at < input.size() && !complete() && !refusal_) {
    if (state_ != State::Length && state_ != State::Data) {
      step(input[at++], body.size());
      continue;
    }
    size_t part = static_cast<size_t>(std::min<uint64_t>(left_, input.size() - at));
    body.append(input.substr(at, part));
    at += part;
    left_ -= part;
    if (left_ == 0)
      state_ = state_ == State::Length ? State::Complete : State::DataCr;
  }
  return at;
}

} // namespace axiom::http
