#include "runtime/serve/openai/OpenApi.h"

#include <string>

namespace axiom::serve::openai {
namespace {

constexpr const char kErrorRef[] = R"({"$ref":"#/components/responses/Error"})";

/// Errors that any request can meet, then those of requests with a body.
struct StatusText {
  const char *status;
  bool body;
};
constexpr StatusText kErrors[] = {{"400", true},  {"401", false}, {"404", true},
                                  {"413", true},  {"415", true},  {"429", true},
                                  {"503", false}, {"504", true},  {"default", false}};

class Document {
public:
  Document(std::string &out, const ServerLimits &limits) : w_(out), limits_(limits) {}

  void write(std::string_view version) {
    w_.beginObject().key("openapi").string("3.1.0").key("info").beginObject();
    w_.key("title").string("Axiom").key("version").string(version);
    w_.key("description")
        .string("A server of language models with OpenAI's API. Fields that are not named here are "
                "accepted with a warning.");
    w_.endObject().key("paths").beginObject();
    for (const EndpointInfo &info : endpointTable())
      path(info);
    w_.endObject().key("components").beginObject().key("schemas").beginObject();
    for (size_t s = 0; s < kScopes; ++s)
      object(static_cast<Scope>(s));
    std::string_view answers = answerSchemas();
    w_.members(answers.substr(1, answers.size() - 2));
    w_.endObject().key("responses").beginObject().key("Error").beginObject();
    w_.key("description").string("An error, with what to do");
    content("application/json", "Error");
    w_.endObject().endObject();
    w_.key("securitySchemes")
        .raw(R"({"key":{"type":"http","scheme":"bearer"}})")
        .endObject()
        .key("security")
        .raw(R"([{},{"key":[]}])")
        .endObject();
  }

private:
  void content(const char *type, const char *schema) {
    w_.key("content").beginObject();
    media(type, schema);
    w_.endObject();
  }
  void media(const char *type, const char *schema) {
    w_.key(type).beginObject().key("schema");
    schema ? ref(schema) : (void)w_.raw(R"({"type":"string"})");
    w_.endObject();
  }
  void ref(std::string_view schema) {
    w_.beginObject().key("$ref").string("#/components/schemas/" + std::string(schema)).endObject();
  }

  void path(const EndpointInfo &info) {
    bool get = std::string_view(info.method) == "GET";
    w_.key(info.path).beginObject().key(get ? "get" : "post").beginObject();
    w_.key("operationId").string(info.operation).key("summary").string(info.summary);
    if (info.endpoint == Endpoint::Model) {
      w_.key("parameters").beginArray().beginObject().key("name").string("model");
      w_.key("in").string("path").key("required").boolean(true);
      w_.key("schema").raw(R"({"type":"string"})");
      w_.key("example").string(firstModel()).endObject().endArray();
    }
    if (info.body != Scope::None) {
      w_.key("requestBody").beginObject().key("required").boolean(true);
      w_.key("content").beginObject().key("application/json").beginObject().key("schema");
      ref(scopeName(info.body));
      w_.key("example");
      example(info.body);
      w_.endObject().endObject().endObject();
    }
    w_.key("responses").beginObject().key("200").beginObject();
    w_.key("description").string(info.summary).key("content").beginObject();
    media(info.answer ? "application/json" : "text/plain", info.answer);
    if (info.streamed) // events, each with a schema of its own, then [DONE]
      media("text/event-stream", nullptr);
    w_.endObject().endObject();
    bool health = info.answer && std::string_view(info.answer) == "Health";
    for (const StatusText &error : kErrors) {
      if (error.body && info.body == Scope::None &&
          !(info.endpoint == Endpoint::Model && std::string_view(error.status) == "404"))
        continue;
      w_.key(error.status);
      if (health && std::string_view(error.status) == "503") {
        w_.beginObject().key("description").string("Not now, with the reason");
        content("application/json", "Health");
        w_.endObject();
      } else {
        w_.raw(kErrorRef);
      }
    }
    w_.endObject().endObject().endObject();
  }

  std::string firstModel() const { return limits_.models.empty() ? "" : limits_.models.front(); }

  /// A small body: what is needed, and few tokens.
  void example(Scope scope) {
    w_.beginObject();
    for (const Field *field : fieldsOf(scope)) {
      std::string_view name = field->name;
      bool body = field->needed & bit(scope);
      if (name == "model")
        w_.key(name).string(firstModel());
      else if (field->example &&
               (body || name == "max_tokens" || (scope == Scope::Tokenize && name == "prompt")))
        w_.key(name).raw(field->example);
    }
    w_.endObject();
  }

