// The choice of formats under a number of bytes.
#include "compiler/mix/FormatMix.h"

#include <gtest/gtest.h>

#include <random>

namespace axiom::mix {
namespace {

uint64_t bytesOf(const std::vector<TensorChoices> &tensors, const std::vector<uint32_t> &chosen) {
  uint64_t bytes = 0;
  for (size_t t = 0; t < tensors.size(); ++t)
    bytes += tensors[t][chosen[t]].bytes;
  return bytes;
}

double errorOf(const std::vector<TensorChoices> &tensors, const std::vector<uint32_t> &chosen) {
  double error = 0;
  for (size_t t = 0; t < tensors.size(); ++t)
    error += tensors[t][chosen[t]].error;
  return error;
}

using Chosen = std::vector<uint32_t>;

TEST(FormatMix, SpendsBytesWhereTheySaveMost) {
  // The second tensor gains three times as much from the same bytes.
  std::vector<TensorChoices> tensors = {
      {{AXM_FORMAT_Q4, 100, 0.10}, {AXM_FORMAT_Q6, 140, 0.06}, {AXM_FORMAT_Q8, 180, 0.05}},
      {{AXM_FORMAT_Q4, 100, 0.20}, {AXM_FORMAT_Q6, 140, 0.08}, {AXM_FORMAT_Q8, 180, 0.04}}};
  EXPECT_EQ(chooseFormats(tensors, 200), (Chosen{0, 0}));
  EXPECT_EQ(chooseFormats(tensors, 239), (Chosen{0, 0}));
  EXPECT_EQ(chooseFormats(tensors, 240), (Chosen{0, 1}));
  EXPECT_EQ(chooseFormats(tensors, 280),
            (Chosen{1, 1})); // as much as 2 for the second: the earlier
  EXPECT_EQ(chooseFormats(tensors, 320), (Chosen{1, 2}));
  EXPECT_EQ(chooseFormats(tensors, 360), (Chosen{2, 2}));
}

TEST(FormatMix, PassesOverWhatDoesNotFit) {
  std::vector<TensorChoices> tensors = {
      {{AXM_FORMAT_Q4, 1000, 0.9}, {AXM_FORMAT_Q8, 2000, 0.0}}, // most per byte, too large
      {{AXM_FORMAT_Q4, 10, 0.005}, {AXM_FORMAT_Q8, 20, 0.001}}};
  EXPECT_EQ(chooseFormats(tensors, 1500), (Chosen{0, 1}));
}

TEST(FormatMix, TakesNoLargerFormatThatIsWorse) {
  // An exact import: larger formats can only lose.
  std::vector<TensorChoices> tensors = {
      {{AXM_FORMAT_Q4, 100, 0.1}, {AXM_FORMAT_Q4F16, 110, 0.0}, {AXM_FORMAT_Q8, 180, 0.01}},
      {{AXM_FORMAT_Q4, 100, 0.1}, {AXM_FORMAT_Q4F16, 110, 0.1}, {AXM_FORMAT_Q6, 140, 0.01}}};
  EXPECT_EQ(chooseFormats(tensors, 1000), (Chosen{1, 2}));
}

TEST(FormatMix, IsNearTheBestOfAllMixes) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> uniform(0.2, 1.0);
  for (int round = 0; round < 50; ++round) {
    std::vector<TensorChoices> tensors(5);
    for (TensorChoices &choices : tensors) {
      auto weights = static_cast<uint64_t>(1000 * uniform(random));
      double error = uniform(random);
      for (auto [bits, share] : {std::pair(4.7, 0.1), {5.0, 0.09}, {6.6, 0.005}, {8.5, 0.0003}})
        choices.push_back({AXM_FORMAT_Q4, static_cast<uint64_t>(bits * double(weights) / 8),
                           error * share * uniform(random)});
    }
    uint64_t least = bytesOf(tensors, Chosen(5, 0)), most = bytesOf(tensors, Chosen(5, 3));
    auto budget =
        least + static_cast<uint64_t>(uniform(random) * static_cast<double>(most - least));
    Chosen chosen = chooseFormats(tensors, budget);
    ASSERT_LE(bytesOf(tensors, chosen), budget);
    double best = 1e9, worst = 0;
    for (int mix = 0; mix < 1024; ++mix) {
      Chosen other;
      for (int t = 0; t < 5; ++t)
        other.push_back(static_cast<uint32_t>(mix >> (2 * t) & 3));
      if (bytesOf(tensors, other) > budget)
        continue;
      best = std::min(best, errorOf(tensors, other));
      worst = std::max(worst, errorOf(tensors, other));
    }
    // Greedy leaves at most the step that did not fit.
    EXPECT_LE(errorOf(tensors, chosen), best + 0.2 * (worst - best)) << round;
  }
}

} // namespace
} // namespace axiom::mix
