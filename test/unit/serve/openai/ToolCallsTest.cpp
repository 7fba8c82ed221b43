// Calls in a model's text: each written form, what stays text, and that pieces change nothing.
#include "runtime/serve/openai/ToolCalls.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

using namespace axiom::serve::openai;

namespace {

/// Events as one text: calls as {name|arguments|id}, neighbouring texts joined.
std::string show(const std::vector<ToolEvent> &events) {
  std::string out;
  for (const ToolEvent &event : events)
    if (event.call)
      out += "{" + event.call->name + "|" + event.call->arguments +
             (event.call->id.empty() ? "" : "|" + event.call->id) + "}";
    else
      out += event.text;
  return out;
}

template <typename Pieces>
std::string run(ToolFormat format, const Pieces &pieces, const std::vector<std::string> &names = {},
                size_t maxHeld = ToolCallParser::kMaxHeld) {
  ToolCallParser parser(format, names, maxHeld);
  std::string out;
  for (std::string_view piece : pieces)
    out += show(parser.feed(piece));
  return out + show(parser.finish());
}

struct Case {
  ToolFormat format;
  std::string text, expected;
};

const auto H = ToolFormat::Hermes, L = ToolFormat::Llama3, M = ToolFormat::Mistral,
           J = ToolFormat::Json;

const std::vector<Case> &cases() {
  static const std::vector<Case> all = {
      {ToolFormat::None, "<tool_call>{\"name\":\"f\"}", "<tool_call>{\"name\":\"f\"}"},
      {H, "", ""},
      {H, "plain < text <tool", "plain < text <tool"},
      {H, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1.50}}\n</tool_call>",
       "{f|{\"a\": 1.50}}"},
      {H,
       "Sure.\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n"
       "<tool_call>{\"arguments\":{\"x\":[1,{}]},\"name\":\"g\"}</tool_call>\n",
       "Sure.\n{f|{}}{g|{\"x\":[1,{}]}}"},
      {H, "<tool_call>{\"name\":\"f\",\"arguments\":{\"s\":\"</tool_call>}\\\"\"}}</tool_call> bye",
       "{f|{\"s\":\"</tool_call>}\\\"\"}} bye"},
      {H, "<tool_call>{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}</tool_call>",
       "{f|{\"a\":1}}"},
      {H, "<tool_call>{\"name\":\"f\"}</tool_call>", "{f|{}}"},
      {H, "<tool_call>{\"name\":\"f\",\"arguments\":null}</tool_call>", "{f|{}}"},
      // No closing tag, or a part of it, or another call at once.
      {H, "<tool_call>{\"name\":\"f\",\"arguments\":{}}", "{f|{}}"},
      {H, "<tool_call>{\"name\":\"f\",\"arguments\":{}}\n</tool", "{f|{}}"},
      {H, "<tool_call>{\"name\":\"f\"}<tool_call>{\"name\":\"g\"}</tool_call>", "{f|{}}{g|{}}"},
      {H, "<tool_call>{\"name\":\"f\"}</tool_call><tool_call", "{f|{}}<tool_call"},
      {H, "<tool_call>{\"name\":\"f\"}</toolx", "{f|{}}</toolx"},
      {H, "<tool_call>{\"name\":\"f\"}</tool_call></tool_call>", "{f|{}}</tool_call>"},
      // Not calls.
      {H, "<tool_call>f(1)</tool_call>", "<tool_call>f(1)</tool_call>"},
      {H, "<tool_call><tool_call>{\"name\":\"f\"}</tool_call>", "<tool_call>{f|{}}"},
      {H, "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":}}</tool_call>",
       "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":}}</tool_call>"},
      {H, "<tool_call>{\"name\":\"f\",\"arguments\":[1]}</tool_call>",
       "<tool_call>{\"name\":\"f\",\"arguments\":[1]}</tool_call>"},
      {H, "<tool_call>{\"name\":\"f\",\"arguments\":\"x\"}</tool_call>",
       "<tool_call>{\"name\":\"f\",\"arguments\":\"x\"}</tool_call>"},
      {H, "<tool_call>{\"name\":\"f\",\"name\":\"g\"}</tool_call>",
       "<tool_call>{\"name\":\"f\",\"name\":\"g\"}</tool_call>"},
      {H, "<tool_call>{\"name\":\"f\",\"arguments\":{},\"parameters\":{}}</tool_call>",
       "<tool_call>{\"name\":\"f\",\"arguments\":{},\"parameters\":{}}</tool_call>"},
      {H, "<tool_call>{\"name\":\"\",\"arguments\":{}}",
       "<tool_call>{\"name\":\"\",\"arguments\":{}}"},
      {H, "<tool_call>{\"name\":\"f\",\"argu", "<tool_call>{\"name\":\"f\",\"argu"},
      {H, "<<tool_call>{\"name\":\"f\"}</tool_call>>", "<{f|{}}>"},
      {H, "<tool_<tool_call>{\"name\":\"é😀\"}</tool_call>", "<tool_{é😀|{}}"},
      {H, "<tool_call>{\"name\":\"\\u0066\"}</tool_call>", "{f|{}}"},
      {L, "{\"name\": \"f\", \"parameters\": {\"a\": 1}}", "{f|{\"a\": 1}}"},
      {L, "\n {\"type\":\"function\",\"name\":\"f\",\"parameters\":{}} \n", "{f|{}}"},
      {L, "{\"name\":\"f\",\"parameters\":{}}; {\"name\":\"g\",\"parameters\":{\"b\":2}}",
       "{f|{}}{g|{\"b\":2}}"},
      {L, "{\"name\":\"f\",\"parameters\":{}};; x", "{f|{}};; x"},
      {L, "{\"name\":\"f\",\"parameters\":{}} and more", "{f|{}} and more"},
      {L, "<|python_tag|>{\"name\":\"f\",\"parameters\":{}}", "{f|{}}"},
      {L, "I call <|python_tag|>{\"name\":\"f\"}", "I call {f|{}}"},
      {L, "<|python_tag|>print(1)", "<|python_tag|>print(1)"},
      {L, "{\"answer\": 42, \"name\": \"f\", \"parameters\": {}}",
       "{\"answer\": 42, \"name\": \"f\", \"parameters\": {}}"},
      {L, "{\"name\": \"Ann\", \"age\": 3}", "{\"name\": \"Ann\", \"age\": 3}"},
      {L, "{x} is a set", "{x} is a set"},
      {L, "text {\"name\":\"f\",\"parameters\":{}}", "text {\"name\":\"f\",\"parameters\":{}}"},
      {L, "  ", "  "},
      {L, "{", "{"},
      {M,
       "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": 1}}, {\"name\": \"g\", "
       "\"arguments\": {}, \"id\": \"abc123XYZ\"}]",
       "{f|{\"a\": 1}}{g|{}|abc123XYZ}"},
      {M, "Hm. [TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}}] ok", "Hm. {f|{}} ok"},
      {M, "[TOOL_CALLS]get_it{\"a\": [1]}[TOOL_CALLS]g[ARGS]{}", "{get_it|{\"a\": [1]}}{g|{}}"},
      {M, "[TOOL_CALLS]get it{}", "[TOOL_CALLS]get it{}"},
      {M, "[TOOL_CALLS]g[ARG]{}", "[TOOL_CALLS]g[ARG]{}"},
      {M, "[TOOL_CALLS]g{\"a\":}", "[TOOL_CALLS]g{\"a\":}"},
      {M, "[TOOL_CALLS][]", "[TOOL_CALLS][]"},
      {M, "[TOOL_CALLS][1,2]", "[TOOL_CALLS][1,2]"},
      {M, "[TOOL_CALLS][{\"name\":\"f\"},{\"nam\":1}]",
       "[TOOL_CALLS][{\"name\":\"f\"},{\"nam\":1}]"},
      {M, "a [list] of [TOOL", "a [list] of [TOOL"},
      {J, "[{\"name\":\"f\",\"parameters\":{\"a\":\"[\"}},{\"name\":\"g\",\"arguments\":{}}]",
       "{f|{\"a\":\"[\"}}{g|{}}"},
      {J, "{\"name\":\"f\",\"arguments\":{}}", "{f|{}}"},
      {J, "[1, 2]", "[1, 2]"},
      {J, "none", "none"},
  };
  return all;
}

