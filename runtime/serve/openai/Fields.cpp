#include "runtime/serve/openai/Fields.h"

#include <array>

namespace axiom::serve::openai {
namespace {

const std::vector<const Field *> &rowsOf(Scope scope) {
  static const auto rows = [] {
    std::array<std::vector<const Field *>, kScopes + 1> out;
    for (const Field &field : fieldTable())
      for (size_t s = 0; s < kScopes; ++s)
        if (field.in & bit(static_cast<Scope>(s)))
          out[s].push_back(&field);
    return out;
  }();
  return rows[static_cast<size_t>(scope)];
}

int64_t valueOf(Limit limit, const ServerLimits &limits) {
  switch (limit) {
  case Limit::Vocab:
    return limits.vocab - 1;
  case Limit::Context:
    return limits.context;
  case Limit::Samples:
    return limits.samples;
  case Limit::Logprobs:
    return limits.logprobs;
  case Limit::Prompts:
    return limits.prompts;
  case Limit::None:
    break;
  }
  return 0;
}

const char *nameOf(Limit limit) {
  switch (limit) {
  case Limit::Vocab:
    return "the vocabulary's last";
  case Limit::Context:
    return "the context";
  case Limit::Samples:
    return "the limit of samples";
  case Limit::Logprobs:
    return "the limit of logprobs";
  case Limit::Prompts:
    return "the limit of prompts";
  case Limit::None:
    break;
  }
  return "";
}

/// Says what a field may hold; without limits, bounds of the server have names.
class Description {
public:
  Description(const Field &field, const ServerLimits *limits) : field_(field), limits_(limits) {}

  std::string text() {
    uint32_t t = field_.types;
    if (t & kBool)
      add("true or false");
    if (t & kInteger)
      add("an integer" + range());
    if (t & kNumber)
      add("a number" + range());
    if (t & kString)
      add(string());
    if (t & kStrings)
      add("a list of " + items("strings") + each());
    if (t & kTokens)
      add("a list of " + items("token ids") + range());
    if (t & kTokenLists)
      add("a list of such lists");
    if (t & kBiases)
      add("an object of " + items("token ids") + " with numbers" + range());
    if (t & kObject)
      add(field_.items.high >= 0 ? "an object of " + items("keys") : "an object");
    if (t & kObjects)
      add("a list of " + items("objects"));
    std::string all;
    for (size_t i = 0; i < parts_.size(); ++i)
      all += (i == 0 ? "" : i + 1 == parts_.size() ? " or " : ", ") + parts_[i];
    return all;
  }

private:
  void add(std::string part) { parts_.push_back(std::move(part)); }

  std::string bound(int64_t value, Limit most) const {
    if (most == Limit::None)
      return std::to_string(value);
    return limits_ ? std::to_string(valueOf(most, *limits_)) : nameOf(most);
  }
  static std::string real(double value) { return format("%g", value); }

  std::string range() const {
    const Range &r = field_.range;
    if (r.kind == Range::Integer)
      return " from " + std::to_string(r.low) + " to " + bound(r.high, r.most);
    if (r.kind == Range::Real)
      return (r.above ? " above " + real(r.from) + " and at most "
                      : " from " + real(r.from) + " to ") +
             real(r.to);
    return "";
  }
  std::string count(const Count &c) const {
    std::string most = c.most != Limit::None || c.high >= 0 ? bound(c.high, c.most) : "";
    if (most.empty())
      return c.low > 0 ? "one or more " : ""; // no row has another bound
    return (c.low > 0 ? std::to_string(c.low) + " to " : "at most ") + most + " ";
  }
  std::string items(const char *what) const { return count(field_.items) + what; }
  std::string each() const {
    std::string length = count(field_.length);
    return length.empty() ? "" : " of " + length + "characters each";
  }
  std::string string() const {
    if (!field_.values.empty()) {
      std::string all;
      for (size_t i = 0; i < field_.values.size(); ++i)
        all += (i == 0                          ? ""
                : i + 1 == field_.values.size() ? " or "
                                                : ", ") +
               ("\"" + std::string(field_.values[i]) + "\"");
      return all;
    }
    if (field_.pattern)
      return "a string of 1 to 64 letters, digits, _ and -";
    std::string length = count(field_.length);
    return length.empty() ? "a string" : "a string of " + length + "characters";
  }

  const Field &field_;
  const ServerLimits *limits_;
  std::vector<std::string> parts_;
};

} // namespace

const char *scopeName(Scope scope) {
  static constexpr const char *names[] = {"ChatCompletionRequest",
                                          "CompletionRequest",
                                          "EmbeddingRequest",
                                          "TokenizeRequest",
                                          "DetokenizeRequest",
                                          "TemplateRequest",
                                          "Message",
                                          "ContentPart",
                                          "ToolCall",
                                          "FunctionCall",
                                          "Tool",
                                          "Function",
                                          "ToolChoice",
                                          "NamedFunction",
                                          "StreamOptions",
                                          "ResponseFormat",
                                          "JsonSchema",
                                          "StructuredOutputs"};
  static_assert(std::size(names) == kScopes);
  return scope == Scope::None ? "" : names[static_cast<size_t>(scope)];
}

bool isName(std::string_view text) {
  for (char c : text)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
          c == '-'))
      return false;
  return !text.empty() && text.size() <= 64;
}

std::vector<const Field *> fieldsOf(Scope scope) { return rowsOf(scope); }

const Field *findField(Scope scope, std::string_view name) {
  for (const Field *field : rowsOf(scope))
    if (field->name == name)
      return field;
  return nullptr;
}

int64_t highest(const Range &range, const ServerLimits &limits) {
  return range.most == Limit::None ? range.high : valueOf(range.most, limits);
}

int64_t highest(const Count &count, const ServerLimits &limits) {
  return count.most == Limit::None ? count.high : valueOf(count.most, limits);
}

std::string describe(const Field &field, const ServerLimits &limits) {
  return Description(field, &limits).text();
}
std::string describe(const Field &field) { return Description(field, nullptr).text(); }

const EndpointInfo &endpointInfo(Endpoint endpoint) {
  for (const EndpointInfo &info : endpointTable())
    if (info.endpoint == endpoint)
      return info;
  return endpointTable()[0];
}

} // namespace axiom::serve::openai
