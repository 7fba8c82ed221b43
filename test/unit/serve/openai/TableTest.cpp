// Walks the table: every row of every scope at its bounds, one beyond, with each wrong type, with
// null, left out when it is needed, and as a neutral and another value when it is not honoured.
#include "runtime/serve/openai/ParseRequest.h"
#include "runtime/serve/openai/Reader.h"
#include "test/unit/serve/openai/SampleLimits.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <functional>
#include <set>

using namespace axiom::serve::openai;

namespace {

Json parse(const char *text) { return Json::parse(text); }

/// One that is accepted alone, or with what accommodate() adds.
Json validValue(const Field &field);

/// An object with just what it needs.
Json minimal(Scope scope) {
  Json object = Json::object();
  for (const Field *field : fieldsOf(scope))
    if (field->needed & bit(scope))
      object[field->name] = validValue(*field);
  if (scope == Scope::Message)
    object["content"] = "Hello";
  if (scope == Scope::Tokenize)
    object["prompt"] = "Hello";
  return object;
}

Json validValue(const Field &field) {
  if (std::string_view(field.name) == "model")
    return "alias";
  if (std::string_view(field.name) == "dimensions")
    return 96;
  if (std::string_view(field.name) == "structured_outputs")
    return parse(R"({"json_object":true})");
  if (field.example)
    return parse(field.example);
  if (!field.values.empty())
    return field.values[0];
  if (field.byDefault)
    return parse(field.byDefault);
  if (field.types & kBool)
    return true;
  if (field.types & (kInteger | kNumber))
    return field.range.kind == Range::Real ? Json(field.range.to) : Json(field.range.low);
  if (field.types & kString)
    return field.pattern ? "name" : "text";
  if (field.types & kStrings)
    return Json::array({"text"});
  if (field.types & kTokens)
    return Json::array({1});
  if (field.types & kObjects)
    return Json::array({field.child == Scope::None ? Json::object() : minimal(field.child)});
  return field.child == Scope::None ? Json::object() : minimal(field.child);
}

/// Where an object of a scope can stand: a body, and the place in it.
struct Site {
  Endpoint endpoint;
  Json body;
  std::string path; ///< of the object, as a JSON pointer
  Json &object() { return body[Json::json_pointer(path)]; }
  /// As in an error: messages[0].role.
  std::string param(const std::string &field) const {
    std::string out;
    std::string rest = path;
    for (size_t at = 0; at < rest.size();) {
      size_t end = std::min(rest.find('/', at + 1), rest.size());
      std::string part = rest.substr(at + 1, end - at - 1);
      out += part.find_first_not_of("0123456789") == part.npos ? "[" + part + "]"
                                                               : (out.empty() ? "" : ".") + part;
      at = end;
    }
    return out + (out.empty() || field[0] == '[' ? "" : ".") + field;
  }
};

Site siteOf(Scope scope) {
  for (const EndpointInfo &info : endpointTable())
    if (info.body == scope)
      return {info.endpoint, minimal(scope), ""};
  for (size_t s = 0; s < kScopes; ++s)
    for (const Field *field : fieldsOf(static_cast<Scope>(s)))
      if (field->child == scope && field->handling == Handling::Honoured) {
        Site site = siteOf(static_cast<Scope>(s));
        bool list = field->types & kObjects;
        site.object()[field->name] = list ? Json::array({minimal(scope)}) : minimal(scope);
        site.path += "/" + std::string(field->name) + (list ? "/0" : "");
        // What the parent needs beside it.
        Json &body = site.body;
        if (scope == Scope::ToolCall)
          body["messages"][0]["role"] = "assistant";
        if (scope == Scope::ToolChoice || scope == Scope::NamedFunction)
          body["tools"] = Json::array({minimal(Scope::Tool)});
        if (scope == Scope::StreamOptions)
          body["stream"] = true;
        if (scope == Scope::JsonSchema)
          body["response_format"]["type"] = "json_schema";
        if (scope == Scope::StructuredOutputs)
          body["structured_outputs"]["json_object"] = true;
        return site;
      }
  ADD_FAILURE() << "no place for " << scopeName(scope);
  return {};
}

/// Makes the rest of the body agree with a value that is valid by itself.
void accommodate(Site &site, const Field &field, const Json &value) {
  std::string_view name = field.name;
  Json &body = site.body;
  if (name == "top_logprobs")
    body["logprobs"] = true;
  if (name == "stream_options")
    body["stream"] = true;
  if (name == "best_of")
    body["n"] = value;
  if (name == "min_tokens")
    body["max_tokens"] = 512;
  if (name == "continue_final_message" && value == true)
    body["add_generation_prompt"] = false;
  if (name == "tool_choice")
    body["tools"] = Json::array({minimal(Scope::Tool)});
  if (name == "max_tokens" && value == 0)
    body["echo"] = true;
  if (name == "tool_calls")
    body["messages"][0]["role"] = "assistant";
  if (name == "json_schema")
    body["response_format"]["type"] = "json_schema";
  if (name == "messages" && site.endpoint == Endpoint::Tokenize && !value.is_null())
    body.erase("prompt");
  if (site.path == "/structured_outputs" && field.handling == Handling::Honoured) {
    if (name == "json_object" && value != true)
      body["structured_outputs"]["regex"] = "a";
    if (name != "json_object" && !value.is_null())
      body["structured_outputs"].erase("json_object");
  }
}

ParseResult tryValue(Scope scope, const Field &field, const Json &value, Site *used = nullptr) {
  Site site = siteOf(scope);
  site.object()[field.name] = value;
  accommodate(site, field, value);
  if (used)
    *used = site;
  return parseRequest(site.endpoint, site.body.dump(), limits());
}

std::string where(Scope scope, const Field &field, const Json &value) {
  return std::string(scopeName(scope)) + "." + field.name + " = " + value.dump().substr(0, 80);
}

void accepts(Scope scope, const Field &field, const Json &value) {
  ParseResult result = tryValue(scope, field, value);
  EXPECT_TRUE(result.ok()) << where(scope, field, value) << ": " << result.error->message;
}

void refuses(Scope scope, const Field &field, const Json &value, const std::string &code,
             const std::string &suffix = "") {
  Site site{};
  ParseResult result = tryValue(scope, field, value, &site);
  ASSERT_FALSE(result.ok()) << where(scope, field, value);
  const ApiError &e = *result.error;
  EXPECT_EQ(e.status, 400) << where(scope, field, value);
  EXPECT_EQ(e.type, "invalid_request_error");
  EXPECT_EQ(e.code, code) << where(scope, field, value) << ": " << e.message;
  EXPECT_EQ(e.param, site.param(field.name) + suffix) << where(scope, field, value);
  EXPECT_NE(e.message.find(field.name), std::string::npos) << e.message;
  EXPECT_LT(e.message.size(), 500u) << e.message;
}

void everyRow(const std::function<void(Scope, const Field &)> &test) {
  size_t rows = 0;
  for (size_t s = 0; s < kScopes; ++s)
    for (const Field *field : fieldsOf(static_cast<Scope>(s))) {
      test(static_cast<Scope>(s), *field);
      ++rows;
    }
  EXPECT_GT(rows, 200u);
}

bool honoured(const Field &field) { return field.handling == Handling::Honoured; }

TEST(Table, IsWellFormed) {
  std::set<std::string> names;
  everyRow([&](Scope scope, const Field &field) {
    EXPECT_TRUE(names.insert(std::string(scopeName(scope)) + "." + field.name).second)
        << field.name << " twice in " << scopeName(scope);
    EXPECT_NE(field.types, 0u) << field.name;
    EXPECT_GT(std::string_view(field.doc).size(), 3u) << field.name;
    EXPECT_EQ(std::string_view(field.doc).find('\n'), std::string_view::npos);
    if (!honoured(field)) {
      EXPECT_GT(std::string_view(field.reason).size(), 5u) << field.name;
      EXPECT_EQ(field.store, nullptr) << field.name;
      EXPECT_EQ(field.needed, 0u) << field.name;
    } else {
      EXPECT_NE(field.store, nullptr) << field.name << " is honoured, but not kept";
    }
    EXPECT_EQ(field.needed & ~field.in, 0u) << field.name;
    if (field.items.high < 0) {
      EXPECT_LE(field.items.low, 1) << field.name << ": describe() says one or more";
    }
    if (field.types & (kTokens | kTokenLists)) {
      EXPECT_EQ(field.range.most, Limit::Vocab) << field.name;
    }
    for (const char *json : {field.byDefault, field.neutral, field.example})
      if (json) {
        EXPECT_FALSE(Json::parse(json, nullptr, false).is_discarded())
            << field.name << ": " << json;
      }
  });
  for (const Field &field : fieldTable())
    EXPECT_NE(field.in, 0u) << field.name;
}

TEST(Table, ExamplesAndDefaultsAreAccepted) {
  everyRow([](Scope scope, const Field &field) {
    if (honoured(field)) {
      accepts(scope, field, validValue(field));
      if (field.byDefault)
        accepts(scope, field, parse(field.byDefault));
    }
  });
}

TEST(Table, DefaultsAreWhatIsStoredWhenNothingIsGiven) {
  for (const EndpointInfo &info : endpointTable()) {
    if (info.body == Scope::None)
      continue;
    Json body = minimal(info.body), full = body;
    for (const Field *field : fieldsOf(info.body))
      if (field->byDefault)
        full[field->name] = parse(field->byDefault);
    ParseResult a = parseRequest(info.endpoint, body.dump(), limits());
    ParseResult b = parseRequest(info.endpoint, full.dump(), limits());
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(a.request.temperature, b.request.temperature);
    EXPECT_EQ(a.request.topP, b.request.topP);
    EXPECT_EQ(a.request.repetitionPenalty, b.request.repetitionPenalty);
    EXPECT_EQ(a.request.n, b.request.n);
    EXPECT_EQ(a.request.maxTokens, b.request.maxTokens);
    EXPECT_EQ(a.request.addSpecialTokens, b.request.addSpecialTokens);
    EXPECT_EQ(a.request.addGenerationPrompt, b.request.addGenerationPrompt);
    EXPECT_EQ(a.request.encodingFormat, b.request.encodingFormat);
    EXPECT_EQ(a.request.skipSpecialTokens, b.request.skipSpecialTokens);
    EXPECT_TRUE(a.request.warnings.empty());
  }
}

TEST(Table, NumbersAtAndBeyondTheirBounds) {
  int rows = 0;
  everyRow([&](Scope scope, const Field &field) {
    const Range &range = field.range;
    if (!honoured(field) || range.kind == Range::Any ||
        std::string_view(field.name) == "dimensions")
      return;
    ++rows;
    std::vector<std::function<Json(Json)>> forms; // of a number in this field, with its param
    std::vector<std::string> suffixes;
    if (field.types & (kInteger | kNumber)) {
      forms.push_back([](Json v) { return v; });
      suffixes.push_back("");
    }
    if (field.types & kTokens) {
      forms.push_back([](Json v) { return Json::array({1, v}); });
      suffixes.push_back("[1]");
    }
    if (field.types & kTokenLists) {
      forms.push_back([](Json v) { return Json::array({Json::array({0}), Json::array({1, v})}); });
      suffixes.push_back("[1][1]");
    }
    if (field.types & kBiases) {
      forms.push_back([](Json v) { return Json{{"999", v}}; });
      suffixes.push_back(".999");
    }
    for (size_t i = 0; i < forms.size(); ++i) {
      if (range.kind == Range::Integer) {
        int64_t high = highest(range, limits());
        accepts(scope, field, forms[i](range.low));
        accepts(scope, field, forms[i](high));
        accepts(scope, field, forms[i](static_cast<double>(std::min<int64_t>(high, 1))));
        if (range.low > INT64_MIN)
          refuses(scope, field, forms[i](range.low - 1), "integer_below_min_value", suffixes[i]);
        refuses(scope, field, forms[i](static_cast<uint64_t>(high) + 1), "integer_above_max_value",
                suffixes[i]);
        refuses(scope, field, forms[i](UINT64_MAX), "integer_above_max_value", suffixes[i]);
        refuses(scope, field, forms[i](1.5), "invalid_type", suffixes[i]);
        refuses(scope, field, forms[i](1e300), "invalid_type", suffixes[i]);
      } else {
        double least = range.above ? std::nextafter(range.from, range.to) : range.from;
        accepts(scope, field, forms[i](least));
        accepts(scope, field, forms[i](range.to));
        refuses(scope, field, forms[i](std::nextafter(least, -1e9)), "decimal_below_min_value",
                suffixes[i]);
        refuses(scope, field, forms[i](std::nextafter(range.to, 1e9)), "decimal_above_max_value",
                suffixes[i]);
        refuses(scope, field, forms[i](1e300), "decimal_above_max_value", suffixes[i]);
      }
    }
  });
  EXPECT_GT(rows, 30);
}

TEST(Table, StringsAndListsAtAndBeyondTheirBounds) {
  int rows = 0;
  everyRow([&](Scope scope, const Field &field) {
    if (!honoured(field))
      return;
    auto text = [](int64_t characters) {
      std::string out;
      for (int64_t i = 0; i < characters; ++i)
        out += "é"; // bounds are in characters, not bytes
      return Json(out);
    };
    auto low = field.length.low, high = highest(field.length, limits());
    bool one = field.types & kString, list = field.types & kStrings;
    auto both = [&](auto check, const Json &value, auto... code) {
      if (one)
        check(scope, field, value, code..., "");
      if (list)
        check(scope, field, Json::array({value}), code..., "[0]");
    };
    auto good = [](Scope s, const Field &f, const Json &v, const char *) { accepts(s, f, v); };
    if (high >= 0) {
      ++rows;
      both(good, text(low));
      both(good, text(high));
      both(refuses, text(high + 1), "string_above_max_length");
      if (low > 0)
        both(refuses, text(low - 1), "string_below_min_length");
    }
    if (!field.values.empty() || field.pattern) {
      ++rows;
      for (const char *value : field.values)
        if (std::string_view(value) != "json_schema" && std::string_view(value) != "tool")
          accepts(scope, field, value);
      for (const char *value : {"", "no such", "text\n", "a/b", "é"})
        refuses(scope, field, value, "invalid_value");
      if (field.pattern)
        refuses(scope, field, std::string(65, 'a'), "invalid_value");
      else
        refuses(scope, field, "USER", "invalid_value");
    }
    // A list's or object's number of items.
    Json item = validValue(field);
    if (field.types & (kStrings | kTokens | kObjects)) {
      ++rows;
      Json element = item.is_array() && !item.empty() ? item[0] : Json("text");
      if ((field.types & kObjects) && !element.is_object())
        element = field.child == Scope::None ? Json::object() : minimal(field.child);
      auto of = [&](int64_t n) {
        Json out = Json::array();
        for (int64_t i = 0; i < n; ++i) {
          out.push_back(element);
          if (field.child == Scope::Tool)
            out.back()["function"]["name"] = "f" + std::to_string(i);
        }
        return out;
      };
      accepts(scope, field, of(std::max<int64_t>(field.items.low, 0)));
      if (field.items.low > 0)
        refuses(scope, field, of(field.items.low - 1), "array_below_min_length");
      if (field.items.high >= 0) {
        accepts(scope, field, of(field.items.high));
        refuses(scope, field, of(field.items.high + 1), "array_above_max_length");
      }
    } else if ((field.types & (kObject | kBiases)) && field.items.high >= 0) {
      ++rows;
      auto of = [&](int64_t n) {
        Json out = Json::object();
        for (int64_t i = 0; i < n; ++i)
          out[std::to_string(i)] = 0;
        return out;
      };
      if (!(field.types & kBiases))
        accepts(scope, field, of(field.items.high));
      refuses(scope, field, of(field.items.high + 1), "array_above_max_length");
    }
  });
  EXPECT_GT(rows, 60);
}

TEST(Table, WrongTypes) {
  const std::pair<uint32_t, const char *> values[] = {
      {kBool, "true"},        {kInteger | kNumber, "1"}, {kNumber, "0.5"},
      {kString, "\"1\""},     {kStrings, "[\"a\"]"},     {kTokens, "[1,2]"},
      {kTokenLists, "[[1]]"}, {kObjects, "[{}]"},        {kObject | kBiases, "{}"},
  };
  everyRow([&](Scope scope, const Field &field) {
    if (field.handling == Handling::Refused)
      return;
    for (const auto &[types, text] : values) {
      Json value = parse(text);
      if (field.types & types)
        continue;
      bool anyList = field.types & (kStrings | kTokens | kTokenLists | kObjects);
      refuses(scope, field, value, "invalid_type", value.is_array() && anyList ? "[0]" : "");
    }
  });
}

TEST(Table, MixedListsNameTheItem) {
  everyRow([&](Scope scope, const Field &field) {
    if (!honoured(field))
      return;
    for (Json odd : {Json(nullptr), Json(true), Json(0.5)}) {
      if (field.types & kStrings)
        refuses(scope, field, Json::array({"a", odd}), "invalid_type", "[1]");
      if (field.types & kTokens)
        refuses(scope, field, Json::array({1, odd}), "invalid_type", "[1]");
      if (field.types & kTokenLists)
        refuses(scope, field, Json::array({Json::array({1, odd})}), "invalid_type", "[0][1]");
    }
    if (field.types & kTokenLists)
      refuses(scope, field, parse("[[1],[]]"), "array_below_min_length", "[1]");
  });
}

TEST(Table, NullMeansNotGiven) {
  everyRow([](Scope scope, const Field &field) {
    bool content = scope == Scope::Message && std::string_view(field.name) == "content";
    bool prompt = scope == Scope::Tokenize && std::string_view(field.name) == "prompt";
    if ((field.needed & bit(scope)) || content || prompt)
      refuses(scope, field, nullptr, "missing_required_parameter");
    else if (std::string_view(field.name) != "json_schema")
      accepts(scope, field, nullptr);
  });
}

TEST(Table, NeededFieldsAreMissed) {
  everyRow([](Scope scope, const Field &field) {
    if (!(field.needed & bit(scope)))
      return;
    Site site = siteOf(scope);
    site.object().erase(field.name);
    ParseResult result = parseRequest(site.endpoint, site.body.dump(), limits());
    ASSERT_FALSE(result.ok()) << field.name;
    EXPECT_EQ(result.error->code, "missing_required_parameter");
    EXPECT_EQ(result.error->param, site.param(field.name));
  });
}

TEST(Table, RefusedFieldsTakeTheirNeutralValuesOnly) {
  int rows = 0;
  everyRow([&](Scope scope, const Field &field) {
    if (field.handling != Handling::Refused)
      return;
    ++rows;
    for (const Json &neutral : field.neutral ? parse(field.neutral) : Json::array()) {
      ParseResult result = tryValue(scope, field, neutral);
      EXPECT_TRUE(result.ok()) << where(scope, field, neutral);
      EXPECT_TRUE(result.request.warnings.empty());
    }
    for (Json value : {Json(true), Json(7), Json("x"), Json::array({"x"}), Json{{"a", 1}}})
      refuses(scope, field, value, "unsupported_parameter");
  });
  EXPECT_GT(rows, 20);
}

TEST(Table, IgnoredFieldsWarnUnlessNeutral) {
  int rows = 0;
  everyRow([&](Scope scope, const Field &field) {
    if (field.handling != Handling::Ignored)
      return;
    ++rows;
    bool anyNeutral = false;
    for (const Json &neutral : field.neutral ? parse(field.neutral) : Json::array()) {
      ParseResult result = tryValue(scope, field, neutral);
      ASSERT_TRUE(result.ok()) << where(scope, field, neutral) << result.error->message;
      EXPECT_TRUE(result.request.warnings.empty()) << where(scope, field, neutral);
      anyNeutral = anyNeutral || neutral == false;
    }
    Json value = field.types & kBool     ? Json(anyNeutral)
                 : field.types & kString ? Json("other")
                 : field.types & kObject ? Json{{"a", 1}}
                                         : Json::array({Json::object()});
    Site site{};
    ParseResult result = tryValue(scope, field, value, &site);
    ASSERT_TRUE(result.ok()) << where(scope, field, value) << result.error->message;
    if (isNeutral(field, value))
      return;
    ASSERT_EQ(result.request.warnings.size(), 1u) << where(scope, field, value);
    EXPECT_EQ(result.request.warnings[0], site.param(field.name) + " is ignored: " + field.reason);
  });
  EXPECT_GT(rows, 12);
}

TEST(Table, UnknownFieldsWarn) {
  for (size_t s = 0; s < kScopes; ++s) {
    Site site = siteOf(static_cast<Scope>(s));
    site.object()["no_such_field"] = Json{{"deep", {1, 2, 3}}};
    ParseResult result = parseRequest(site.endpoint, site.body.dump(), limits());
    ASSERT_TRUE(result.ok()) << result.error->message;
    ASSERT_EQ(result.request.warnings.size(), 1u);
    EXPECT_EQ(result.request.warnings[0],
              "unknown field " + site.param("no_such_field") + " is ignored");
  }
}

} // namespace
