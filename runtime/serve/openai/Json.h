// JSON of requests and answers: reading with bounds, writing in one pass.
//
// Reading builds a tree that keeps the order of keys (schemas and templates depend on it). Its cost
// is linear in the text, its depth and its numbers of values and keys are bounded, so no body can
// take the stack, much memory or much time. Writing appends to a string and needs no tree.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_JSON_H
#define AXIOM_RUNTIME_SERVE_OPENAI_JSON_H

#include "runtime/base/Status.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace axiom::serve::openai {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  size_t bytes = 32u << 20;       ///< of the text
  size_t stringBytes = 16u << 20; ///< of one string, key or number
  uint32_t depth = 64;            ///< containers inside each other
  uint32_t values = 2'000'000;    ///< 16 bytes each, and their strings
  uint32_t keys = 200'000;        ///< of all objects together
};

/// Parses one JSON text and nothing after it but white space. Refused, with the place: what RFC
/// 8259 does not allow (NaN, Infinity, comments, bytes that are not UTF-8, lone surrogates), a key
/// that an object has twice, a number beyond f64. InvalidArgument, or Resource when a limit is met.
Result<Json> readJson(std::string_view text, const JsonLimits &limits = {});

/// The value on one line, keys in their order.
std::string writeJson(const Json &value);

/// A value for a message: short, on one line, valid UTF-8.
std::string showJson(const Json &value);
/// At most `bytes` of `text`, cut between characters, with "..." where it was cut.
std::string shorten(std::string_view text, size_t bytes = 64);

/// Appends JSON to a string. Numbers are the shortest text that reads back to the same bits, an f32
/// as an f32. Strings: bytes that are not UTF-8 become U+FFFD, control characters are escaped. It
/// is the caller's duty that every key has a value and every container ends.
class JsonWriter {
public:
  explicit JsonWriter(std::string &out) : out_(out) {}

  JsonWriter &beginObject() { return open('{'); }
  JsonWriter &endObject() { return close('}'); }
  JsonWriter &beginArray() { return open('['); }
  JsonWriter &endArray() { return close(']'); }
  JsonWriter &key(std::string_view name);
  JsonWriter &string(std::string_view text);
  JsonWriter &integer(int64_t value);
  JsonWriter &natural(uint64_t value);
  /// Not finite becomes null: JSON has no such numbers.
  JsonWriter &number(double value);
  JsonWriter &number(float value);
  JsonWriter &boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter &null() { return raw("null"); }
  /// A text that is JSON already.
  JsonWriter &raw(std::string_view json);
  /// The members of a container that is JSON already, without its brackets.
  JsonWriter &members(std::string_view json) { return json.empty() ? *this : raw(json); }
  JsonWriter &value(const Json &value);

private:
  JsonWriter &open(char bracket);
  JsonWriter &close(char bracket);
  void separate() {
    if (comma_)
      out_ += ',';
    comma_ = true;
  }

  std::string &out_;
  bool comma_ = false; ///< a value precedes in the same container
};

/// `text` as a JSON string with its quotes, appended to `out`.
void appendJsonString(std::string &out, std::string_view text);

} // namespace axiom::serve::openai

#endif
