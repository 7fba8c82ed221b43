#include "runtime/artifact/Validate.h"

#include <gtest/gtest.h>

using namespace axiom;

namespace {

TensorInfo matrix(AxmFormat format, uint64_t rows, uint64_t cols) {
  TensorInfo t;
  t.format = format;
  t.rows = rows;
  t.cols = cols;
  return t;
}

// Sizes worked out by hand from runtime/abi/kernel_abi.h.
TEST(TensorLayout, Sizes) {
  EXPECT_EQ(packedTensorBytes(matrix(AXM_FORMAT_F32, 8, 32)), 8u * 32 * 4);
  EXPECT_EQ(packedTensorBytes(matrix(AXM_FORMAT_F32, 9, 33)), 16u * 64 * 4);
  EXPECT_EQ(packedTensorBytes(matrix(AXM_FORMAT_F16, 1, 1)), 8u * 32 * 2);
  EXPECT_EQ(packedTensorBytes(matrix(AXM_FORMAT_BF16, 16, 96)), 16u * 96 * 2);
  EXPECT_EQ(packedTensorBytes(matrix(AXM_FORMAT_Q8, 24, 64)), 3u * 2 * 272);
  EXPECT_EQ(packedTensorBytes(matrix(AXM_FORMAT_Q4F16, 24, 64)), 3u * 2 * 160);
  // 576 columns: 18 groups under 3 scale pairs.
  EXPECT_EQ(packedTensorBytes(matrix(AXM_FORMAT_Q4, 8, 576)), 3u * 32 + 18 * 144);
  TensorInfo cut = matrix(AXM_FORMAT_Q4, 8, 576);
  cut.cuts = {288}; // inside the second run: its pair is stored twice
  EXPECT_EQ(packedTensorBytes(cut), 4u * 32 + 18 * 144);
  cut.format = AXM_FORMAT_Q6; // 16 bytes of factors for each of the four runs
  EXPECT_EQ(packedTensorBytes(cut), 4u * 16 + 18 * 208);
  cut.format = AXM_FORMAT_Q4;
  cut.cuts = {256};
  EXPECT_EQ(packedTensorBytes(cut), 3u * 32 + 18 * 144);
  TensorInfo heads = matrix(AXM_FORMAT_F32, 30, 32);
  heads.heads = 3; // 10 rows a head, padded to 16
  EXPECT_EQ(packedTensorBytes(heads), 48u * 32 * 4);
  TensorInfo vector = matrix(AXM_FORMAT_F32, 1, 33);
  vector.vector = true;
  EXPECT_EQ(packedTensorBytes(vector), 64u * 4);
  vector.cols = 30;
  vector.heads = 3; // 48 elements, padded to 64
  EXPECT_EQ(packedTensorBytes(vector), 64u * 4);
}

TEST(TensorLayout, Nonsense) {
  TensorInfo t = matrix(AXM_FORMAT_Q4, 8, 576);
  auto rejects = [](TensorInfo tensor) { return !packedTensorBytes(tensor).has_value(); };
  EXPECT_TRUE(rejects(matrix(AXM_FORMAT_F32, 0, 1)));
  EXPECT_TRUE(rejects(matrix(AXM_FORMAT_F32, 1, 0)));
  EXPECT_TRUE(rejects(matrix(AXM_FORMAT_F32, UINT64_MAX, 1)));
  EXPECT_TRUE(rejects(matrix(AXM_FORMAT_F32, 1, UINT64_MAX - 3)));
  EXPECT_TRUE(rejects(matrix(AXM_FORMAT_F32, 1ull << 31, 1ull << 31)) ||
              packedTensorBytes(matrix(AXM_FORMAT_F32, 1ull << 31, 1ull << 31)) == 1ull << 62 << 2);
  for (std::vector<uint32_t> cuts :
       {std::vector<uint32_t>{0}, {16}, {576}, {64, 64}, {96, 64}, {608}}) {
    t.cuts = cuts;
    EXPECT_TRUE(rejects(t)) << cuts[0];
  }
  t.cuts = {};
  t.heads = 3;
  EXPECT_TRUE(rejects(t));
  t.heads = 0;
  EXPECT_TRUE(rejects(t));
  t.heads = 1;
  t.rowAlign = 12;
  EXPECT_TRUE(rejects(t));
  t.rowAlign = 8;
  t.vector = true;
  EXPECT_TRUE(rejects(t));
}

} // namespace
