#include "runtime/serve/core/Gate.h"

namespace axiom::serve {

/// What tells nothing of the model or of those who use it, and what probes ask without a key.
bool Gate::open(std::string_view path) const {
  for (std::string_view one : {"/", "/health", "/health/live", "/health/ready", "/health/progress"})
    if (path == one)
      return true;
  return openMetrics_ && path == "/metrics";
}

std::optional<http::Response> Gate::operator()(http::Request &request) const {
  auto note = std::make_shared<RequestNote>();
  request.note = note;
  if (request.headers.count("traceparent") == 1)
    note->trace = parseTraceparent(*request.headers.find("traceparent"));
  if (note->trace)
    request.answerFields.push_back({"traceparent", note->trace->header()});
  if (!keys_)
    return std::nullopt;
  auto key = bearerKey(request);
  if (key)
    if (auto client = keys_->find(*key)) {
      note->client = std::move(*client);
      return std::nullopt;
    }
  if (open(request.path))
    return std::nullopt;
  return wrongKey(key.has_value());
}

} // namespace axiom::serve
