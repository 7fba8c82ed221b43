// The compiler's side of the contract (dialects/plan/KernelSpec) and the runtime's, written apart,
// agree.
#include "dialects/plan/KernelSpec.h"
#include "runtime/artifact/Validate.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace axiom;

namespace {

TEST(Contract, TensorSizes) {
  size_t compared = 0;
  for (AxmFormat format : {AXM_FORMAT_F32, AXM_FORMAT_F16, AXM_FORMAT_BF16, AXM_FORMAT_Q8,
                           AXM_FORMAT_Q4F16, AXM_FORMAT_Q4, AXM_FORMAT_Q6})
    for (uint32_t heads : {1u, 3u})
      for (uint32_t perHead : {1u, 8u, 10u, 40u, 64u, 131u})
        for (uint32_t align : {8u, 16u, 32u})
          for (uint32_t cols : {1u, 31u, 32u, 80u, 96u, 255u, 256u, 257u, 576u, 1536u})
            for (uint32_t cut : {0u, 32u, 64u, 256u, 288u, 1056u}) {
              plan::LinearRange range;
              range.format = format;
              range.heads = heads;
              range.rows = heads * perHead;
              range.rowAlign = align;
              std::vector<uint32_t> cuts;
              if (cut > 0 && cut < plan::padTo(cols, 32))
                cuts.push_back(cut);
              TensorInfo tensor;
              tensor.format = format;
              tensor.rows = range.rows;
              tensor.cols = cols;
              tensor.heads = heads;
              tensor.rowAlign = align;
              tensor.cuts = cuts;
              ASSERT_EQ(packedTensorBytes(tensor), plan::packedBytes(range, cols, cuts));
              TensorInfo bias;
              bias.vector = true;
              bias.rows = 1;
              bias.cols = range.rows;
              bias.heads = heads;
              bias.rowAlign = align;
              ASSERT_EQ(packedTensorBytes(bias), 4ull * plan::padTo(plan::packedRows(range), 32));
              ++compared;
            }
  EXPECT_EQ(compared, 7u * 2 * 6 * 3 * 10 * 6);
}

TEST(Contract, KvLayout) {
  for (AxmKvType type : {AXM_KV_F32, AXM_KV_F16, AXM_KV_INT8})
    for (uint32_t headDim : {2u, 10u, 40u, 64u, 128u})
      EXPECT_EQ(kvHeadBytes(type, headDim), plan::kvHeadBytes(type, headDim));
}

plan::KernelSpec linear(plan::Prologue prologue, plan::Epilogue epilogue, AxmFormat format,
                        size_t ranges) {
  plan::KernelSpec spec;
  spec.name = "k";
  spec.inner = 96;
  spec.cuts = {32};
  spec.prologue = prologue;
  spec.epilogue = epilogue;
  for (size_t i = 0; i < ranges; ++i) {
    plan::LinearRange range;
    range.format = format;
    range.rows = 64;
    range.bias = i == 1;
    spec.ranges.push_back(range);
  }
  spec.heads = 4;
  spec.kvHeads = 2;
  spec.headDim = 16;
  spec.kvHeadBytes = plan::kvHeadBytes(spec.kvType, spec.headDim);
  spec.kvBlockBytes = 2 * spec.kvHeadBytes;
  return spec;
}

// Every kind of kernel row passes the runtime's checks, signature included.
TEST(Contract, KernelRows) {
  std::vector<plan::KernelSpec> specs;
  for (plan::Prologue prologue :
       {plan::Prologue::None, plan::Prologue::Quantize, plan::Prologue::Norm})
    for (AxmFormat format : {AXM_FORMAT_F32, AXM_FORMAT_Q4}) {
      specs.push_back(linear(prologue, plan::Epilogue::Store, format, 1));
      specs.push_back(linear(prologue, plan::Epilogue::Residual, format, 1));
      specs.push_back(linear(prologue, plan::Epilogue::Qkv, format, 3));
      specs.push_back(linear(prologue, plan::Epilogue::SwiGlu, format, 2));
      specs.push_back(linear(prologue, plan::Epilogue::Head, format, 1));
    }
  for (plan::KernelKind kind :
       {plan::KernelKind::Embed, plan::KernelKind::RopeAngles, plan::KernelKind::Attention}) {
    specs.push_back(linear(plan::Prologue::None, plan::Epilogue::Store, AXM_FORMAT_Q8, 1));
    specs.back().kind = kind;
  }
  std::vector<AxmKernelRow> rows;
  uint32_t table =
      static_cast<uint32_t>(sizeof(AxmImageHeader) + specs.size() * sizeof(AxmKernelRow));
  for (const plan::KernelSpec &spec : specs) {
    rows.push_back(plan::kernelRow(spec));
    EXPECT_EQ(rows.back().signature, kernelSignature(rows.back()));
    rows.back().body = table;
    rows.back().bodyEnd = table + 1;
  }
  AxmImageHeader header{AXM_IMAGE_MAGIC, AXM_KERNEL_ABI_VERSION, static_cast<uint32_t>(rows.size()),
                        sizeof(AxmKernelRow)};
  std::vector<uint8_t> image(table + 1);
  std::memcpy(image.data(), &header, sizeof header);
  std::memcpy(image.data() + sizeof header, rows.data(), rows.size() * sizeof(AxmKernelRow));
  auto read = readKernelTable(image);
  EXPECT_TRUE(read.ok()) << read.status().message();
}

} // namespace