TEST(ToolCalls, WholeTexts) {
  for (const Case &c : cases())
    EXPECT_EQ(run(c.format, std::vector<std::string_view>{c.text}), c.expected)
        << toolFormatName(c.format) << ": " << c.text;
}

TEST(ToolCalls, EverySplitGivesTheSame) {
  for (const Case &c : cases()) {
    std::string_view text = c.text;
    for (size_t cut = 0; cut <= text.size(); ++cut)
      for (size_t second = cut; second <= text.size(); second += text.size() / 7 + 1)
        ASSERT_EQ(run(c.format, std::vector<std::string_view>{text.substr(0, cut),
                                                              text.substr(cut, second - cut),
                                                              text.substr(second)}),
                  c.expected)
            << c.text << " cut at " << cut << " and " << second;
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < text.size(); ++i)
      bytes.push_back(text.substr(i, 1));
    ASSERT_EQ(run(c.format, bytes), c.expected) << c.text;
  }
}

TEST(ToolCalls, RandomTextsLoseNothing) {
  const std::string parts[] = {"<tool_call>",
                               "</tool_call>",
                               "[TOOL_CALLS]",
                               "<|python_tag|>",
                               "[ARGS]",
                               "{\"name\":\"f\",\"arguments\":{}}",
                               "{\"name\":\"g\",",
                               "\"parameters\":{}}",
                               "{",
                               "}",
                               "[",
                               "]",
                               "\"",
                               "\\",
                               " ",
                               "\n",
                               ";",
                               ",",
                               "f",
                               "<",
                               "é"};
  std::mt19937 random(11);
  size_t withCalls = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n)
      text += parts[random() % std::size(parts)];
    for (ToolFormat format : {H, L, M, J}) {
      std::string whole = run(format, std::vector<std::string_view>{text});
      ToolCallParser parser(format);
      std::string pieces;
      for (size_t at = 0; at < text.size();) {
        size_t size = 1 + random() % 9;
        pieces += show(parser.feed(std::string_view(text).substr(at, size)));
        at += size;
        if (parser.calls() == 0) {
          ASSERT_EQ(pieces.size() + parser.held(), std::min(at, text.size())) << text;
        }
      }
      pieces += show(parser.finish());
      ASSERT_EQ(pieces, whole) << text;
      if (parser.calls() == 0)
        ASSERT_EQ(whole, text);
      else
        ++withCalls;
    }
  }
  EXPECT_GT(withCalls, 1000u);
}

