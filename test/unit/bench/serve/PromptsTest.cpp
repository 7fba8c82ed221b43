// Random prompts and times: one seed is one load.
#include "tools/axiom-bench/serve/Prompts.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace axiom::bench;

namespace {

TEST(Random, FixedForASeed) {
  Random a(7, 3), b(7, 3), c(8, 3), d(7, 4);
  uint64_t first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
  EXPECT_NE(first, d.next());
  EXPECT_EQ(Random(0, 0).between(5, 5), 5u);
  std::set<uint64_t> seen;
  for (int i = 0; i < 200; ++i)
    seen.insert(a.between(3, 6));
  EXPECT_EQ(seen, (std::set<uint64_t>{3, 4, 5, 6}));
}

TEST(Random, ArrivalsArePoisson) {
  Random random(1);
  constexpr int n = 20'000;
  constexpr double rate = 4;
  double sum = 0, squares = 0, least = 1;
  for (int i = 0; i < n; ++i) {
    double gap = random.exponential(rate);
    least = std::min(least, gap);
    sum += gap;
    squares += gap * gap;
  }
  double mean = sum / n, deviation = std::sqrt(squares / n - mean * mean);
  EXPECT_NEAR(mean, 1 / rate, 0.01); // 5 standard errors
  EXPECT_NEAR(deviation, 1 / rate, 0.02);
  EXPECT_GE(least, 0);
}

uint32_t numbers(const std::string &json) {
  return static_cast<uint32_t>(std::count(json.begin(), json.end(), ',')) + 1;
}

TEST(Prompts, TokensWithASharedPrefix) {
  PromptOptions options;
  options.prefix = 20;
  options.numPrefixes = 2;
  options.input = {0, 30};
  options.output = {4, 9};
  options.ids = {100, 199};
  options.seed = 5;
  Prompts prompts(options);
  std::string begins[2];
  for (uint64_t i = 0; i < 60; ++i) {
    Prompt p = prompts[i];
    EXPECT_EQ(p.json.front(), '[');
    EXPECT_EQ(p.json.back(), ']');
    EXPECT_EQ(numbers(p.json), p.tokens);
    EXPECT_TRUE(p.tokens >= 20 && p.tokens <= 50) << p.tokens;
    EXPECT_TRUE(p.output >= 4 && p.output <= 9) << p.output;
    std::string begin = p.json.substr(1, 20 * 4 - 1); // ids of three digits
    if (i < 2)
      begins[i] = begin;
    EXPECT_EQ(begin, begins[i % 2]) << i;
    EXPECT_EQ(p.json, Prompts(options)[i].json);
  }
  EXPECT_NE(begins[0], begins[1]);
  EXPECT_NE(prompts[0].json, prompts[2].json);
  options.seed = 6;
  EXPECT_NE(Prompts(options)[0].json, prompts[0].json);
}

TEST(Prompts, Text) {
  PromptOptions options;
  options.form = PromptForm::Text;
  options.input = {12, 12};
  Prompt p = Prompts(options)[3];
  EXPECT_EQ(p.json.front(), '"');
  EXPECT_EQ(p.json.back(), '"');
  EXPECT_EQ(std::count(p.json.begin(), p.json.end(), ' '), 11);
}

} // namespace
