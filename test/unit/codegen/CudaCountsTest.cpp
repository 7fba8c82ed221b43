// What the CUDA kernels do to memory, as the host twin counts it: how much they fetch beside the
// weights, and how often lanes of a warp wait for each other at shared memory.
#include "test/unit/codegen/TwinKernels.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

namespace axiom::test {
namespace {

/// Of the body, in a launch of the first kernel.
twin::Counts countsOf(const TwinKernels &kernels, const KernelCase &c, uint32_t tokens,
                      const std::string &what = "") {
  twin::LaunchOptions how;
  how.count = true;
  twin::Counts counts;
  for (const KernelLaunch &launch : c.launches)
    if (launch.tokens == tokens && launch.kernel == 0 && (what.empty() || launch.what == what)) {
      EXPECT_EQ(kernels.runLaunch(launch, c.specs[0], 0, how, &counts), "");
      return counts;
    }
  ADD_FAILURE() << "no launch of " << tokens << " tokens";
  return counts;
}

/// Rounds that lanes wait, for each round of 128 bytes that they read.
double waits(const twin::Counts &counts) {
  return static_cast<double>(counts.bankConflicts) * 128 / static_cast<double>(counts.sharedReads);
}

class CudaLinearCounts : public testing::TestWithParam<AxmFormat> {};

TEST_P(CudaLinearCounts, AreThoseOfWeightsReadOnceAndFreeBanks) {
  bool some = GetParam() == AXM_FORMAT_F16 || GetParam() == AXM_FORMAT_Q4;
  if (!some && !getenv("AXIOM_TEST_LONG"))
    GTEST_SKIP() << "the quick form takes f16 and q4: AXIOM_TEST_LONG=1 runs all formats";
  // Segments of whole runs, and rows for several blocks.
  const plan::LinearRange range{GetParam(), 264, 1, 8, false};
  KernelCase c = plainCase(GetParam(), {{1024, range.rows, {512}}});
  auto bytes = static_cast<double>(plan::packedBytes(range, 1024, {512}));
  // Bytes fetched for each byte of the weights, by tokens: the tokens' own, for each warp or block,
  // and the weights again for each tile of tokens.
  const std::map<uint32_t, double> most =
      plan::isQuantized(GetParam())
          ? std::map<uint32_t, double>{{1, 1.31}, {3, 1.86}, {5, 1.78}, {13, 2.12}, {49, 5.02}}
          : std::map<uint32_t, double>{{1, 1.17}, {3, 1.31}, {5, 1.45}, {13, 2.02}, {49, 8.02}};
  for (bool large : {false, true}) {
    codegen::FullGrid full;
    if (large)
      full = {1, 1};
    Result<TwinKernels> kernels = TwinKernels::compile(c.specs, "", full);
    ASSERT_TRUE(kernels.ok()) << kernels.status().message();
    for (auto [tokens, factor] : most) {
      twin::Counts counts = countsOf(*kernels, c, tokens);
      EXPECT_LE(static_cast<double>(counts.sectors * 32), factor * bytes) << tokens << " tokens";
      EXPECT_LE(waits(counts), tokens == 1 ? 0.0 : 0.02) << tokens << " tokens";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllFormats, CudaLinearCounts, testing::ValuesIn(allFormats),
                         [](const auto &param) { return std::string(formatName(param.param)); });

// Query heads share what is read of their KV head, and tokens of a tile what they see.
TEST(CudaAttentionCounts, AreThoseOfKeysAndValuesReadOnce) {
  for (const Heads &heads : headsShapes) {
    if (heads.window != 0 || heads.dim % 64 != 0)
      continue;
    KernelCase c = contextsCase(heads);
    const plan::KernelSpec &spec = c.specs[0];
    Result<TwinKernels> kernels = TwinKernels::compile({spec});
    ASSERT_TRUE(kernels.ok()) << kernels.status().message();
    auto blockBytes = spec.kvHeads * spec.kvHeadBytes;
    for (uint32_t position : {0u, 64u, 257u, 1100u}) {
      twin::Counts counts = countsOf(*kernels, c, 1, "position " + std::to_string(position));
      EXPECT_EQ(counts.copies * 16, (position / 64 + 1) * blockBytes) << position;
      // The weights of positions go to shared memory four rounds at a time.
      EXPECT_LE(waits(counts), position < 256 ? 0.36 : 0.12) << position;
    }
    twin::Counts counts = countsOf(*kernels, c, 300, "a whole sequence");
    uint64_t tile = kernels->kernel(0).body(300).tokensPerTile, blocks = 0;
    for (uint64_t last = tile - 1; last < 300 + tile - 1; last += tile)
      blocks += std::min<uint64_t>(last, 299) / 64 + 1;
    EXPECT_EQ(counts.copies * 16, blocks * blockBytes);
    EXPECT_LE(waits(counts), 0.08);
  }
}

} // namespace
} // namespace axiom::test
