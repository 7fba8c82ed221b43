// JSON text to Value and back, with bounds, for requests, tools and the filters tojson/from_json.
#ifndef AXIOM_RUNTIME_TEXT_VALUEJSON_H
#define AXIOM_RUNTIME_TEXT_VALUEJSON_H

#include "runtime/base/Status.h"
#include "runtime/text/TemplateBudget.h"
#include "runtime/text/Value.h"

#include <optional>
#include <string>
#include <string_view>

namespace axiom {

struct JsonParseOptions {
  uint32_t maxDepth = 100;
  uint64_t maxBytes = 64u << 20;
  uint64_t maxValues = 4'000'000;
  /// Marks every string and key as untrusted.
  bool untrusted = false;
  /// NaN, Infinity and -Infinity, which Python's json reads too.
  bool allowNonFinite = false;
};

/// Parses one JSON text, nothing after it but white space. A repeated key keeps its last value, an
/// escaped lone surrogate becomes U+FFFD, an integer beyond 64 bits keeps its digits; bytes that
/// are not UTF-8 are refused. The error names the byte offset.
Result<Value> parseJson(std::string_view text, const JsonParseOptions &options = {});

/// Python's json.dumps; the defaults are those of the filter tojson in Hugging Face's environment.
struct JsonWriteOptions {
  bool ensureAscii = false;
  bool sortKeys = false;
  /// A line per element, indented by this text; nullopt for one line.
  std::optional<std::string> indent;
  /// Default ", " on one line and "," with indent.
  std::optional<std::string> itemSeparator;
  std::string keySeparator = ": ";
};

/// Fails for kinds that JSON does not have.
Result<std::string> writeJson(const Value &value, const JsonWriteOptions &options = {},
                              const TemplateLimits &limits = {});

/// As writeJson for use inside a render: marks are kept, failures are thrown.
void appendJson(MarkedText &out, const Value &value, const JsonWriteOptions &options,
                TemplateBudget &budget);

} // namespace axiom

#endif
