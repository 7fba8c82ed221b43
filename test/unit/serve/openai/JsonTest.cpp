// Reading: what is refused, and that hostile texts cost little. Writing: what goes out reads back.
#include "runtime/serve/openai/Json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

using namespace axiom;
using namespace axiom::serve::openai;

namespace {

void expectRefused(std::string_view text, const std::string &names,
                   Code code = Code::InvalidArgument, const JsonLimits &limits = {}) {
  Result<Json> read = readJson(text, limits);
  ASSERT_FALSE(read.ok()) << text.substr(0, 80);
  EXPECT_EQ(read.status().code(), code) << read.status().message();
  EXPECT_NE(read.status().message().find(names), std::string::npos) << read.status().message();
  EXPECT_LT(read.status().message().size(), 300u);
}

std::string repeat(std::string_view part, size_t times) {
  std::string out;
  out.reserve(part.size() * times);
  for (size_t i = 0; i < times; ++i)
    out += part;
  return out;
}

TEST(Json, KeepsOrderAndValues) {
  std::string text = R"({"z":1,"a":[true,null,-2,1.5,"é😀\u0000"],"m":{"k":18446744073709551615}})";
  Result<Json> read = readJson(text);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(writeJson(*read), text);
}

TEST(Json, RefusesWhatIsNotJson) {
  expectRefused("", "ends too early");
  expectRefused("{", "ends too early");
  expectRefused("{\"a\":1", "ends too early");
  expectRefused("{\"a\":1}x", "byte 7");
  expectRefused("{} {}", "byte 3");
  expectRefused("{\"a\":NaN}", "byte 5");
  expectRefused("{\"a\":Infinity}", "syntax error");
  expectRefused("{\"a\":-Infinity}", "syntax error");
  expectRefused("[01]", "syntax error");
  expectRefused("[+1]", "syntax error");
  expectRefused("[1,]", "syntax error");
  expectRefused("{'a':1}", "syntax error");
  expectRefused("[1] // note", "syntax error");
  expectRefused("[1e999]", "too large");
  expectRefused("[\"\xFF\"]", "not UTF-8");
  expectRefused("[\"\xC0\x80\"]", "not UTF-8");
  expectRefused("[\"\xED\xA0\x80\"]", "not UTF-8");
  expectRefused("[\"\\ud800\"]", "surrogate");
  expectRefused("[\"\\udc00x\"]", "surrogate");
  expectRefused("[\"a\nb\"]", "must be escaped");
  expectRefused("\n\n[1 2]", "line 3");
  expectRefused(std::string_view("{}\0{}", 5), "byte 2: a zero byte");
  expectRefused(std::string_view("[\"\0\"]", 5), "zero byte");
}

TEST(Json, RefusesAKeyThatComesTwice) {
  expectRefused(R"({"a":1,"b":2,"a":1})", "the key \"a\" twice");
  expectRefused(R"([{"x":{"\u0061":1,"a":2}}])", "the key \"a\" twice");
  EXPECT_TRUE(readJson(R"([{"a":1},{"a":1}])").ok());
}

TEST(Json, BoundsDepth) {
  JsonLimits limits;
  limits.depth = 3;
  EXPECT_TRUE(readJson("[[[1]]]", limits).ok());
  EXPECT_TRUE(readJson(R"({"a":[{"b":1}]})", limits).ok());
  expectRefused("[[[[1]]]]", "more than 3 levels", Code::Resource, limits);
  expectRefused(R"({"a":{"b":{"c":{}}}})", "more than 3 levels", Code::Resource, limits);
}

TEST(Json, BoundsBytesValuesKeysStrings) {
  JsonLimits limits;
  limits.bytes = 40;
  limits.values = 5;
  limits.keys = 3;
  limits.stringBytes = 4;
  EXPECT_TRUE(readJson("[1,2,3,4]", limits).ok());
  expectRefused("[1,2,3,4,5]", "more than 5 values", Code::Resource, limits);
  expectRefused("[[],[],[],[],[]]", "more than 5 values", Code::Resource, limits);
  EXPECT_TRUE(readJson(R"({"a":1,"b":2,"c":3})", limits).ok());
  expectRefused(R"({"a":1,"b":2,"c":{"d":3}})", "more than 3 keys", Code::Resource, limits);
  EXPECT_TRUE(readJson(R"(["abcd"])", limits).ok());
  expectRefused(R"(["abcde"])", "5 bytes, at most 4", Code::Resource, limits);
  expectRefused(R"({"abcde":1})", "5 bytes, at most 4", Code::Resource, limits);
  expectRefused(std::string(41, ' '), "41 bytes, at most 40", Code::Resource, limits);
}

/// Each of these is refused or read at once; a cost that is not linear would take hours, beyond the
/// limit of a test.
TEST(Json, HostileTextsCostLittle) {
  for (const char *bracket : {"[", "{\"a\":", "[{\"a\":"})
    expectRefused(repeat(bracket, 100'000), "levels of nesting", Code::Resource);
  JsonLimits large;
  large.bytes = 64u << 20;
  expectRefused(std::string(50u << 20, '['), "levels of nesting", Code::Resource, large);
  expectRefused(std::string(50u << 20, '{'), "byte 1", Code::InvalidArgument, large);
  expectRefused(std::string(50u << 20, ']'), "byte 0", Code::InvalidArgument, large);
  expectRefused(std::string(50u << 20, ' '), "ends too early", Code::InvalidArgument, large);
  expectRefused("[" + repeat("[],", 10'000'000), "more than 2000000 values", Code::Resource, large);
  expectRefused("[" + std::string(20u << 20, '9') + "]", "too large");
  std::string keys = "{";
  for (int i = 0; i < 300'000; ++i)
    keys += "\"" + std::to_string(i) + "\":0,";
  expectRefused(keys + "\"x\":0}", "more than 200000 keys", Code::Resource);
  std::string many = "{";
  for (int i = 0; i < 199'999; ++i)
    many += "\"" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(readJson(many + "\"x\":0}").ok());
  expectRefused("[\"" + std::string(17u << 20, 'a') + "\"]", "bytes, at most", Code::Resource);
  expectRefused("\"" + std::string(15u << 20, 'a'), "ends too early");
}

TEST(Json, EscapesStrings) {
  std::string all;
  for (int c = 0; c < 128; ++c)
    all += static_cast<char>(c);
  std::string out;
  appendJsonString(out, all + "é😀");
  for (char c : out)
    EXPECT_TRUE(static_cast<uint8_t>(c) >= 0x20 && c != 0x7F);
  EXPECT_EQ(Json::parse(out).get<std::string>(), all + "é😀");
  std::string bad;
  appendJsonString(bad, "a\xFF\xE2\x82z\xF0\x9F");
  EXPECT_EQ(bad, "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\"");
  std::string lines;
  appendJsonString(lines, "\u0085\u009f\u00a0\u2027\u2028\u2029\u202a");
  EXPECT_EQ(lines, "\"\\u0085\\u009f\u00a0\u2027\\u2028\\u2029\u202a\"");
  std::string names;
  appendJsonString(names, "\b\f\n\r\t\"\\\x01");
  EXPECT_EQ(names, R"("\b\f\n\r\t\"\\\u0001")");
}

TEST(Json, NumbersAreShortestAndReadBack) {
  auto text = [](auto value) {
    std::string out;
    JsonWriter(out).number(value);
    return out;
  };
  EXPECT_EQ(text(0.1f), "0.1");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(1.0f), "1.0");
  EXPECT_EQ(text(-0.0f), "-0.0");
  EXPECT_EQ(text(NAN), "null");
  EXPECT_EQ(text(-INFINITY), "null");
  std::mt19937_64 random(7);
  for (int i = 0; i < 100'000; ++i) {
    float f = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isfinite(f)) {
      EXPECT_EQ(std::bit_cast<uint32_t>(Json::parse(text(f)).get<float>()),
                std::bit_cast<uint32_t>(f));
    }
    double d = std::bit_cast<double>(random());
    if (std::isfinite(d)) {
      EXPECT_EQ(std::bit_cast<uint64_t>(Json::parse(text(d)).get<double>()),
                std::bit_cast<uint64_t>(d));
    }
  }
}

TEST(Json, WriterSeparates) {
  std::string out;
  JsonWriter writer(out);
  writer.beginObject().key("a").integer(-1).key("b").beginArray().natural(2).string("x");
  writer.beginObject().endObject().boolean(true).null().beginArray().endArray().endArray();
  writer.key("c").raw("{}").endObject();
  EXPECT_EQ(out, R"({"a":-1,"b":[2,"x",{},true,null,[]],"c":{}})");
}

TEST(Json, ShortensBetweenCharacters) {
  EXPECT_EQ(shorten("abc", 3), "abc");
  EXPECT_EQ(shorten("abcd", 3), "abc...");
  EXPECT_EQ(shorten("aé", 2), "a...");
  EXPECT_EQ(shorten("a\xFF", 5), "a\xEF\xBF\xBD");
  EXPECT_EQ(shorten(std::string(99, '\x80'), 9).size(), 5 * 3 + 3u);
  EXPECT_EQ(showJson(Json::parse("[1,2]")), "a list of 2");
  EXPECT_EQ(showJson(Json::parse("{}")), "an object of 0 keys");
  EXPECT_EQ(showJson(Json::parse("\"a\\nb\"")), "\"a\\nb\"");
  EXPECT_EQ(showJson(Json::parse("1.5")), "1.5");
}

} // namespace
