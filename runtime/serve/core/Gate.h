// What every request passes before its body is read: the check of its key, its
// place in a trace.
#ifndef AXIOM_RUNTIME_SERVE_CORE_GATE_H
#define AXIOM_RUNTIME_SERVE_CORE_GATE_H

#include "runtime/serve/core/RequestNote.h"

namespace axiom::serve {

class Gate {
public:
  /// Without `keys` everybody may ask. `openMetrics`: /metrics needs no key.
  Gate(std::shared_ptr<const ApiKeys> keys, bool openMetrics)
      : keys_(std::move(keys)), openMetrics_(openMetrics) {}

  /// Gives the request its note. An answer is a refusal.
  std::optional<http::Response> operator()(http::Request &request) const;

private:
  bool open(std::string_view path) const;

  std::shared_ptr<const ApiKeys> keys_;
  bool openMetrics_;
};

} // namespace axiom::serve

#endif
