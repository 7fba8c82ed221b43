// Linear kernels with plain, residual, SwiGLU and head epilogues against the interpreter's rules.
#include "test/unit/codegen/KernelCases.h"

#include "gtest/gtest.h"

namespace axiom::test {
namespace {

class LinearKernel : public testing::TestWithParam<AxmFormat> {};

TEST_P(LinearKernel, StoreAndResidualEqualTheInterpreter) {
  EXPECT_EQ(plainCase(GetParam(), plainShapes).check(), "");
}

TEST_P(LinearKernel, OfQuantizedRowsEqualsTheInterpreter) {
  if (plan::isQuantized(GetParam()))
    EXPECT_EQ(quantizedRowsCase(GetParam(), {160, 40, {96}}).check(), "");
}

TEST_P(LinearKernel, SwiGluEqualsTheInterpreter) {
  for (bool quantizeOut : {false, true})
    EXPECT_EQ(swiGluCase(GetParam(), quantizeOut, swiGluShapes).check(), "");
}

TEST_P(LinearKernel, HeadEqualsTheInterpreter) {
  EXPECT_EQ(headCase(GetParam(), headShapes).check(), "");
}

INSTANTIATE_TEST_SUITE_P(AllFormats, LinearKernel, testing::ValuesIn(allFormats),
                         [](const auto &info) { return std::string(formatName(info.param)); });

TEST(LinearKernelEdges, InfiniteLogits) { EXPECT_EQ(infiniteLogitsCase().check(), ""); }

TEST(LinearKernelEdges, ChosenLogits) { EXPECT_EQ(chosenLogitsCase().check(), ""); }

TEST(LinearKernelEdges, SpecialActivations) { EXPECT_EQ(specialActivationsCase().check(), ""); }

} // namespace
} // namespace axiom::test
