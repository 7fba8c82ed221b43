// The form of a CUDA code image, read by the header's words alone.
#include "codegen/cuda/CudaImage.h"

#include <cstring>
#include <gtest/gtest.h>

namespace axiom::codegen {
namespace {

std::vector<plan::KernelSpec> twoSpecs() {
  plan::KernelSpec rope;
  rope.name = "rope";
  rope.kind = plan::KernelKind::RopeAngles;
  rope.headDim = 64;
  plan::KernelSpec linear;
  linear.name = "up";
  linear.inner = 96;
  linear.cuts = {32};
  linear.prologue = plan::Prologue::Norm;
  linear.ranges = {{AXM_FORMAT_Q4, 40}};
  return {rope, linear};
}

template <typename T> T read(const std::vector<uint8_t> &bytes, size_t at) {
  T value;
  EXPECT_LE(at + sizeof value, bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void expectStage(const AxmCudaStage &packed, const CudaStage &stage) {
  EXPECT_EQ(packed.symbol, stage.symbol);
  bool there = !stage.symbol.empty();
  EXPECT_EQ(packed.threads, there ? stage.threads : 0);
  EXPECT_EQ(packed.sharedBytes, there ? stage.sharedBytes : 0);
  EXPECT_EQ(packed.units, there ? stage.units : 0);
  EXPECT_EQ(packed.unitsPerBlock, there ? stage.unitsPerBlock : 0);
  EXPECT_EQ(packed.tokensPerTile, there ? stage.tokensPerTile : 0);
  EXPECT_EQ(packed.mostTokens, there ? stage.mostTokens : 0);
}

TEST(CudaImage, HoldsRowsKernelsAndModuleAsTheHeaderSays) {
  std::vector<plan::KernelSpec> specs = twoSpecs();
  CudaSource source = emitCuda(specs);
  ASSERT_TRUE(source.kernels[0].prologue.symbol.empty());
  ASSERT_FALSE(source.kernels[1].prologue.symbol.empty());
  const std::string module = "\x7f"
                             "ELF and so on";
  auto image = packCudaImage(specs, source, "sm_90a", module);
  ASSERT_TRUE(image.ok()) << image.status().message();
  auto header = read<AxmCudaImageHeader>(*image, 0);
  EXPECT_EQ(header.magic, AXM_CUDA_IMAGE_MAGIC);
  EXPECT_EQ(std::memcmp(image->data(), "AXMG", 4), 0);
  EXPECT_EQ(header.abiVersion, AXM_CUDA_ABI_VERSION);
  EXPECT_EQ(header.numKernels, 2u);
  EXPECT_EQ(header.rowBytes, sizeof(AxmKernelRow));
  EXPECT_EQ(header.kernelBytes, sizeof(AxmCudaKernel));
  EXPECT_EQ(header.reserved, 0u);
  size_t rows = sizeof header, kernels = rows + 2 * sizeof(AxmKernelRow);
  size_t end = kernels + 2 * sizeof(AxmCudaKernel);
  EXPECT_EQ(header.moduleOffset, (end + 63) / 64 * 64);
  EXPECT_EQ(header.moduleSize, module.size());
  ASSERT_EQ(image->size(), header.moduleOffset + header.moduleSize);
  for (size_t i = 0; i < 2; ++i) {
    AxmKernelRow wanted = plan::kernelRow(specs[i]);
    auto row = read<AxmKernelRow>(*image, rows + i * sizeof(AxmKernelRow));
    EXPECT_EQ(std::memcmp(&row, &wanted, sizeof row), 0);
    EXPECT_EQ(row.body, 0u);
    auto kernel = read<AxmCudaKernel>(*image, kernels + i * sizeof(AxmCudaKernel));
    expectStage(kernel.prologue, source.kernels[i].prologue);
    for (size_t body = 0; body < AXM_CUDA_BODIES; ++body)
      expectStage(kernel.bodies[body], body < source.kernels[i].bodies.size()
                                           ? source.kernels[i].bodies[body]
                                           : CudaStage());
    EXPECT_EQ(kernel.scratchFixed, source.kernels[i].scratchFixed);
    EXPECT_EQ(kernel.scratchPerToken, source.kernels[i].scratchPerToken);
  }
  for (size_t i = end; i < header.moduleOffset; ++i)
    EXPECT_EQ((*image)[i], 0) << i;
  EXPECT_EQ(std::memcmp(image->data() + header.moduleOffset, module.data(), module.size()), 0);
}

TEST(CudaImage, PtxHasItsZero) {
  std::vector<plan::KernelSpec> specs = twoSpecs();
  auto image = packCudaImage(specs, emitCuda(specs), "compute_80", ".version 9.0");
  ASSERT_TRUE(image.ok());
  auto header = read<AxmCudaImageHeader>(*image, 0);
  EXPECT_EQ(header.moduleSize, 13u);
  EXPECT_STREQ(reinterpret_cast<const char *>(image->data() + header.moduleOffset), ".version 9.0");
}

TEST(CudaImage, NamesASymbolThatIsTooLong) {
  std::vector<plan::KernelSpec> specs = twoSpecs();
  specs[1].name = std::string(58, 'n'); // "_rows" makes 63
  EXPECT_TRUE(packCudaImage(specs, emitCuda(specs), "sm_80", "m").ok());
  specs[1].name += "n";
  auto image = packCudaImage(specs, emitCuda(specs), "sm_80", "m");
  ASSERT_FALSE(image.ok());
  EXPECT_NE(image.status().message().find(specs[1].name + "_rows"), std::string::npos);
  EXPECT_NE(image.status().message().find("64 bytes and a CUDA image takes 63"), std::string::npos)
      << image.status().message();
}

TEST(CudaImage, RefusesMoreThanItHolds) {
  std::vector<plan::KernelSpec> specs = twoSpecs();
  CudaSource source = emitCuda(specs);
  source.kernels[1].bodies[0].sharedBytes = AXM_CUDA_SHARED + 1;
  EXPECT_NE(checkKernels(source).message().find("101377 bytes of shared memory"), std::string::npos)
      << checkKernels(source).message();
  source = emitCuda(specs);
  source.kernels[0].bodies.resize(AXM_CUDA_BODIES + 1, source.kernels[0].bodies[0]);
  EXPECT_FALSE(checkKernels(source).ok());
  source.kernels[0].bodies.clear();
  EXPECT_FALSE(checkKernels(source).ok());
}

} // namespace
} // namespace axiom::codegen
