// Factors come back from the file as they were put in.
#include "compiler/calibrate/FactorFile.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

namespace axiom {
namespace {

using calibrate::FactorFile;

Feedback randomFeedback(uint32_t size) {
  std::mt19937 random(size);
  std::normal_distribution<float> normal;
  Feedback feedback;
  feedback.size = size;
  feedback.cost.resize(size);
  feedback.upper.resize(size_t(size) * size);
  for (float &value : feedback.cost)
    value = normal(random);
  for (float &value : feedback.upper)
    value = normal(random);
  return feedback;
}

TEST(FactorFile, GivesBackWhatItWasGiven) {
  auto file = FactorFile::create(testing::TempDir());
  ASSERT_TRUE(file.ok()) << file.status().message();
  const uint32_t sizes[] = {32, 96, 640};
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < 3; ++i) {
    auto number = file->add(randomFeedback(sizes[i]));
    ASSERT_TRUE(number.ok()) << number.status().message();
    EXPECT_EQ(*number, i);
    bytes += 4ull * (sizes[i] + sizes[i] * (sizes[i] - 1) / 2);
  }
  EXPECT_EQ(file->bytes(), bytes);
  for (uint32_t i : {2u, 0u, 1u, 2u}) {
    Feedback wanted = randomFeedback(sizes[i]);
    auto read = file->read(i);
    ASSERT_TRUE(read.ok()) << read.status().message();
    ASSERT_EQ(read->size, wanted.size);
    EXPECT_EQ(read->cost, wanted.cost);
    for (uint32_t j = 0; j < wanted.size; ++j)
      for (uint32_t k = j + 1; k < wanted.size; ++k)
        ASSERT_EQ(read->row(j)[k], wanted.row(j)[k]) << j << ", " << k;
  }
  EXPECT_EQ(file->read(3).status().code(), Code::Internal);
}

TEST(FactorFile, HasNoName) {
  std::string folder = testing::TempDir() + "/axiom-factors-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  {
    auto file = FactorFile::create(folder);
    ASSERT_TRUE(file.ok()) << file.status().message();
    ASSERT_TRUE(file->add(randomFeedback(64)).ok());
    EXPECT_TRUE(std::filesystem::is_empty(folder));
  }
  std::filesystem::remove(folder);
  auto refused = FactorFile::create(folder);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::InvalidArgument);
  EXPECT_NE(refused.status().message().find(folder), std::string::npos);
}

} // namespace
} // namespace axiom
