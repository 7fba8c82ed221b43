// Grammars of requests: what they allow, what is refused, with the place, and that refusing is
// quick.
#include "runtime/serve/grammar/Apart.h"
#include "runtime/serve/grammar/Compiler.h"
#include "runtime/serve/grammar/EbnfCheck.h"
#include "runtime/serve/grammar/NamedSchemas.h"
#include "runtime/serve/grammar/OutputGrammar.h"
#include "runtime/serve/grammar/Regex.h"
#include "runtime/serve/grammar/Schema.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::serve::grammar;

namespace {

constexpr int32_t kEnd = 256;

Compiler *compiler() {
  static std::unique_ptr<Compiler> made = [] {
    Vocabulary bytes;
    for (int i = 0; i < 256; ++i)
      bytes.tokens.emplace_back(1, static_cast<char>(i));
    bytes.tokens.emplace_back(); // the end
    bytes.tokens.emplace_back("\": ");
    bytes.end = {kEnd};
    auto result = makeCompiler(bytes);
    return result.ok() ? std::move(result).value() : nullptr;
  }();
  return made.get();
}

#define NEEDS_LIBRARY()                                                                            \
  if (!compiler())                                                                                 \
  GTEST_SKIP() << "built without xgrammar: tools/install-xgrammar"

enum class Match { No, Prefix, Whole };

Match match(const Grammar &grammar, std::string_view text) {
  auto constraint = std::move(grammar.start()).value();
  std::vector<uint32_t> mask(engine::maskWords(258));
  auto may = [&](int32_t token) {
    EXPECT_TRUE(constraint->fill(mask).ok());
    return (mask[static_cast<size_t>(token) / 32] >> (token % 32) & 1) != 0;
  };
  for (char c : text) {
    auto token = static_cast<int32_t>(static_cast<unsigned char>(c));
    if (!may(token))
      return Match::No;
    EXPECT_TRUE(constraint->accept(token).ok());
    EXPECT_FALSE(constraint->ended());
  }
  if (!may(kEnd))
    return Match::Prefix;
  EXPECT_TRUE(constraint->accept(kEnd).ok());
  EXPECT_TRUE(constraint->ended());
  return Match::Whole;
}

std::shared_ptr<const Grammar> compiled(const std::string &ebnf) {
  Status checked = checkEbnf(ebnf).status();
  EXPECT_TRUE(checked.ok()) << checked.message() << "\n" << ebnf;
  auto grammar = compiler()->compile(ebnf);
  EXPECT_TRUE(grammar.ok()) << grammar.status().message() << "\n" << ebnf;
  return grammar.ok() ? *grammar : nullptr;
}

Result<std::string> schemaText(const std::string &schema) {
  AXIOM_ASSIGN_OR_RETURN(CheckedEbnf ebnf, schemaGrammar(schema));
  return std::move(ebnf.text);
}

struct Case {
  const char *what;
  std::vector<const char *> valid, wrong;
};

TEST(Grammar, Schemas) {
  NEEDS_LIBRARY();
  const Case cases[] = {
      {R"({"type":"integer"})", {"0", "-5", "123"}, {"01", "1.5", "a", "-"}},
      {R"({"type":"integer","minimum":-12,"maximum":105})",
       {"-12", "-9", "-1", "0", "7", "99", "100", "105"},
       {"-13", "106", "110", "200", "-20", "1000"}},
      {R"({"type":"integer","exclusiveMinimum":1.5,"exclusiveMaximum":4})", {"2", "3"}, {"1", "4"}},
      {R"({"type":"number","minimum":-1.5,"maximum":2.25})",
       {"-1.50", "-1", "0", "2", "2.25", "0.07"},
       {"-1.51", "2.26", "3", "-2"}},
      {R"({"type":"string"})", {"\"\xed\x9f\xbf\"", "\"\""}, {"\"\xed\xa0\x80\""}},
      {R"({"type":"string","minLength":2,"maxLength":3})",
       {R"("ab")", R"("a\n")", R"("äöü")", R"("\u00e9x")"},
       {R"("a")", R"("abcd")", "\"a\tb\"", R"("\ud800x")"}},
      {R"({"type":"string","pattern":"^[a-c\"]+\\d{2}$"})",
       {R"("ab12")", R"("\"a99")"},
       {R"("ab1")", R"(""a99")"}},
      {R"({"enum":["a",1,null,{"k":[true]}]})",
       {"\"a\"", "1", "null", R"({"k":[true]})"},
       {"2", "\"b\""}},
      {R"({"enum":["a",1,null],"type":["string","null"]})", {"\"a\"", "null"}, {"1"}},
      {R"({"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2})",
       {"[true]", "[true, false]", "[\n  true,\n  false\n]"},
       {"[]", "[true,true,true]", "[1]"}},
      {R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"null"}],"items":{"type":"string"},"minItems":1})",
       {"[1]", "[1,null]", "[1,null,\"a\",\"b\"]"},
       {"[]", "[null]", "[1,\"a\"]"}},
      {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"},"c":{"type":"boolean"}},"required":["b"]})",
       {R"({"b": null})", R"({"a": 1, "b": null})", R"({"a":1,"b":null,"c":true})",
        R"({"b":null,"c":false})"},
       {"{}", R"({"a":1})", R"({"b":null,"a":1})", R"({"b":null,})", R"({"b":null,"d":1})"}},
      {R"({"type":"object","properties":{"ab":{"type":"integer"}},"additionalProperties":{"type":"null"}})",
       {"{}", R"({"a":null})", R"({"ab":1,"abc":null,"x":null})", R"({"":null})"},
       {R"({"ab":null})", R"({"a":1})", R"({"x":null,"ab":null})"}},
      {R"({"type":"object","patternProperties":{"^x[0-9]$":{"type":"integer"}},"additionalProperties":false})",
       {"{}", R"({"x1":5,"x2":6})"},
       {R"({"y1":5})", R"({"x1":null})"}},
      {R"({"$defs":{"t":{"type":"object","properties":{"v":{"type":"integer"},"n":{"$ref":"#/$defs/t"}},"required":["v"]}},"$ref":"#/$defs/t"})",
       {R"({"v":1})", R"({"v":1,"n":{"v":2,"n":{"v":3}}})"},
       {"{}", R"({"v":1,"n":{}})"}},
      {R"({"anyOf":[{"type":"integer","minimum":5},{"type":"string"}],"maximum":7})",
       {"5", "7", "\"x\""},
       {"4", "8"}},
      {R"({"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"integer"}},"required":["b"]}],"type":"object"})",
       {R"({"a":1,"b":2})"},
       {R"({"a":1})", R"({"b":1})"}},
      {R"({"oneOf":[{"properties":{"k":{"const":"x"}},"required":["k"],"type":"object"},{"properties":{"k":{"const":"y"},"z":{"type":"null"}},"required":["k"],"type":"object"}]})",
       {R"({"k":"x"})", R"({"k":"y","z":null})"},
       {R"({"k":"z"})", R"({"k":"x","z":null})"}},
      {R"({"type":"object"})", {"{}", R"({"a":[1,{"b":"c"}],"d":-1.5e3})"}, {"[]", "1"}},
      {R"(true)", {"1", "\"a\"", "[null]", "{}"}, {"", "nul1"}},
      {R"({"type":"string","format":"date"})",
       {R"("2024-02-28")"},
       {R"("2024-13-01")", R"("24-1-1")"}},
  };
  for (const Case &c : cases) {
    auto text = schemaText(c.what);
    ASSERT_TRUE(text.ok()) << c.what << ": " << text.status().message();
    auto grammar = compiled(*text);
    ASSERT_TRUE(grammar) << c.what;
    for (const char *valid : c.valid)
      EXPECT_EQ(match(*grammar, valid), Match::Whole) << c.what << "\n" << valid;
    for (const char *wrong : c.wrong)
      EXPECT_NE(match(*grammar, wrong), Match::Whole) << c.what << "\n" << wrong;
  }
}

