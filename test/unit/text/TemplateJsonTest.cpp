// The JSON reader and writer of values.
#include "TemplateTestUtil.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::testing_template;

namespace {

std::string roundTrip(std::string_view text, const JsonWriteOptions &options = {}) {
  auto value = parseJson(text);
  if (!value.ok())
    return value.status().message();
  auto out = writeJson(*value, options);
  return out.ok() ? *out : out.status().message();
}

TEST(TemplateJson, RoundTripAsPythonWrites) {
  EXPECT_EQ(roundTrip(R"( {"a":[1,-2.50,true,false,null,"x"],"b":{}} )"),
            R"({"a": [1, -2.5, true, false, null, "x"], "b": {}})");
  EXPECT_EQ(roundTrip("[1e2, 1E-7, 1e22, 0.1, 1.0, -0.0, 123456789.123, 1e400]"),
            "[100.0, 1e-07, 1e+22, 0.1, 1.0, -0.0, 123456789.123, Infinity]");
  EXPECT_EQ(roundTrip("[9223372036854775807, -9223372036854775808, 18446744073709551615]"),
            "[9223372036854775807, -9223372036854775808, 18446744073709551615]");
  EXPECT_EQ(roundTrip(R"(["\u00e9\ud83d\ude00\n\"\\\/\u0001\u007f", "\ud800x", "\ud800\u0041"])"),
            "[\"é😀\\n\\\"\\\\/\\u0001\x7f\", \"\uFFFDx\", \"\uFFFDA\"]");
  EXPECT_EQ(roundTrip(R"({"a": 1, "b": 2, "a": 3})"), R"({"a": 3, "b": 2})");
}

TEST(TemplateJson, IndentAndOptions) {
  JsonWriteOptions options;
  options.indent = "  ";
  EXPECT_EQ(roundTrip(R"({"b": [1, {}], "a": []})", options),
            "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": []\n}");
  options = {};
  options.sortKeys = true;
  options.ensureAscii = true;
  options.itemSeparator = ",";
  options.keySeparator = ":";
  EXPECT_EQ(roundTrip(R"({"b": "é", "a": "😀"})", options), R"({"a":"\ud83d\ude00","b":"\u00e9"})");
}

TEST(TemplateJson, RefusesWhatIsNotJson) {
  for (const char *text : {"",
                           " ",
                           "{",
                           "[",
                           "[1,]",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{'a':1}",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "1e",
                           "--1",
                           "nul",
                           "tru",
                           "\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\uzzzz\"",
                           "\"a\nb\"",
                           "[1 2]",
                           "1 2",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "[1]]",
                           "{\"a\" 1}",
                           "{\"a\"}",
                           "\xef\xbb\xbf[]"})
    EXPECT_FALSE(parseJson(text).ok()) << text;
}

TEST(TemplateJson, BoundsAreKept) {
  EXPECT_FALSE(parseJson(std::string(1000000, '[')).ok());
  std::string nested = std::string(100, '[') + std::string(100, ']');
  EXPECT_TRUE(parseJson(nested).ok());
  EXPECT_FALSE(parseJson("[" + nested + "]").ok());
  JsonParseOptions options;
  options.maxValues = 3;
  EXPECT_TRUE(parseJson("[1, 2]", options).ok());
  EXPECT_FALSE(parseJson("[1, 2, 3]", options).ok());
  options.maxBytes = 5;
  EXPECT_EQ(parseJson("[1, 2]", options).status().code(), Code::Resource);
  EXPECT_FALSE(parseJson(std::string(5000, '9')).ok());
  // A hundred thousand keys take no quadratic time.
  std::string keys = "{";
  for (int i = 0; i < 100000; ++i)
    keys += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":" + std::to_string(i);
  auto value = parseJson(keys + "}");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->dictionary().find("k77777")->asInt(), 77777);
}

TEST(TemplateJson, WriterIsBounded) {
  TemplateLimits limits;
  limits.maxValueBytes = 100;
  EXPECT_EQ(writeJson(Value::string(std::string(200, 'x')), {}, limits).status().code(),
            Code::Resource);
  EXPECT_FALSE(writeJson(Value()).ok());
}

TEST(TemplateJson, UntrustedStringsAreMarked) {
  Value value = json(R"({"k": ["v", ""]})", true);
  const auto &[key, list] = value.dictionary().entries()[0];
  EXPECT_TRUE(key.text().untrusted());
  EXPECT_EQ(list.items()[0].text().marks(), (std::vector<TextSpan>{{0, 1}}));
  EXPECT_TRUE(list.items()[1].text().marks().empty());
}

} // namespace
