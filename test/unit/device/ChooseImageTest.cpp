// Which image runs on which GPU.
#include "runtime/device/cuda/ChooseImage.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::cuda;

namespace {

std::string choose(const std::vector<std::string> &targets, int major, int minor) {
  auto index = chooseImage(targets, {"cuda:0 (Test)", major, minor, 13000});
  return index.ok() ? targets.at(*index) : "";
}

TEST(ChooseImage, TheNearestThatRuns) {
  const std::vector<std::string> all = {"cuda:compute_80", "cuda:sm_80",     "cuda:sm_86",
                                        "cuda:sm_89",      "cuda:sm_90a",    "cuda:sm_100a",
                                        "cuda:sm_120",     "cuda:compute_75"};
  const struct {
    int major, minor;
    const char *expected;
  } cases[] = {{8, 0, "cuda:sm_80"},       {8, 6, "cuda:sm_86"},
               {8, 7, "cuda:sm_86"},       {8, 9, "cuda:sm_89"},
               {9, 0, "cuda:sm_90a"},      {10, 0, "cuda:sm_100a"},
               {10, 3, "cuda:compute_80"}, {11, 0, "cuda:compute_80"},
               {12, 0, "cuda:sm_120"},     {12, 1, "cuda:sm_120"},
               {7, 5, "cuda:compute_75"},  {7, 0, ""},
               {13, 0, "cuda:compute_80"}, {0, 0, ""}};
  for (const auto &c : cases)
    EXPECT_EQ(choose(all, c.major, c.minor), c.expected) << c.major << "." << c.minor;
}

TEST(ChooseImage, TheTwinAndNothingElse) {
  EXPECT_EQ(choose({"cuda:sm_90", "cuda:compute_80", "cuda:host"}, 0, 0), "cuda:host");
  EXPECT_EQ(choose({"cuda:host"}, 9, 0), "");
  EXPECT_EQ(choose({"cuda:sm_90", "cuda:compute_80"}, 0, 0), "");
}

TEST(ChooseImage, ExactBeforePlain) {
  EXPECT_EQ(choose({"cuda:sm_90", "cuda:sm_90a"}, 9, 0), "cuda:sm_90a");
  EXPECT_EQ(choose({"cuda:sm_100", "cuda:sm_100a"}, 10, 3), "cuda:sm_100");
  EXPECT_EQ(choose({"cuda:compute_90a"}, 9, 0), "cuda:compute_90a");
  EXPECT_EQ(choose({"cuda:compute_90a"}, 10, 0), "");
}

TEST(ChooseImage, NamesThatAreNotKnownDoNotRun) {
  for (const char *name : {"cuda:sm_", "cuda:sm_9", "cuda:sm_a", "cuda:sm_90f", "cuda:sm_90aa",
                           "cuda:sm_-90", "cuda:sm_99999", "cuda:90", "cuda:", "cuda:compute_",
                           "cuda:hosts", "cpu:x86-64-v3", "cuda:sm_9 0"})
    EXPECT_EQ(choose({name}, 9, 0), "") << name;
}

TEST(ChooseImage, TheErrorSaysWhatIsThereAndWhatToDo) {
  auto refused = chooseImage({"cuda:sm_100a", "cuda:host"}, {"cuda:1 (Test)", 9, 0, 12040});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::Unsupported);
  for (const char *part :
       {"cuda:1 (Test)", "9.0", "'cuda:sm_100a', 'cuda:host'", "CUDA 12.4", "--target=cuda:sm_90"})
    EXPECT_NE(refused.status().message().find(part), std::string::npos)
        << refused.status().message();
}

} // namespace
