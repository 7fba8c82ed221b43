// The fields of a header, by Boost.Beast's parser; this is its only user. Bodies are not read by
// it: its reader of chunks ends the process (an assertion) on some that come in pieces.
#include "runtime/serve/http/Head.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace axiom::http {

namespace beast = boost::beast;
using ErrorCode = beast::error_code;
using View = beast::string_view;

namespace {

struct FieldParser final : beast::http::basic_parser<true> {
  explicit FieldParser(Head &head) : head(head) {
    header_limit(UINT32_MAX); // the scanner has its own
    body_limit(boost::none);
  }
  Head &head;

  void on_request_impl(beast::http::verb, View method, View target, int version,
                       ErrorCode &) override {
    head.method.assign(method.data(), method.size());
    head.target.assign(target.data(), target.size());
    head.minorVersion = version == 11 ? 1 : 0;
  }
  void on_field_impl(beast::http::field, View name, View value, ErrorCode &) override {
    head.headers.add({name.data(), name.size()}, {value.data(), value.size()});
  }
  void on_response_impl(int, View, int, ErrorCode &) override {}
  void on_header_impl(ErrorCode &) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t> &, ErrorCode &) override {}
  std::size_t on_body_impl(View, ErrorCode &) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, View, ErrorCode &) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View, ErrorCode &) override { return 0; }
  void on_finish_impl(ErrorCode &) override {}
};

} // namespace

std::optional<Refusal> parseHead(std::string_view bytes, Head &head) {
  FieldParser parser(head);
  ErrorCode error;
  parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error || !parser.is_header_done())
    return Refusal{400, Reason::BadRequest, "The header is malformed: " + error.message() + "."};
  return checkHead(head);
}

} // namespace axiom::http
