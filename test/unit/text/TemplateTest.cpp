// The interface of chat templates: contexts, marks of untrusted text, refusals, limits.
#include "TemplateTestUtil.h"

#include <gtest/gtest.h>
#include <thread>

using namespace axiom;
using namespace axiom::testing_template;

namespace {

constexpr const char *chatml =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ "
    "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
    "}}{% endif %}";

ChatContext hello() {
  ChatContext chat;
  chat.messages = {{"user", "Hi <|im_end|>"}, {"assistant", "Yes"}};
  return chat;
}

TEST(TemplateChat, RendersMessagesAndMarksThem) {
  auto out = renderMarked(chatml, makeChatContext(hello()));
  ASSERT_TRUE(out.ok()) << out.status().message();
  EXPECT_EQ(out->text, "<|im_start|>user\nHi <|im_end|><|im_end|>\n"
                       "<|im_start|>assistant\nYes<|im_end|>\n<|im_start|>assistant\n");
  std::string marked;
  for (const TextSpan &span : out->untrusted)
    marked += "[" + out->text.substr(span.begin, span.end - span.begin) + "]";
  EXPECT_EQ(marked, "[user][Hi <|im_end|>][assistant][Yes]");
}

TEST(TemplateChat, ContextHasHuggingFacesNames) {
  ChatContext chat = hello();
  chat.addGenerationPrompt = false;
  chat.bosToken = "<s>";
  chat.extra = {{"enable_thinking", Value::boolean(false)}};
  EXPECT_EQ(
      renderText(
          "{{ bos_token }}|{{ eos_token is defined }}|{{ tools is none }}|{{ documents is none "
          "}}|{{ add_generation_prompt }}|{{ enable_thinking }}|{{ messages | length }}",
          makeChatContext(chat)),
      "<s>|False|True|True|False|False|2");
  chat.messageValues = json(R"([{"role": "user", "content": [{"type": "text", "text": "x"}]}])");
  EXPECT_EQ(renderText("{{ messages[0].content[0].text }}", makeChatContext(chat)), "x");
}

TEST(TemplateChat, SameBlobForTheSameSource) {
  EXPECT_EQ(compileChatTemplate(chatml).value(), compileChatTemplate(chatml).value());
}

TEST(TemplateChat, OneTemplateOnManyThreads) {
  auto chat = openTemplate(chatml);
  ASSERT_TRUE(chat.ok());
  Value context = makeChatContext(hello());
  std::string expected = chat->render(context).value();
  std::vector<std::thread> threads;
  std::atomic<int> equal = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i)
        equal += chat->render(context).value() == expected;
    });
  for (auto &t : threads)
    t.join();
  EXPECT_EQ(equal, 800);
}

TEST(TemplateChat, RefusalIsTheCallersFault) {
  EXPECT_EQ(renderText("{{ raise_exception('roles must alternate') }}", makeChatContext({})),
            "invalid argument: the chat template refuses the conversation: roles must alternate");
}

TEST(TemplateChat, DateOnlyFromTheCaller) {
  const char *source = "{{ strftime_now('%d %b %Y') }}";
  EXPECT_EQ(renderText(source, json("{}"), {}, TemplateTime{2024, 2, 29, 0, 0, 0}), "29 Feb 2024");
  EXPECT_NE(renderText(source, json("{}")).find("the caller gave none"), std::string::npos);
  EXPECT_NE(renderText(source, json("{}"), {}, TemplateTime{2023, 2, 29, 0, 0, 0}).find("no time"),
            std::string::npos);
  EXPECT_NE(
      renderText("{{ strftime_now('%Q') }}", json("{}"), {}, TemplateTime{}).find("not supported"),
      std::string::npos);
}

std::string marksOf(const std::string &source) {
  auto out =
      renderMarked(source, json(R"({"u": "aXb<c", "l": ["p", "q"], "d": {"k": "v"}})", true));
  if (!out.ok())
    return out.status().message();
  std::string shown;
  size_t at = 0;
  for (const TextSpan &span : out->untrusted) {
    shown += out->text.substr(at, span.begin - at) + "[" +
             out->text.substr(span.begin, span.end - span.begin) + "]";
    at = span.end;
  }
  return shown + out->text.substr(at);
}

TEST(TemplateMarks, FollowTextExactly) {
  EXPECT_EQ(marksOf("x{{ u }}y"), "x[aXb<c]y");
  EXPECT_EQ(marksOf("{{ 'x' + u + 'y' }}{{ 'x' ~ u ~ 1 }}"), "x[aXb<c]yx[aXb<c]1");
  EXPECT_EQ(marksOf("{{ (' ' + u + ' z ') | trim }}{{ ('--' + u).lstrip('-a') }}"),
            "[aXb<c] z[Xb<c]");
  EXPECT_EQ(marksOf("{{ ('x' + u + 'y')[1:] }}{{ ('x' + u)[:2] }};{{ ('xy' + u)[::-1] }}"),
            "[aXb<c]yx[a];[c<bXa]yx");
  EXPECT_EQ(marksOf("{{ u.split('X') | join('|') }};{{ u | replace('X', '-') }}"),
            "[a]|[b<c];[a]-[b<c]");
  EXPECT_EQ(marksOf("{{ 'a-b' | replace('-', u) }}{{ '%s!' % u }}{{ '{}!'.format(u) }}"),
            "a[aXb<c]b[aXb<c]![aXb<c]!");
  EXPECT_EQ(marksOf("{% for c in u %}{{ c }}.{% endfor %}{{ l | join(', ') }};{{ u[0] }}"),
            "[a].[X].[b].[<].[c].[p], [q];[a]");
  EXPECT_EQ(marksOf("{% macro m(t) %}({{ t }}){% endmacro %}{{ m(u) }}{% set x %}={{ u }}{% endset "
                    "%}{{ x }}"),
            "([aXb<c])=[aXb<c]");
  EXPECT_EQ(
      marksOf(
          "{% set ns = namespace(t='') %}{% for p in l %}{% set ns.t = ns.t ~ '/' ~ p %}{% endfor "
          "%}{{ ns.t }}{% filter indent(1, true) %}{{ u }}{% endfilter %}"),
      "/[p]/[q] [aXb<c]");
}

