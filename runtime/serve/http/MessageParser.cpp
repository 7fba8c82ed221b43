#include "runtime/serve/http/MessageParser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace axiom::http {

namespace beast = boost::beast;
using ErrorCode = beast::error_code;
using View = beast::string_view;

/// What may wait for the rest of a chunk's size line or of the end of the last chunk.
static constexpr size_t kChunkLine = 4096;

struct MessageParser::Impl final : beast::http::basic_parser<true> {
  Head *head = nullptr;
  std::string *body = nullptr;
  uint64_t limit = 0;
  bool tooLarge = false, trailer = false;

  void on_request_impl(beast::http::verb, View method, View target, int version,
                       ErrorCode &) override {
    head->method.assign(method.data(), method.size());
    head->target.assign(target.data(), target.size());
    head->minorVersion = version == 11 ? 1 : 0;
  }
  void on_response_impl(int, View, int, ErrorCode &) override {}
  void on_field_impl(beast::http::field, View name, View value, ErrorCode &error) override {
    if (!head) { // after the last chunk
      trailer = true;
      error = beast::http::error::bad_field;
      return;
    }
    head->headers.add({name.data(), name.size()}, {value.data(), value.size()});
  }
  void on_header_impl(ErrorCode &) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t> &, ErrorCode &) override {}
  std::size_t append(View bytes, ErrorCode &error) {
    if (bytes.size() > limit - std::min<uint64_t>(limit, body->size())) {
      tooLarge = true;
      error = beast::http::error::body_limit;
      return 0;
    }
    body->append(bytes.data(), bytes.size());
    return bytes.size();
  }
  std::size_t on_body_impl(View bytes, ErrorCode &error) override { return append(bytes, error); }
  void on_chunk_header_impl(std::uint64_t size, View, ErrorCode &error) override {
    if (size > limit - std::min<uint64_t>(limit, body->size())) {
      tooLarge = true;
      error = beast::http::error::body_limit;
    }
  }
  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, ErrorCode &error) override {
    return append(bytes, error);
  }
  void on_finish_impl(ErrorCode &) override {}
};

MessageParser::MessageParser() : impl_(std::make_unique<Impl>()) {
  impl_->header_limit(UINT32_MAX); // the scanner has its own
  impl_->body_limit(boost::none);  // the route's is checked here
  impl_->eager(true);
}

MessageParser::~MessageParser() = default;

std::optional<Refusal> MessageParser::head(std::string_view bytes, Head &head) {
  ErrorCode error;
  impl_->head = &head;
  impl_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  impl_->head = nullptr;
  if (error || !impl_->is_header_done())
    return Refusal{400, Reason::BadRequest, "The header is malformed: " + error.message() + "."};
  return checkHead(head);
}

MessageParser::Progress MessageParser::body(std::string_view input, std::string &body,
                                            uint64_t limit) {
  Progress progress;
  impl_->body = &body;
  impl_->limit = limit;
  ErrorCode error;
  while (!impl_->is_done() && progress.used < input.size() && !error)
    progress.used += impl_->put(
        boost::asio::buffer(input.data() + progress.used, input.size() - progress.used), error);
  impl_->body = nullptr;
  progress.complete = impl_->is_done();
  if (impl_->tooLarge)
    progress.refusal =
        Refusal{413, Reason::BodyTooLarge,
                format("The body is longer than %llu bytes.", (unsigned long long)limit)};
  else if (impl_->trailer)
    progress.refusal =
        Refusal{400, Reason::BadRequest, "Fields after the last chunk are not allowed."};
  else if (error && error != beast::http::error::need_more)
    progress.refusal = Refusal{400, Reason::BadRequest,
                               "The body's chunks are malformed: " + error.message() + "."};
  else if (!progress.complete && input.size() - progress.used > kChunkLine)
    progress.refusal = Refusal{400, Reason::BadRequest,
                               format("A chunk's size line is longer than %zu bytes.", kChunkLine)};
  return progress;
}

} // namespace axiom::http
