// What a device without errors and with them says; the order of what lies in a step's inputs.
#include "runtime/device/cuda/StepLayout.h"
#include "test/unit/device/GpuFixture.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::cuda;
using namespace axiom::test;

namespace {

void expectMessage(const Status &status, Code code, std::vector<std::string> parts) {
  EXPECT_EQ(codeName(status.code()), std::string(codeName(code))) << status.message();
  for (const std::string &part : parts)
    EXPECT_NE(status.message().find(part), std::string::npos) << part << ": " << status.message();
}

TEST(Gpu, IsNamed) {
  FakeDriver fake;
  fake.devices = {"One", "Two"};
  auto gpu = Gpu::open(fake.driver, 1);
  ASSERT_TRUE(gpu.ok()) << gpu.status().message();
  EXPECT_EQ((*gpu)->name(), "cuda:1 (Two)");
  EXPECT_EQ((*gpu)->facts().major, 9);
  EXPECT_EQ((*gpu)->facts().driver, 13000);
  expectMessage(Gpu::open(fake.driver, 2).status(), Code::Unsupported,
                {"no device cuda:2", "cuda:0 to cuda:1"});
  fake.devices.clear();
  expectMessage(Gpu::open(fake.driver, 0).status(), Code::Unsupported,
                {"cuInit on cuda:0", "(100)", "nvidia-smi"});
}

TEST(Gpu, ErrorsNameCallDeviceAndRemedy) {
  FakeDriver fake;
  auto gpu = Gpu::open(fake.driver, 0).value();
  EXPECT_TRUE(gpu->check("cuMemAlloc", kSuccess).ok());
  expectMessage(
      gpu->check("cuMemAlloc", kOutOfMemory), Code::Resource,
      {"cuMemAlloc on cuda:0 (Fake GPU): CUDA_ERROR_OUT_OF_MEMORY (2), as the test wants it;",
       "fewer KV positions"});
  expectMessage(gpu->check("cuInit", 12345), Code::Internal, {"unknown error (12345)", "Xid"});
  expectMessage(gpu->check("cuModuleLoadData", kUnsupportedPtxVersion), Code::Unsupported,
                {"newer driver"});
}

TEST(Driver, VersionsAreWrittenAsPeopleKnowThem) {
  EXPECT_EQ(versionText(12040), "12.4");
  EXPECT_EQ(versionText(13000), "13.0");
}

TEST(StepLayout, Buckets) {
  const uint32_t expected[][2] = {{0, 0}, {1, 1}, {2, 2}, {3, 4}, {8, 8}, {9, 16}, {33, 48}};
  for (auto [count, bucket] : expected)
    EXPECT_EQ(bucketOf(count, 48), bucket) << count;
  EXPECT_EQ(bucketOf(65536, 65536), 65536u);
}

TEST(StepLayout, PacksWhatKernelsFind) {
  int32_t tokens[] = {7, 8, 9}, positions[] = {0, 1, 70};
  uint32_t offsets[] = {0, 0, 2}, tables[] = {5, 6, 7, 8}, rows[] = {2};
  StepInput in{tokens, positions, offsets, tables, rows, nullptr, nullptr};
  StepLayout layout(4, 2);
  std::vector<uint8_t> bytes(layout.bytes(4), 0xee);
  EXPECT_EQ(layout.pack(in, bytes.data()), bytes.size());
  auto word = [&](uint64_t at) {
    uint32_t value;
    std::memcpy(&value, bytes.data() + at, 4);
    return value;
  };
  EXPECT_EQ(word(layout.tokenCount), 3u);
  EXPECT_EQ(word(layout.rowCount), 1u);
  for (uint64_t t = 0; t < 3; ++t) {
    EXPECT_EQ(word(layout.offsetOf(AXM_SPACE_TOKENS) + 4 * t), 7 + t);
    EXPECT_EQ(word(layout.offsetOf(AXM_SPACE_POSITIONS) + 4 * t),
              static_cast<uint32_t>(positions[t]));
    EXPECT_EQ(word(layout.offsetOf(AXM_SPACE_TABLE_OFFSETS) + 4 * t), offsets[t]);
  }
  EXPECT_EQ(word(layout.offsetOf(AXM_SPACE_ROWS)), 2u);
  for (uint64_t b = 0; b < 4; ++b)
    EXPECT_EQ(word(layout.offsetOf(AXM_SPACE_BLOCK_TABLES) + 4 * b), 5 + b);
  // The places depend on the bucket alone.
  EXPECT_EQ(StepLayout(4, 2).blockTables, layout.blockTables);
  for (uint64_t at :
       {layout.tokens, layout.positions, layout.tableOffsets, layout.rows, layout.blockTables})
    EXPECT_EQ(at % 64, 0u);
}

TEST(GpuModel, LoadsTheModuleAndTheWeightsOnce) {
  GpuFixture f;
  auto model = f.load();
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ((*model)->description(), "cuda:0 (Fake GPU)");
  EXPECT_FALSE((*model)->memory()->weightsResident);
  EXPECT_EQ(f.fake.calls["cuMemAlloc"], 0u);
  std::vector<std::pair<uint64_t, uint64_t>> progress;
  auto resident = (*model)->resident(
      [&](uint64_t done, uint64_t total) { progress.emplace_back(done, total); });
  ASSERT_TRUE(resident.ok()) << resident.status().message();
  uint64_t bytes = f.artifact->program().weightsSize;
  EXPECT_EQ(progress, (std::vector<std::pair<uint64_t, uint64_t>>{{bytes, bytes}}));
  EXPECT_EQ(std::memcmp(reinterpret_cast<const void *>((*resident)->weights.get()),
                        f.artifact->program().weights, bytes),
            0);
  EXPECT_TRUE((*model)->memory()->weightsResident);
  EXPECT_EQ((*model)->memory()->free, f.fake.totalBytes - bytes);
  auto again = (*model)->resident({});
  EXPECT_EQ(again->get(), resident->get());
  EXPECT_EQ(f.fake.calls["cuModuleLoadDataEx"], 1u);
  (*model)->drop(resident->get());
  auto fresh = (*model)->resident({});
  ASSERT_TRUE(fresh.ok());
  EXPECT_NE(fresh->get(), resident->get());
  EXPECT_EQ(f.fake.calls["cuModuleLoadDataEx"], 2u);
  *model = nullptr;
  *resident = *again = *fresh = nullptr;
  EXPECT_EQ(f.fake.live(), 0u);
  EXPECT_EQ(f.fake.misuse, "");
}

TEST(GpuModel, WhatTheDeviceLacksIsNamed) {
  GpuFixture f;
  f.fake.missing = {"attention2_many"};
  expectMessage(f.load().status(), Code::Internal,
                {"kernel attention2_many", "cuModuleGetFunction"});
  f.fake.missing = {};
  f.fake.sharedBytes = 4096;
  expectMessage(f.load().status(), Code::Unsupported,
                {"8192 bytes of shared memory", "cuda:0 (Fake GPU) has 4096"});
  EXPECT_EQ(f.fake.live(), 0u);
}

} // namespace
