// QKV (with rope, QK-norm and the KV write), attention, embedding and rope angles against the
// interpreter's rules.
#include "test/unit/codegen/KernelCases.h"

#include "gtest/gtest.h"

namespace axiom::test {
namespace {

class AttentionKernels : public testing::TestWithParam<Heads> {};

TEST_P(AttentionKernels, AnglesQkvAndAttentionEqualTheInterpreter) {
  EXPECT_EQ(headsCase(GetParam()).check(), "");
}

INSTANTIATE_TEST_SUITE_P(Heads, AttentionKernels, testing::ValuesIn(headsShapes));

class AttentionContexts : public testing::TestWithParam<Heads> {};

TEST_P(AttentionContexts, EqualTheInterpreter) { EXPECT_EQ(contextsCase(GetParam()).check(), ""); }

INSTANTIATE_TEST_SUITE_P(Heads, AttentionContexts, testing::ValuesIn(headsShapes));
INSTANTIATE_TEST_SUITE_P(MoreHeads, AttentionContexts, testing::ValuesIn(contextShapes));

TEST(EmbedKernel, DecodesRowsOfEveryFormat) {
  for (AxmFormat format : allFormats)
    EXPECT_EQ(embedCase(format).check(), "");
}

} // namespace
} // namespace axiom::test