TEST(ToolCalls, OnlyWhatMayBeACallIsHeld) {
  ToolCallParser hermes(H);
  EXPECT_EQ(show(hermes.feed("Hello, <b>x</b> {\"a\":1} [")), "Hello, <b>x</b> {\"a\":1} [");
  EXPECT_EQ(show(hermes.feed("a<tool")), "a");
  EXPECT_EQ(hermes.held(), 5u);
  EXPECT_EQ(show(hermes.feed("bar")), "<toolbar");
  EXPECT_EQ(show(hermes.feed("<tool_call>{\"name\":\"f\",\"arguments\":{")), "");
  EXPECT_EQ(show(hermes.feed("}}")), "{f|{}}") << "before its closing tag";
  ToolCallParser llama(L);
  EXPECT_EQ(show(llama.feed("{\"answer\"")), "{\"answer\"") << "the first key is none of a call's";
  EXPECT_EQ(show(llama.feed(":1")), ":1");
}

TEST(ToolCalls, NamesOfTheRequestOnly) {
  std::vector<std::string_view> text{"<tool_call>{\"name\":\"h\"}</tool_call>"};
  EXPECT_EQ(run(H, text, {"f", "g"}), text[0]);
  EXPECT_EQ(run(H, text, {"f", "h"}), "{h|{}}");
}

TEST(ToolCalls, WhatIsHeldIsBounded) {
  std::string text = "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"" + std::string(500, 'x');
  ToolCallParser parser(H, {}, 64);
  std::string out;
  for (char c : text) {
    out += show(parser.feed(std::string_view(&c, 1)));
    ASSERT_LE(parser.held(), 64u);
  }
  EXPECT_EQ(out + show(parser.finish()), text);
}

TEST(ToolCalls, LongHostileTextsCostLittle) {
  std::clock_t start = std::clock(); // of this process: other load does not count
  auto repeat = [](std::string_view part) {
    std::string out;
    while (out.size() < (4u << 20))
      out += part;
    return out;
  };
  for (std::string_view part :
       {"<tool_call>", "<tool_call>{", "{\"name\":", "[TOOL_CALLS][{", "[", "{", "{\"", "<",
        "<tool_call>{\"a\":[[[[", " ", "\\\"", "<tool_call>{\"name\":\"f\"}</tool_call>"}) {
    std::string text = repeat(part);
    for (ToolFormat format : {H, L, M, J}) {
      std::string out = run(format, std::vector<std::string_view>{text});
      if (out.find("{f|{}}") == out.npos) {
        EXPECT_EQ(out, text) << part;
      }
    }
  }
  double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_LT(seconds, 60.0);
}

TEST(ToolCalls, WholeAnswer) {
  ToolAnswer answer =
      parseToolCalls(H, "\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n", {"f"});
  EXPECT_EQ(answer.text, "");
  ASSERT_EQ(answer.calls.size(), 1u);
  EXPECT_EQ(answer.calls[0].name, "f");
  EXPECT_EQ(parseToolCalls(H, " \n").text, " \n");
  EXPECT_EQ(parseToolCalls(H, "a<tool_call>{\"name\":\"f\"}").text, "a");
}

TEST(ToolCalls, FormsByNameAndTemplate) {
  for (const char *name : {"none", "hermes", "llama3", "mistral", "json"})
    EXPECT_STREQ(toolFormatName(*toolFormatByName(name)), name);
  EXPECT_FALSE(toolFormatByName("auto"));
  EXPECT_EQ(detectToolFormat("{{ '<tool_call>' }}"), H);
  EXPECT_EQ(detectToolFormat("{{ '[TOOL_CALLS]' }}"), M);
  EXPECT_EQ(detectToolFormat("{%- if 'ipython' %} {\"name\": f, \"parameters\": d}"), L);
  EXPECT_EQ(detectToolFormat("{{ messages }}"), ToolFormat::None);
}

} // namespace