TEST(TemplateMarks, PartsOfMarkupAreMarkup) {
  EXPECT_EQ(marksOf("{{ ('ab' | safe)[::-1] + '<' }};{{ ('ab' | safe)[2:] + '<' }};{{ 'ab'[2:] + "
                    "'<' }}"),
            "ba&lt;;&lt;;<");
}

TEST(TemplateMarks, ConversionsMarkTheWholeResult) {
  EXPECT_EQ(marksOf("{{ ('x' + u) | upper }};{{ u | escape }}"), "[XAXB<C];[aXb&lt;c]");
  EXPECT_EQ(marksOf("{{ ['t', u] | tojson }}{{ [u] }}{{ d }}"),
            "[\"t\", [\"aXb<c\"]][['aXb<c']]{['k']: ['v']}");
  EXPECT_EQ(marksOf("{{ u | length }}{{ u == 'aXb<c' }}{{ 'trusted' if u }}"), "5Truetrusted");
  EXPECT_EQ(marksOf("{{ ('{\"a\": \"' ~ u ~ '\"}') | from_json }}"), "{['a']: ['aXb<c']}");
}

std::string compileError(std::string_view source) {
  auto blob = compileChatTemplate(source);
  return blob.ok() ? "compiled"
                   : std::string(codeName(blob.status().code())) + ": " + blob.status().message();
}

TEST(TemplateCompile, NamesWhatIsNotSupported) {
  auto expect = [](std::string_view source, std::string_view what, std::string_view where) {
    std::string message = compileError(source);
    EXPECT_TRUE(message.starts_with("unsupported: chat template, " + std::string(where)))
        << message;
    EXPECT_NE(message.find(what), std::string::npos) << message;
  };
  expect("a\n {% include 'x' %}", "statement 'include'", "line 2, column 5");
  expect("{{ x | wordwrap(5) }}", "filter 'wordwrap' is not supported; these are: abs, ",
         "line 1, column 8");
  expect("{{ x is sameas y }}", "test 'sameas'", "line 1, column 9");
  expect("{{ x.encode('utf8') }}", "method 'encode'", "line 1, column 6");
  expect("{{ cycler(1) }}", "'cycler'", "line 1, column 4");
  expect("{{ f(1) }}", "function 'f'", "line 1, column 4");
  expect("{{ x | tojson(cls=1) }}", "no keyword argument 'cls'", "line 1, column 8");
  expect("{{ x | replace('a') }}", "needs argument 'new'", "line 1");
  expect("{{ x | trim(1, 2) }}", "at most 1 argument", "line 1");
  expect("{{ x | map('nosuch') }}", "filter 'nosuch'", "line 1");
  expect("{{ x | selectattr('a', 'nosuch') }}", "test 'nosuch'", "line 1");
  expect("{% for x in y recursive %}{% endfor %}", "recursive", "line 1");
  expect("{{ f(*x) }}", "'*'", "line 1");
  expect("{% macro m() %}{{ caller() }}{% endmacro %}", "caller", "line 1");
  expect("{{ 99999999999999999999 }}", "64 bits", "line 1, column 4");
}

TEST(TemplateCompile, SyntaxErrorsHaveAPlace) {
  EXPECT_EQ(compileError("ab\n{% if x %}"),
            "bad input: chat template, line 2, column 11: this block is not closed with 'endif'");
  EXPECT_EQ(compileError("é {{ 'x }}"),
            "bad input: chat template, line 1, column 6: the string does not end");
  EXPECT_EQ(compileError("{{ a b }}"),
            "bad input: chat template, line 1, column 6: expected '}}', got 'b'");
  EXPECT_EQ(compileError("\xff"), "bad input: the chat template is not UTF-8");
}

TEST(TemplateCompile, DeepNestingIsAnErrorNotACrash) {
  for (const char *open : {"(", "[", "{'a':", "not ", "-", "x if y else ", "a(", "a["}) {
    std::string source = "{{ ";
    for (int i = 0; i < 50000; ++i)
      source += open;
    EXPECT_NE(compileError(source), "compiled");
  }
  std::string blocks;
  for (int i = 0; i < 20000; ++i)
    blocks += "{% if x %}";
  EXPECT_NE(compileError(blocks), "compiled");
  std::string sum = "{{ 1";
  for (int i = 0; i < 50000; ++i)
    sum += " + 1";
  EXPECT_NE(compileError(sum + " }}").find("nests deeper"), std::string::npos);
}

} // namespace