TEST(Grammar, RefusedSchemasNameKeywordAndPlace) {
  const std::pair<const char *, const char *> cases[] = {
      {R"({"properties":{"a":{"not":{}}}})",
       "the keyword \"not\" at #/properties/a is not supported"},
      {R"({"type":"array","items":{"type":"array","uniqueItems":true}})",
       "the keyword \"uniqueItems\" at #/items "},
      {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", "the keyword \"oneOf\" at # "},
      {R"({"type":"number","multipleOf":0.5})", "the keyword \"multipleOf\""},
      {R"({"type":"string","pattern":"(?=a)b"})",
       "the keyword \"pattern\" at # is not supported: the regular expression, at "
       "character 3: look-ahead"},
      {R"({"type":"string","maxLength":4000})", "the keyword \"maxLength\" at #"},
      {R"({"$ref":"other.json"})", "the keyword \"$ref\" at #"},
      {R"({"$ref":"#/$defs/x"})", "there is no such part"},
      {R"({"$ref":"#"})", "refers to itself"},
      {R"({"type":"integer","minimum":3,"maximum":2})", "no value can satisfy"},
      {R"({"type":"object","properties":{"a":false},"required":["a"]})",
       "no value can satisfy the schema at #/properties/a"},
      {R"({"type":"thing"})", "it must be null, boolean"},
      {R"([])", "it must be an object"},
      {R"({"a":)", "no JSON"},
  };
  for (auto [schema, message] : cases) {
    auto text = schemaText(schema);
    ASSERT_FALSE(text.ok()) << schema;
    EXPECT_NE(text.status().message().find(message), std::string::npos) << schema << "\n"
                                                                        << text.status().message();
  }
}

TEST(Grammar, HostileSchemasAreRefused) {
  std::string deep(100000, '['), nested, wide = R"({"anyOf":[)", doubling = R"({"$defs":{)";
  for (int i = 0; i < 100000; ++i)
    nested += R"({"items":)";
  for (int i = 0; i < 12000; ++i)
    wide += R"({"type":"object","properties":{"p)" + std::to_string(i) + R"(":{"minimum":)" +
            std::to_string(i) + "}}},";
  wide += "{}]}";
  for (int i = 0; i < 40; ++i) { // 2^40 alternatives
    std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"}";
    doubling += "\"d" + std::to_string(i) + R"(":{"anyOf":[{"required":["x)" + std::to_string(i) +
                R"("],"allOf":[)" + next + R"(]},{"required":["y)" + std::to_string(i) +
                R"("],"allOf":[)" + next + "]}]},";
  }
  doubling += R"("d40":{}},"$ref":"#/$defs/d0"})";
  for (const std::string &schema : {deep, nested, wide, doubling})
    EXPECT_FALSE(schemaText(schema).ok()) << schema.substr(0, 100);
}

TEST(Grammar, RegularExpressions) {
  NEEDS_LIBRARY();
  const Case cases[] = {
      {"a|bc*", {"a", "b", "bccc"}, {"", "ab", "c"}},
      {"^(ab){2,3}$", {"abab", "ababab"}, {"ab", "abababab"}},
      {R"([^\d\s]+\.x)", {"q.x", "ab.x"}, {"1.x", "a b.x"}},
      {R"((?:a*)*b)", {"b", "aab"}, {"a"}},
      {"[^x]+",
       {"\xed\x80\x80", "\xed\x9f\xbb", "\xee\x80\x80", "\xf0\x9f\x98\x80"},
       {"x", "\xed"}},
      {R"([\uac00-\ud7a3])", {"\xed\x80\x80", "\xea\xb0\x80"}, {"a"}},
      {R"([\u0100-\ud7ff])", {"\xed\x80\x80", "\xea\xb0\x80"}, {"a"}},
      {R"(\u00e9.)", {"éa", "éé"}, {"ea", "é\n"}},
      {"((a|aa)+)+", {"a", "aaaa"}, {"", "b"}},
  };
  for (const Case &c : cases) {
    auto regex = Regex::parse(c.what);
    ASSERT_TRUE(regex.ok()) << c.what << ": " << regex.status().message();
    auto grammar = compiled("root ::= " + regex->ebnf(false) + "\n");
    ASSERT_TRUE(grammar) << c.what;
    for (const char *valid : c.valid)
      EXPECT_EQ(match(*grammar, valid), Match::Whole) << c.what << "\n" << valid;
    for (const char *wrong : c.wrong)
      EXPECT_NE(match(*grammar, wrong), Match::Whole) << c.what << "\n" << wrong;
  }
  for (const char *wrong : {"(", ")", "[", "a**", "*", "(?=a)", "(?<!a)", "\\1", "\\b", "\\p{L}",
                            "a{3,2}", "a{5000}", "b^a", "a$b", "\\", "[b-a]", "((a{1000}){1000})"})
    EXPECT_FALSE(Regex::parse(wrong).ok()) << wrong;
  EXPECT_FALSE(Regex::parse(std::string(100000, '(')).ok());
}

TEST(Grammar, CheckedGrammars) {
  EXPECT_TRUE(checkEbnf("root ::= a* \"b\" | [a-z]{2,3} # why\na ::= (\"x\" | root)?\n").ok());
  const std::pair<std::string, const char *> cases[] = {
      {"root ::= root", "never ends"},
      {"root ::= \"a\" b\nb ::= \"c\" b", "never ends"},
      {"root ::= x", "does not define"},
      {"a ::= \"b\"", "no rule \"root\""},
      {"root ::= \"a\"\nroot ::= \"b\"", "defined twice"},
      {"root ::= \"a", "no second one"},
      {"root ::= [a", "no ']'"},
      {"root ::= (\"a\"", "no ')'"},
      {"root ::= \"a\" (= \"b\")", "look-ahead"},
      {"root ::= Token(5)", "is not possible"},
      {"root ::= TagDispatch((\"a\", root))", "is not possible"},
      {"root ::= \"a\"{99999}", "more than 4096"},
      {"root ::= ((\"a\"{1000}){1000}){1000}", "with its repetitions written out"},
      {"root ::= [a-z]{1000}", "with its repetitions written out"},
      {"root ::= " + std::string(100000, '('), "more than 64 deep"},
      {std::string(300000, ' '), "bytes"},
      {"root ::= \"\xff\"", "UTF-8"},
  };
  for (const auto &[text, message] : cases) {
    Status status = checkEbnf(text).status();
    ASSERT_FALSE(status.ok()) << text.substr(0, 100);
    EXPECT_NE(status.message().find(message), std::string::npos) << text.substr(0, 100) << "\n"
                                                                 << status.message();
  }
}

TEST(Grammar, WhatTakesTooLongOrTooMuchIsStopped) {
  NEEDS_LIBRARY();
  auto good = compileApart(*compiler(), {"root ::= \"a\" [b-d]*\n"}, 258);
  ASSERT_TRUE(good.ok()) << good.status().message();
  EXPECT_EQ(match(**good, "abd"), Match::Whole);
  EXPECT_EQ(compileApart(*compiler(), {"root ::= ["}, 258).status().code(), Code::InvalidArgument);
  std::string doubling = "root ::= r0\n";
  for (int i = 0; i < 1500; ++i) {
    std::string next = "r" + std::to_string(i + 1);
    doubling += "r" + std::to_string(i) + " ::= " + next + " | " + next + " " + next + " | \"x\"\n";
  }
  doubling += "r1500 ::= \"z\"\n";
  ASSERT_TRUE(checkEbnf(doubling).ok());
  EXPECT_EQ(compileApart(*compiler(), {doubling}, 258).status().code(), Code::Resource);
  // Wide classes get more time, up to what is refused without a try.
  EXPECT_EQ(checkEbnf("root ::= ([a-z] | [x] | \"abc\"){3,5} r\nr ::= [^a]?")->wide, 6u);
  Status many = compileApart(*compiler(), {"root ::= \"a\"\n", 400}, 150000).status();
  EXPECT_NE(many.message().find("at most 125 are possible"), std::string::npos) << many.message();
}

TEST(Grammar, SerializedGrammarsAreTheSame) {
  NEEDS_LIBRARY();
  auto text =
      schemaText(R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"]})");
  auto grammar = compiled(*text);
  auto read = compiler()->read(grammar->serialized());
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(match(**read, R"({"a": "x"})"), Match::Whole);
  EXPECT_EQ(match(**read, R"({"b")"), Match::No);
  for (const char *wrong : {"", "{", "{}", "[]", "null"})
    EXPECT_FALSE(compiler()->read(wrong).ok()) << wrong;
}

TEST(Grammar, StrictCallsInFreeText) {
  NEEDS_LIBRARY();
  serve::openai::Request request;
  request.parallelToolCalls = true;
  serve::openai::Tool strict, loose;
  strict.function.name = "add";
  strict.function.strict = true;
  strict.function.parameters.text =
      R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]})";
  loose.function.name = "say";
  loose.function.parameters.text = strict.function.parameters.text;
  request.tools = {strict, loose};
  auto expect = [&](serve::openai::ToolFormat format, const Case &c) {
    auto text = grammarText(request, format);
    ASSERT_TRUE(text.ok()) << text.status().message();
    auto grammar = compiler()->compile(text->text);
    ASSERT_TRUE(grammar.ok()) << grammar.status().message() << "\n" << text->text;
    for (const char *valid : c.valid)
      EXPECT_EQ(match(**grammar, valid), Match::Whole) << text->text << "\n" << valid;
    for (const char *wrong : c.wrong)
      EXPECT_NE(match(**grammar, wrong), Match::Whole) << text->text << "\n" << wrong;
  };
  const char *two = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>\n"
                    "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 2}}\n</tool_call>";
  Case hermes{
      "",
      {"", "any text { \"é\" <tool",
       "so: <tool_call>\n{\"name\": \"add\", \"arguments\": "
       "{\"a\": 1}}\n</tool_call> done",
       two, "<tool_call>\n{\"name\": \"say\", \"arguments\": {\"x\": [null]}}\n</tool_call>"},
      {"<tool_call>",
       "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": \"1\"}}\n"
       "</tool_call>",
       "<tool_call>\n{\"name\": \"other\", \"arguments\": {}}\n</tool_call>", "x<tool_call> y"}};
  expect(serve::openai::ToolFormat::Hermes, hermes);
  expect(
      serve::openai::ToolFormat::Llama3,
      {"",
       {"", " \n", "text {\"name\": 1}", "{\"name\": \"add\", \"parameters\": {\"a\": 1}}",
        "{\"name\": \"add\", \"parameters\": {\"a\": 1}}; {\"name\": \"say\", \"parameters\": {}}"},
       {"{", " {\"x\": 1}", "{\"name\": \"add\", \"parameters\": {\"a\": null}}"}});
  std::string several = grammarKey(request, serve::openai::ToolFormat::Hermes);
  request.parallelToolCalls = false;
  EXPECT_NE(grammarKey(request, serve::openai::ToolFormat::Hermes), several);
  expect(serve::openai::ToolFormat::Hermes, {"", {""}, {two}});
  EXPECT_EQ(grammarText(request, serve::openai::ToolFormat::Mistral).status().code(),
            Code::Unsupported);
  EXPECT_EQ(grammarKey(request, serve::openai::ToolFormat::None), ""); // no call is ever read
  request.tools = {loose};
  EXPECT_EQ(grammarKey(request, serve::openai::ToolFormat::Hermes), "");
}

