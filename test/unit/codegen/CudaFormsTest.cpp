// The forms of CUDA kernels fit where every architecture has room: for all mixes of formats that a
// plan may have, and heads from the smallest to the largest.
#include "codegen/cuda/EmitCuda.h"
#include "runtime/abi/cuda_abi.h"

#include <gtest/gtest.h>

namespace axiom::codegen {
namespace {

constexpr AxmFormat kFormats[] = {AXM_FORMAT_F32,   AXM_FORMAT_F16, AXM_FORMAT_BF16, AXM_FORMAT_Q8,
                                  AXM_FORMAT_Q4F16, AXM_FORMAT_Q4,  AXM_FORMAT_Q6};

void expectFits(plan::KernelSpec spec, const std::string &what) {
  spec.name = "k";
  spec.inner = 1024;
  spec.prologue = plan::Prologue::Norm;
  for (const std::vector<uint32_t> &cuts :
       {std::vector<uint32_t>{}, {512}, {256, 512, 768}, {128, 256, 384, 512, 640, 768, 896}}) {
    spec.cuts = cuts;
    for (const FullGrid &full : {FullGrid{}, FullGrid{1, 1, 1024}}) {
      CudaSource source = emitCuda({spec}, full);
      for (const CudaStage &body : source.kernels[0].bodies) {
        EXPECT_LE(body.sharedBytes, AXM_CUDA_SHARED)
            << what << ", " << cuts.size() << " cuts, " << body.symbol;
        EXPECT_LE(body.threads, 1024u) << what << ", " << body.symbol;
        EXPECT_EQ(body.threads % 32, 0u);
      }
    }
  }
}

TEST(CudaForms, OfAnyFormatsFit) {
  for (AxmFormat first : kFormats)
    for (AxmFormat second : kFormats) {
      std::string what = std::string(plan::formatName(first)) + ", " + plan::formatName(second);
      plan::KernelSpec spec;
      spec.epilogue = plan::Epilogue::SwiGlu;
      spec.ranges = {{first, 3072, 1, 32, false}, {second, 3072, 1, 32, false}};
      expectFits(spec, "swiglu " + what);
      spec.epilogue = plan::Epilogue::Qkv;
      for (uint32_t dim : {2u, 18u, 64u, 96u, 128u, 256u})
        for (bool qkNorm : {false, true}) {
          spec.heads = 8;
          spec.kvHeads = 2;
          spec.headDim = dim;
          spec.qkNorm = qkNorm;
          spec.ranges = {{first, 8 * dim, 8, 8, false},
                         {second, 2 * dim, 2, 8, false},
                         {second, 2 * dim, 2, 8, false}};
          expectFits(spec, "qkv of " + std::to_string(dim) + " " + what);
        }
    }
  for (AxmKvType type : {AXM_KV_F32, AXM_KV_F16, AXM_KV_INT8})
    for (uint32_t dim : {2u, 18u, 64u, 96u, 128u, 256u, 512u})
      for (uint32_t heads : {1u, 2u, 14u, 48u}) {
        plan::KernelSpec spec;
        spec.kind = plan::KernelKind::Attention;
        spec.heads = heads;
        spec.kvHeads = heads % 2 ? 1 : 2;
        spec.headDim = dim;
        spec.kvType = type;
        expectFits(spec, "attention of " + std::to_string(dim));
      }
  for (AxmFormat format : kFormats) {
    plan::KernelSpec spec;
    spec.ranges = {{format, 4096, 1, 8, false}};
    for (plan::Epilogue epilogue : {plan::Epilogue::Store, plan::Epilogue::Residual}) {
      spec.epilogue = epilogue;
      expectFits(spec, std::string("linear ") + plan::formatName(format));
    }
    spec.epilogue = plan::Epilogue::Head;
    expectFits(spec, std::string("head ") + plan::formatName(format));
  }
}

} // namespace
} // namespace axiom::codegen
