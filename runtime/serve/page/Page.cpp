#include "runtime/serve/page/Page.h"

namespace axiom::serve {

http::Response pageResponse() {
  http::Response response;
  response.contentType = "text/html; charset=utf-8";
  response.body = pageText();
  response.headers = {{"Content-Security-Policy", std::string(pagePolicy())},
                      {"X-Content-Type-Options", "nosniff"},
                      {"X-Frame-Options", "DENY"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"Cache-Control", "no-cache"}};
  return response;
}

} // namespace axiom::serve
