// What is known of a request from its header to the line about it in the log.
#ifndef AXIOM_RUNTIME_SERVE_CORE_REQUESTNOTE_H
#define AXIOM_RUNTIME_SERVE_CORE_REQUESTNOTE_H

#include "runtime/serve/core/ApiKeys.h"

#include <memory>

namespace axiom::serve {

struct RequestNote {
  Client client; ///< without keys: nobody
};

inline std::shared_ptr<RequestNote> noteOf(const http::Request &request) {
  return std::static_pointer_cast<RequestNote>(request.note);
}

} // namespace axiom::serve

#endif
