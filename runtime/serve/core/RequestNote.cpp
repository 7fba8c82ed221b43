#include "runtime/serve/core/RequestNote.h"

#include "runtime/serve/core/Log.h"

namespace axiom::serve {
namespace {

/// What asks often and says little.
bool probe(const http::Finished &finished) {
  return finished.status == 200 && (finished.path == "/metrics" || finished.path == "/health" ||
                                    finished.path.starts_with("/health/"));
}

} // namespace

void logRequest(Log &log, const http::Finished &finished) {
  bool wrong = finished.status >= 400 || finished.status == 0 || finished.rejected;
  Level level = finished.status >= 500 ? Level::Warning
                : probe(finished)      ? Level::Debug
                                       : Level::Info;
  if (!log.wants(level))
    return;
  LogLine line(level, "request");
  if (!finished.id.empty())
    line.text("request_id", finished.id);
  line.text("peer", finished.peer);
  if (!finished.method.empty())
    line.text("method", http::shown(finished.method)).text("path", http::shown(finished.path));
  line.natural("status", static_cast<uint64_t>(finished.status));
  if (finished.rejected)
    line.text("refused", http::reasonName(*finished.rejected));
  auto note = std::static_pointer_cast<RequestNote>(finished.note);
  if (note && !note->client.name.empty())
    line.text("client", note->client.name);
  line.natural("bytes_in", finished.bytesIn).natural("bytes_out", finished.bytesOut);
  line.number("total_ms", static_cast<double>(finished.duration.count()) / 1000);
  if (note && note->generates) {
    line.boolean("stream", note->stream);
    line.natural("prompt_tokens", note->promptTokens);
    line.natural("cached_tokens", note->cachedTokens);
    line.natural("output_tokens", note->outputTokens);
    if (note->firstTokenUs != 0) {
      line.natural("queue_ms", note->queuedMs);
      line.number("ttft_ms", static_cast<double>(note->firstTokenUs) / 1000);
    }
    const char *finish = note->finish;
    line.text("finish_reason", finish ? finish : "abort");
  } else if (note && note->promptTokens != 0) {
    line.natural("prompt_tokens", note->promptTokens);
  }
  if (note && note->trace) {
    line.text("trace_id", note->trace->traceId).text("span_id", note->trace->spanId);
    line.text("parent_span_id", note->trace->parentId);
  }
  wrong ? log.limited(line) : log.write(line);
}

} // namespace axiom::serve
