// The document is JSON, names every field and endpoint with the server's bounds, and its schemas of
// answers are those of the answers.
#include "runtime/serve/openai/OpenApi.h"
#include "runtime/serve/openai/ParseRequest.h"
#include "test/unit/serve/openai/SampleAnswers.h"
#include "test/unit/serve/openai/SampleLimits.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

using namespace axiom::serve::openai;

namespace {

const Json &document() {
  static const Json json = Json::parse(openApiDocument(limits(), "1.2.3"), nullptr, false);
  return json;
}

const Json &schema(const std::string &name) {
  const Json &all = document()["components"]["schemas"];
  EXPECT_TRUE(all.contains(name)) << name;
  static const Json none;
  return all.contains(name) ? all[name] : none;
}

TEST(OpenApi, IsJsonWithoutRepeatedKeys) {
  auto read = readJson(openApiDocument(limits(), "1.2.3"));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ((*read)["openapi"], "3.1.0");
  EXPECT_EQ((*read)["info"]["version"], "1.2.3");
}

TEST(OpenApi, NamesEveryField) {
  size_t fields = 0;
  for (size_t s = 0; s < kScopes; ++s) {
    auto scope = static_cast<Scope>(s);
    const Json &object = schema(scopeName(scope));
    EXPECT_EQ(object["additionalProperties"], true);
    std::set<std::string> required;
    for (const Json &name : object["required"])
      required.insert(name);
    EXPECT_EQ(object["properties"].size(), fieldsOf(scope).size());
    for (const Field *field : fieldsOf(scope)) {
      ++fields;
      ASSERT_TRUE(object["properties"].contains(field->name)) << field->name;
      const Json &property = object["properties"][field->name];
      EXPECT_EQ(required.contains(field->name), (field->needed & bit(scope)) != 0) << field->name;
      EXPECT_NE(property["description"].get<std::string>().find(field->doc), std::string::npos);
      if (field->byDefault) {
        EXPECT_EQ(property["default"], Json::parse(field->byDefault));
      }
      EXPECT_TRUE(property.contains(field->handling == Handling::Refused ? "enum" : "anyOf"))
          << field->name;
    }
  }
  EXPECT_GT(fields, 200u);
}

TEST(OpenApi, BoundsAreTheServers) {
  const Json &chat = schema("ChatCompletionRequest")["properties"];
  EXPECT_EQ(chat["max_tokens"]["anyOf"].dump(),
            R"([{"type":"integer","minimum":1,"maximum":512},{"type":"null"}])");
  EXPECT_EQ(chat["temperature"]["anyOf"][0].dump(),
            R"({"type":"number","minimum":0.0,"maximum":2.0})");
  EXPECT_EQ(chat["top_p"]["anyOf"][0]["exclusiveMinimum"], 0.0);
  EXPECT_EQ(chat["seed"]["anyOf"][0]["minimum"].get<int64_t>(), INT64_MIN);
  EXPECT_EQ(chat["stop_token_ids"]["anyOf"][0]["items"]["maximum"], 999);
  EXPECT_EQ(chat["stop"]["anyOf"].size(), 3u);
  EXPECT_EQ(chat["audio"]["enum"].dump(), "[null]");
  EXPECT_EQ(chat["modalities"]["enum"].dump(), R"([["text"],null])");
  EXPECT_EQ(chat["model"]["examples"].dump(), R"(["served","alias"])");
  EXPECT_EQ(chat["messages"]["anyOf"].dump(),
            R"([{"type":"array","minItems":1,"maxItems":65536,"items":)"
            R"({"$ref":"#/components/schemas/Message"}}])");
}

TEST(OpenApi, EveryEndpointWithAnExampleThatIsAccepted) {
  for (const EndpointInfo &info : endpointTable()) {
    bool get = std::string_view(info.method) == "GET";
    ASSERT_TRUE(document()["paths"].contains(info.path)) << info.path;
    const Json &path = document()["paths"][info.path][get ? "get" : "post"];
    EXPECT_EQ(path["operationId"], info.operation);
    EXPECT_TRUE(path["responses"].contains("200"));
    if (info.body == Scope::None)
      continue;
    const Json &media = path["requestBody"]["content"]["application/json"];
    EXPECT_EQ(media["schema"]["$ref"], std::string("#/components/schemas/") + scopeName(info.body));
    ParseResult result = parseRequest(info.endpoint, media["example"].dump(), limits());
    EXPECT_TRUE(result.ok()) << info.path << media["example"] << result.error->message;
    EXPECT_TRUE(result.request.warnings.empty());
  }
}

void everyReference(const Json &json, std::set<std::string> &out) {
  if (json.is_object() && json.contains("$ref"))
    out.insert(json["$ref"].get<std::string>());
  if (json.is_structured())
    for (const Json &item : json)
      everyReference(item, out);
}

TEST(OpenApi, ReferencesLead) {
  std::set<std::string> references;
  everyReference(document(), references);
  EXPECT_GT(references.size(), 30u);
  for (const std::string &reference : references)
    EXPECT_TRUE(document().contains(Json::json_pointer(reference.substr(1)))) << reference;
}

/// Checks `value` against the few words that the schemas of answers use; a key without a schema
/// counts as an error.
void conforms(const Json &value, Json schema, const std::string &where) {
  while (schema.contains("$ref"))
    schema = document()[Json::json_pointer(schema["$ref"].get<std::string>().substr(1))];
  if (schema.contains("anyOf")) {
    bool null = value.is_null();
    for (const Json &choice : schema["anyOf"]) {
      bool nullChoice = choice.value("type", "") == "null";
      bool list = choice.value("type", "") == "array";
      if (null == nullChoice && (null || value.is_object() || list == value.is_array()))
        return conforms(value, choice, where);
    }
    FAIL() << where << ": no choice for " << value;
  }
  if (schema.contains("const")) {
    EXPECT_EQ(value, schema["const"]) << where;
    return;
  }
  if (schema.contains("enum")) {
    EXPECT_NE(std::find(schema["enum"].begin(), schema["enum"].end(), value), schema["enum"].end())
        << where << value;
    return;
  }
  std::set<std::string> types;
  ASSERT_TRUE(schema.contains("type")) << where << schema;
  if (schema["type"].is_string())
    types.insert(schema["type"].get<std::string>());
  else
    for (const Json &type : schema["type"])
      types.insert(type.get<std::string>());
  const char *type = value.is_null()             ? "null"
                     : value.is_string()         ? "string"
                     : value.is_number_integer() ? "integer"
                     : value.is_number()         ? "number"
                     : value.is_array()          ? "array"
                                                 : "object";
  EXPECT_TRUE(types.contains(type)) << where << " is " << value;
  if (value.is_array())
    for (const Json &item : value)
      conforms(item, schema["items"], where + "[]");
  if (!value.is_object())
    return;
  for (const Json &key : schema.value("required", Json::array()))
    EXPECT_TRUE(value.contains(key.get<std::string>())) << where << " has no " << key;
  for (const auto &[key, member] : value.items()) {
    if (schema.contains("properties") && schema["properties"].contains(key))
      conforms(member, schema["properties"][key], where + "." + key);
    else if (schema.contains("additionalProperties"))
      conforms(member, schema["additionalProperties"], where + "." + key);
    else
      ADD_FAILURE() << where << "." << key << " is in no schema";
  }
}

TEST(OpenApi, AnswersConformToTheirSchemas) {
  std::set<std::string> seen;
  for (const auto &[name, text] : axiom::test::sampleAnswers()) {
    Json json = Json::parse(text, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << text;
    conforms(json, schema(name), name);
    seen.insert(name);
  }
  for (const EndpointInfo &info : endpointTable())
    for (const char *name : {info.answer, info.streamed})
      if (name && std::string_view(name) != "OpenApi") {
        EXPECT_TRUE(seen.contains(name)) << "no sample of " << name;
      }
}

TEST(OpenApi, MarkdownNamesEveryField) {
  std::string page = fieldMarkdown();
  for (const Field &field : fieldTable())
    EXPECT_NE(page.find("| `" + std::string(field.name) + "` |"), std::string::npos) << field.name;
  for (const EndpointInfo &info : endpointTable())
    EXPECT_NE(page.find("`" + std::string(info.path) + "`"), std::string::npos);
}

} // namespace