  void object(Scope scope) {
    w_.key(scopeName(scope)).beginObject().key("type").string("object");
    w_.key("additionalProperties").boolean(true).key("required").beginArray();
    for (const Field *field : fieldsOf(scope))
      if (field->needed & bit(scope))
        w_.string(field->name);
    w_.endArray().key("properties").beginObject();
    for (const Field *field : fieldsOf(scope)) {
      w_.key(field->name).beginObject();
      property(*field, field->needed & bit(scope));
      w_.endObject();
    }
    w_.endObject().endObject();
  }

  void property(const Field &field, bool needed) {
    std::string text = field.doc;
    if (field.handling == Handling::Refused)
      text += std::string(". Not supported: ") + field.reason;
    else if (field.handling == Handling::Ignored)
      text += std::string(". Ignored: ") + field.reason;
    else if (*field.reason)
      text += std::string(". ") + field.reason;
    w_.key("description").string(text);
    if (field.handling == Handling::Refused) { // only what changes nothing
      std::string_view neutral = field.neutral ? field.neutral : "[]";
      w_.key("enum").beginArray().members(neutral.substr(1, neutral.size() - 2)).null().endArray();
      return;
    }
    if (field.byDefault)
      w_.key("default").raw(field.byDefault);
    if (std::string_view(field.name) == "model") {
      w_.key("examples").beginArray();
      for (const std::string &name : limits_.models)
        w_.string(name);
      w_.endArray();
    } else if (field.example) {
      w_.key("examples").beginArray().raw(field.example).endArray();
    }
    w_.key("anyOf").beginArray();
    for (uint32_t type = 1; type <= kBiases; type <<= 1)
      if (field.types & type) {
        w_.beginObject();
        shape(field, static_cast<Type>(type));
        w_.endObject();
      }
    if (!needed)
      w_.raw(R"({"type":"null"})");
    w_.endArray();
  }

  void type(const char *name) { w_.key("type").string(name); }

  void bounds(const Range &range) {
    if (range.kind == Range::Integer)
      w_.key("minimum").integer(range.low).key("maximum").integer(highest(range, limits_));
    else if (range.kind == Range::Real)
      w_.key(range.above ? "exclusiveMinimum" : "minimum")
          .number(range.from)
          .key("maximum")
          .number(range.to);
  }
  void count(const Count &count, const char *low, const char *high) {
    if (count.low > 0)
      w_.key(low).integer(count.low);
    if (int64_t most = highest(count, limits_); most >= 0)
      w_.key(high).integer(most);
  }
  void string(const Field &field) {
    type("string");
    count(field.length, "minLength", "maxLength");
    if (field.pattern)
      w_.key("pattern").string(field.pattern);
    if (field.values.empty())
      return;
    w_.key("enum").beginArray();
    for (const char *value : field.values)
      w_.string(value);
    w_.endArray();
  }
  void tokens(const Field &field) {
    type("array");
    w_.key("items").beginObject();
    type("integer");
    bounds(field.range);
    w_.endObject();
  }

  void shape(const Field &field, Type kind) {
    switch (kind) {
    case kBool:
      return type("boolean");
    case kInteger:
      type("integer");
      return bounds(field.range);
    case kNumber:
      type("number");
      return bounds(field.range);
    case kString:
      return string(field);
    case kStrings:
      type("array");
      count(field.items, "minItems", "maxItems");
      w_.key("items").beginObject();
      string(field);
      w_.endObject();
      return;
    case kTokens:
      tokens(field);
      return count(field.items, "minItems", "maxItems");
    case kTokenLists:
      type("array");
      count(field.items, "minItems", "maxItems");
      w_.key("items").beginObject();
      tokens(field);
      w_.key("minItems").integer(1).endObject();
      return;
    case kObject:
      if (field.child != Scope::None) {
        w_.key("$ref").string(std::string("#/components/schemas/") + scopeName(field.child));
        return;
      }
      type("object");
      return count(field.items, "minProperties", "maxProperties");
    case kObjects:
      type("array");
      count(field.items, "minItems", "maxItems");
      w_.key("items");
      field.child != Scope::None ? ref(scopeName(field.child))
                                 : (void)w_.raw(R"({"type":"object"})");
      return;
    case kBiases:
      type("object");
      count(field.items, "minProperties", "maxProperties");
      w_.key("propertyNames").raw(R"({"pattern":"^(0|[1-9][0-9]{0,9})$"})");
      w_.key("additionalProperties").beginObject();
      type("number");
      bounds(field.range);
      w_.endObject();
      return;
    }
  }

  JsonWriter w_;
  const ServerLimits &limits_;
};

} // namespace

std::string openApiDocument(const ServerLimits &limits, std::string_view version) {
  std::string out;
  Document(out, limits).write(version);
  return out;
}

} // namespace axiom::serve::openai
