#include "runtime/engine/StopStrings.h"

#include <gtest/gtest.h>
#include <random>

using axiom::engine::StopStrings;

namespace {

struct Outcome {
  std::string text;
  bool stopped;
  bool operator==(const Outcome &) const = default;
};

Outcome feed(const std::vector<std::string> &stops, const std::vector<std::string> &pieces) {
  StopStrings matcher(stops);
  std::string text;
  for (auto &piece : pieces)
    text += matcher.add(piece);
  if (!matcher.stopped())
    text += matcher.flush();
  return {text, matcher.stopped()};
}

} // namespace

TEST(StopStrings, HoldsBackAPossibleStart) {
  StopStrings matcher({"END"});
  EXPECT_EQ(matcher.add("abcE"), "abc");
  EXPECT_EQ(matcher.add("N"), "");
  EXPECT_EQ(matcher.add("x"), "ENx");
  EXPECT_EQ(matcher.add("EEN"), "E");
  EXPECT_EQ(matcher.add("D tail"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.found(), "END");
  EXPECT_EQ(matcher.add("more"), "");
}

TEST(StopStrings, IncludesTheStopWhenAsked) {
  StopStrings matcher({"\n\n"});
  EXPECT_EQ(matcher.add("a\n", true), "a");
  EXPECT_EQ(matcher.add("\nb", true), "\n\n");
}

TEST(StopStrings, FlushGivesTheRest) {
  StopStrings matcher({"stop"});
  EXPECT_EQ(matcher.add("a sto"), "a ");
  EXPECT_EQ(matcher.flush(), "sto");
}

TEST(StopStrings, FirstCompleteWinsThenLongest) {
  EXPECT_EQ(feed({"abcd", "bc"}, {"xabcd"}), (Outcome{"xa", true}));
  EXPECT_EQ(feed({"c", "bc", "abc"}, {"xabc"}), (Outcome{"x", true}));
}

// However the text is cut, the result is that of a plain search over the whole.
TEST(StopStrings, CutsDoNotMatter) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (size_t i = 0; i < 30; ++i)
      text += "ab"[random() % 2];
    std::vector<std::string> stops;
    for (size_t i = 0; i < 1 + random() % 3; ++i) {
      std::string stop;
      for (size_t j = 0; j < 2 + random() % 5; ++j)
        stop += "ab"[random() % 2];
      stops.push_back(stop);
    }
    Outcome expected{text, false};
    for (size_t end = 1; end <= text.size() && !expected.stopped; ++end) {
      size_t longest = 0;
      for (auto &stop : stops)
        if (text.substr(0, end).ends_with(stop))
          longest = std::max(longest, stop.size());
      if (longest > 0)
        expected = {text.substr(0, end - longest), true};
    }
    std::vector<std::string> pieces;
    for (size_t at = 0; at < text.size();) {
      size_t n = 1 + random() % 4;
      pieces.push_back(text.substr(at, n));
      at += n;
    }
    ASSERT_EQ(feed(stops, pieces), expected) << text;
  }
}
