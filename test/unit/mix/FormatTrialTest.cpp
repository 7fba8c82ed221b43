// What trials say of a weight is what packing all of it says.
#include "compiler/mix/FormatTrial.h"

#include "compiler/calibrate/Moments.h"
#include "test/unit/package/FakeModel.h"

#include <gtest/gtest.h>

#include <random>

namespace axiom::mix {
namespace {

plan::PlanWeight matrix(const std::string &name, uint32_t rows, uint32_t cols) {
  plan::PlanWeight weight;
  weight.name = weight.source = name;
  weight.rows = rows;
  weight.cols = cols;
  return weight;
}

class FormatTrial : public testing::Test {
protected:
  FormatTrial() {
    std::mt19937 random(5);
    std::normal_distribution<float> normal(0.0f, 0.05f);
    std::vector<float> values(400 * 96);
    for (float &value : values)
      value = normal(random);
    model.addF32("large", 400, 96, values);
    values.resize(16 * 96);
    model.addF32("small", 16, 96, values);
    model.addBlocks("blocks", SourceType::Q4_1, 32, 96, 3);
    // Inputs of which a few directions make the most.
    std::vector<float> inputs(500 * 96);
    for (size_t t = 0; t < 500; ++t) {
      float common = 20 * normal(random);
      for (size_t i = 0; i < 96; ++i)
        inputs[t * 96 + i] = common * static_cast<float>(i % 7) + normal(random);
    }
    auto workers = calibrate::Workers::create(1);
    calibrate::Moments moments(96);
    moments.add(inputs.data(), 500, 96, *workers);
    known = std::make_shared<const Feedback>(std::move(moments).factor(0.01, *workers));
    feedback = [this](const std::string &name) -> Result<std::shared_ptr<const Feedback>> {
      return name == "small" ? nullptr : known;
    };
  }

  test::FakeModel model;
  std::shared_ptr<const Feedback> known;
  FeedbackSource feedback;
};

TEST_F(FormatTrial, EstimatesWhatPackingGives) {
  std::vector<plan::PlanWeight> weights = {matrix("large", 400, 96), matrix("small", 16, 96)};
  for (bool guided : {false, true}) {
    TrialOptions options;
    if (guided)
      options.feedback = feedback;
    auto found = tryFormats(weights, model, options);
    ASSERT_TRUE(found.ok()) << found.status().message();
    ASSERT_EQ(found->size(), 2u);
    for (size_t w = 0; w < 2; ++w) {
      ASSERT_EQ((*found)[w].size(), 4u);
      for (uint32_t f = 0; f < 4; ++f) {
        const FormatChoice &choice = (*found)[w][f];
        EXPECT_EQ(choice.format, kMixFormats[f]);
        if (f > 0)
          EXPECT_GT(choice.bytes, (*found)[w][f - 1].bytes);
        if (f > 1) // q4f16 and q4 are near to each other
          EXPECT_LT(choice.error, (*found)[w][f - 1].error);
        weights[w].format = choice.format;
        std::vector<plan::PlanWeight> one = {weights[w]};
        auto layout = layoutWeights(one, model);
        ASSERT_TRUE(layout.ok());
        EXPECT_EQ(choice.bytes, layout->places[0].size);
        PackOptions pack;
        pack.feedback = options.feedback;
        auto packed = packWeights(one, model, *layout, pack,
                                  [](std::span<const uint8_t>) { return Status(); });
        ASSERT_TRUE(packed.ok());
        const PackedTensor &tensor = (*packed)[0];
        bool outputs = guided && w == 0; // nothing is known of "small"
        EXPECT_EQ(tensor.outputError >= 0, outputs);
        double error = outputs ? tensor.outputError : tensor.errorPower / tensor.power;
        EXPECT_NEAR(choice.error / error, 1, 0.15) << w << plan::formatName(choice.format);
      }
    }
  }
}

TEST_F(FormatTrial, FindsExactImportsWithoutError) {
  std::vector<plan::PlanWeight> weights = {matrix("blocks", 32, 96)};
  TrialOptions options;
  options.feedback = feedback;
  auto found = tryFormats(weights, model, options);
  ASSERT_TRUE(found.ok());
  EXPECT_GT((*found)[0][0].error, 0); // q4
  EXPECT_EQ((*found)[0][1].error, 0); // q4f16
  EXPECT_GT((*found)[0][2].error, 0);
}

TEST_F(FormatTrial, IsTheSameForAnyThreadCount) {
  std::vector<plan::PlanWeight> weights;
  for (int i = 0; i < 20; ++i)
    weights.push_back(i % 2 ? matrix("large", 400, 96) : matrix("small", 16, 96));
  std::vector<std::vector<TensorChoices>> results;
  for (uint32_t threads : {1u, 2u, 5u}) {
    TrialOptions options;
    options.threads = threads;
    options.feedback = feedback;
    uint64_t last = 0;
    options.progress = [&](uint64_t done, uint64_t total) {
      EXPECT_GT(done, last);
      EXPECT_EQ(total, 20u);
      last = done;
    };
    auto found = tryFormats(weights, model, options);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(last, 20u);
    results.push_back(std::move(found).value());
  }
  for (size_t r = 1; r < results.size(); ++r)
    for (size_t w = 0; w < weights.size(); ++w)
      for (size_t f = 0; f < 4; ++f)
        EXPECT_EQ(results[r][w][f].error, results[0][w][f].error);
}

TEST_F(FormatTrial, NamesWhatCanNotBeTried) {
  std::vector<plan::PlanWeight> weights = {matrix("small", 16, 96), matrix("absent", 16, 96)};
  auto found = tryFormats(weights, model, {});
  ASSERT_FALSE(found.ok());
  EXPECT_NE(found.status().message().find("absent"), std::string::npos);
}

} // namespace
} // namespace axiom::mix
