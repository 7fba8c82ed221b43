// The web page that the server serves at "/": one text with everything in it (embed.py puts it
// together), and what a browser may do with it.
#ifndef AXIOM_RUNTIME_SERVE_PAGE_PAGE_H
#define AXIOM_RUNTIME_SERVE_PAGE_PAGE_H

#include "runtime/serve/http/Message.h"

#include <string_view>

namespace axiom::serve {

/// HTML, for as long as the program runs.
std::string_view pageText();
/// Its Content-Security-Policy: only this style sheet and script, and only this server.
std::string_view pagePolicy();

http::Response pageResponse();

} // namespace axiom::serve

#endif