TEST(NamedSchemas, AreReadAsWritten) {
  NamedSchemas all{"lib 1",
                   {{"a-1", "{}", "x"}, {"B_2", R"({"type":"null"})", std::string(3, '\0')}}};
  auto read = readNamedSchemas(writeNamedSchemas(all));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->library, all.library);
  ASSERT_EQ(read->schemas.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read->schemas[i].name, all.schemas[i].name);
    EXPECT_EQ(read->schemas[i].text, all.schemas[i].text);
    EXPECT_EQ(read->schemas[i].compiled, all.schemas[i].compiled);
  }
}

TEST(NamedSchemas, WrongNamesAndDamagedSegmentsAreRefused) {
  for (const char *name : {"", "a b", "ä", "../x"})
    EXPECT_FALSE(readNamedSchemas(writeNamedSchemas({"l", {{name, "{}", "x"}}})).ok()) << name;
  EXPECT_FALSE(
      readNamedSchemas(writeNamedSchemas({"l", {{std::string(65, 'a'), "{}", "x"}}})).ok());
  EXPECT_FALSE(readNamedSchemas(writeNamedSchemas({"l", {{"a", "1", "x"}, {"a", "2", "y"}}})).ok());
  const std::vector<uint8_t> whole =
      writeNamedSchemas({"lib", {{"a", "{}", "xyz"}, {"b", "1", ""}}});
  ASSERT_TRUE(readNamedSchemas(whole).ok());
  size_t refused = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    refused += !readNamedSchemas(cut).ok();
  }
  EXPECT_GE(refused, whole.size() - 8); // behind the last value lies padding
  for (size_t at = 0; at < whole.size(); ++at)
    for (uint8_t value : {0x00, 0x7f, 0x80, 0xff}) {
      std::vector<uint8_t> other = whole;
      other[at] = value;
      (void)readNamedSchemas(other); // refused or read: under the sanitizers, without a fault
    }
}

TEST(NamedSchemas, GrammarsOfThisLibraryAreReadOthersCompiled) {
  NEEDS_LIBRARY();
  const char *schema = R"({"type":"object","properties":{"a":{"type":"null"}},"required":["a"]})";
  std::string good = compiled(*schemaText(schema))->serialized();
  struct Row {
    const char *text;
    std::string compiled, library;
    bool ok;
  } rows[] = {{schema, good, libraryName(), true},
              {"no schema", good, libraryName(), true}, // not looked at
              {schema, "damaged", "another 0.1", true}, // not looked at
              {schema, "damaged", libraryName(), false},
              {schema, good.substr(0, good.size() / 2), libraryName(), false},
              {"no schema", good, "another 0.1", false}};
  for (const Row &row : rows) {
    auto grammar = openNamedSchema(*compiler(), {"s", row.text, row.compiled}, row.library, 258);
    ASSERT_EQ(grammar.ok(), row.ok) << row.text << " " << row.compiled.substr(0, 9);
    if (grammar.ok())
      EXPECT_EQ(match(**grammar, R"({"a": null})"), Match::Whole);
    else
      EXPECT_NE(grammar.status().message().find("schema \"s\""), std::string::npos);
  }
}

} // namespace
