// Damaged blobs: refused, or rendered to something harmless; never a crash.
#include "TemplateTestUtil.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace axiom;
using namespace axiom::testing_template;

namespace {

constexpr const char *valid = R"({% macro m(a, b=2) %}{{ a ~ b }}{% endmacro %}
{%- set ns = namespace(n=0) %}{% for k, v in d.items() if v is not none %}{{ loop.index }}{{ k | upper }}
{%- set ns.n = ns.n + 1 %}{% if ns.n > 2 %}{% break %}{% else %}{{ m(k, b=v) }}{% endif %}{% else %}-{% endfor %}
{%- filter replace('a', 'b') %}{{ [1, {'x': -1.5}][0:2][::-1] }}{{ 1 < 2 <= 3 and not 4 in [5] or 'x' }}{% endfilter %}
{%- set t %}{{ 'y' if d else 'n' }}{% endset %}{% with q = t %}{% generation %}{{ q * 2 }}{% endgeneration %}{% endwith %})";

Value context() { return json(R"({"d": {"a": 1, "b": null, "c": [1, 2]}, "messages": []})"); }

/// Opens and, if that works, renders with small limits.
bool tryBlob(std::span<const uint8_t> blob) {
  auto chat = ChatTemplate::open(blob);
  if (!chat.ok()) {
    EXPECT_FALSE(chat.status().message().empty());
    return false;
  }
  TemplateLimits limits;
  limits.maxSteps = 20000;
  limits.maxValueBytes = 1 << 20;
  limits.maxOutputBytes = 1 << 16;
  auto out = chat->renderMarked(context(), limits);
  EXPECT_TRUE(out.ok() || !out.status().message().empty());
  return true;
}

TEST(TemplateCorrupt, TheSampleIsWhole) {
  auto blob = compileChatTemplate(valid);
  ASSERT_TRUE(blob.ok()) << blob.status().message();
  EXPECT_EQ(renderText(valid, context()), "1Aa12Cc[1, 2][{'x': -1.5}, 1]Trueyy");
}

TEST(TemplateCorrupt, EveryTruncationIsRefused) {
  auto blob = compileChatTemplate(valid).value();
  for (size_t size = 0; size < blob.size(); ++size)
    EXPECT_FALSE(tryBlob(std::span(blob).first(size))) << size;
  blob.push_back(0);
  EXPECT_FALSE(tryBlob(blob));
}

TEST(TemplateCorrupt, EveryByteChanged) {
  auto blob = compileChatTemplate(valid).value();
  int accepted = 0;
  for (size_t i = 0; i < blob.size(); ++i)
    for (int change : {0x01, 0x80, 0xFF}) {
      auto damaged = blob;
      damaged[i] = static_cast<uint8_t>(damaged[i] ^ change);
      accepted += tryBlob(damaged);
    }
  // Letters of strings, line numbers and constants may change to other valid ones.
  EXPECT_GT(accepted, 0);
}

TEST(TemplateCorrupt, RandomMutations) {
  auto blob = compileChatTemplate(valid).value();
  std::mt19937 rng(5);
  for (int round = 0; round < 20000; ++round) {
    auto damaged = blob;
    for (int n = static_cast<int>(rng() % 4) + 1; n > 0; --n) {
      size_t at = rng() % (damaged.size() - 4);
      uint32_t word = rng() % 3 ? rng() % 200 : rng();
      if (rng() % 2)
        std::memcpy(&damaged[at / 4 * 4], &word, 4);
      else
        damaged[at] = static_cast<uint8_t>(word);
    }
    tryBlob(damaged);
  }
}

TEST(TemplateCorrupt, OtherVersionsAreNamed) {
  auto blob = compileChatTemplate(valid).value();
  blob[4] = 2;
  auto chat = ChatTemplate::open(blob);
  ASSERT_FALSE(chat.ok());
  EXPECT_EQ(chat.status().code(), Code::Unsupported);
  EXPECT_NE(chat.status().message().find("version 2"), std::string::npos);
}

} // namespace
