// CUDA images: their form, the plan against them, and artifacts that have them.
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/IsaLevel.h"
#include "test/unit/artifact/TestArtifact.h"

#include <cstddef>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

struct Parts {
  TestArtifact artifact = makeTestArtifact();
  std::vector<AxmKernelRow> rows = testKernelRows(artifact.metadata);
  std::vector<AxmCudaKernel> kernels = testCudaKernels();
  std::string module = "module";

  std::vector<uint8_t> image() const { return makeCudaImage(rows, kernels, module); }
};

TEST(CudaImage, ReadsWhatWasWritten) {
  Parts parts;
  std::vector<uint8_t> bytes = parts.image();
  auto image = readCudaImage("cuda:sm_90a", bytes);
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->target, "cuda:sm_90a");
  ASSERT_EQ(image->rows.size(), parts.rows.size());
  EXPECT_EQ(image->rows[4].signature, parts.rows[4].signature);
  ASSERT_EQ(image->kernels.size(), parts.kernels.size());
  EXPECT_EQ(std::memcmp(image->kernels.data(), parts.kernels.data(),
                        parts.kernels.size() * sizeof(AxmCudaKernel)),
            0);
  EXPECT_EQ(std::string(image->module.begin(), image->module.end()), "module");
  EXPECT_EQ((image->module.data() - bytes.data()) % 64, 0);
  Status proof = proveCudaPlan(parts.artifact.metadata, *image);
  EXPECT_TRUE(proof.ok()) << proof.message();
}

TEST(CudaImage, BlocksOfAGrid) {
  AxmCudaStage stage{};
  stage.units = 5;
  stage.unitsPerBlock = 2;
  stage.tokensPerTile = 8;
  EXPECT_EQ(cudaBlocks(stage, 1), 3u);
  EXPECT_EQ(cudaBlocks(stage, 8), 3u);
  EXPECT_EQ(cudaBlocks(stage, 9), 5u);
  stage.units = 1u << 24;
  stage.unitsPerBlock = stage.tokensPerTile = 1;
  EXPECT_EQ(cudaBlocks(stage, 65536), uint64_t(1) << 40);
}

TEST(CudaImage, MalformedKernelsAreRejected) {
  using Change = std::function<void(AxmCudaKernel &)>;
  const std::pair<const char *, Change> changes[] = {
      {"identifier", [](AxmCudaKernel &k) { k.bodies[0].symbol[0] = '1'; }},
      {"identifier", [](AxmCudaKernel &k) { k.bodies[0].symbol[2] = '-'; }},
      {"identifier", [](AxmCudaKernel &k) { k.bodies[0].symbol[2] = '\x80'; }},
      {"identifier", [](AxmCudaKernel &k) { k.bodies[0].symbol[0] = 0; }},
      {"identifier", [](AxmCudaKernel &k) { k.bodies[0].symbol[63] = 'x'; }},
      {"identifier", [](AxmCudaKernel &k) { std::memset(k.bodies[1].symbol, 'x', 64); }},
      {"identifier", [](AxmCudaKernel &k) { k.prologue.threads = 32; }},
      {"0 threads", [](AxmCudaKernel &k) { k.bodies[0].threads = 0; }},
      {"33 threads", [](AxmCudaKernel &k) { k.bodies[0].threads = 33; }},
      {"1056 threads", [](AxmCudaKernel &k) { k.bodies[1].threads = 1056; }},
      {"shared memory", [](AxmCudaKernel &k) { k.bodies[1].sharedBytes = AXM_CUDA_SHARED + 1; }},
      {"0 units", [](AxmCudaKernel &k) { k.bodies[0].units = 0; }},
      {"units", [](AxmCudaKernel &k) { k.bodies[0].units = (1u << 24) + 1; }},
      {"16777216 units",
       [](AxmCudaKernel &k) {
         k.bodies[0].units = 1u << 24;
         k.bodies[0].unitsPerBlock = k.bodies[0].tokensPerTile = 1;
       }},
      {"0 a block", [](AxmCudaKernel &k) { k.bodies[0].unitsPerBlock = 0; }},
      {"tiles of 0", [](AxmCudaKernel &k) { k.bodies[0].tokensPerTile = 0; }},
      {"no body is for more than 8 tokens", [](AxmCudaKernel &k) { k.bodies[1] = {}; }},
      {"body 1 is for", [](AxmCudaKernel &k) { k.bodies[0] = {}; }},
      {"up to 8 tokens, the one before", [](AxmCudaKernel &k) { k.bodies[1].mostTokens = 8; }},
      {"body 2 is for", [](AxmCudaKernel &k) { k.bodies[2] = k.bodies[1]; }},
      {"any number",
       [](AxmCudaKernel &k) {
         k.prologue = k.bodies[0];
         k.prologue.mostTokens = 8;
       }},
      {"2^40", [](AxmCudaKernel &k) { k.scratchFixed = (uint64_t(1) << 40) + 1; }},
      {"2^40",
       [](AxmCudaKernel &k) {
         k.prologue = k.bodies[1];
         k.scratchPerToken = (uint64_t(1) << 40) + 1;
       }},
  };
  for (const auto &[expected, change] : changes) {
    Parts parts;
    change(parts.kernels[1]);
    auto image = readCudaImage("cuda:sm_90", parts.image());
    ASSERT_FALSE(image.ok()) << expected;
    EXPECT_EQ(image.status().code(), Code::BadInput);
    EXPECT_NE(image.status().message().find(expected), std::string::npos)
        << image.status().message();
    EXPECT_NE(image.status().message().find("kernel 1"), std::string::npos);
  }
  Parts parts; // the kernel of a variant that never runs on a GPU
  parts.kernels[1] = {};
  EXPECT_TRUE(readCudaImage("cuda:sm_90", parts.image()).ok());
}

TEST(CudaImage, MalformedImagesAreRejected) {
  Parts parts;
  const std::vector<uint8_t> good = parts.image();
  auto code = [](const std::vector<uint8_t> &bytes, const char *target = "cuda:sm_90") {
    auto image = readCudaImage(target, bytes);
    return image.ok() ? Code::Ok : image.status().code();
  };
  ASSERT_EQ(code(good), Code::Ok);
  for (size_t field = 0; field < sizeof(AxmCudaImageHeader) / 4; ++field)
    for (uint32_t value : {0u, 1u, 2u, 64u, 0xffffffffu, 0x10000000u}) {
      std::vector<uint8_t> bytes = good;
      if (std::memcmp(bytes.data() + 4 * field, &value, 4) == 0)
        continue;
      std::memcpy(bytes.data() + 4 * field, &value, 4);
      EXPECT_EQ(code(bytes), field == 1 ? Code::Unsupported : Code::BadInput)
          << field << " " << value;
    }
  size_t tables = sizeof(AxmCudaImageHeader) +
                  parts.rows.size() * (sizeof(AxmKernelRow) + sizeof(AxmCudaKernel));
  for (size_t size : {size_t(0), size_t(39), size_t(40), tables, good.size() - 1}) {
    std::vector<uint8_t> bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(code(bytes), Code::BadInput) << size;
  }
  std::vector<uint8_t> longer = good;
  longer.push_back(0);
  EXPECT_EQ(code(longer), Code::BadInput);
  ASSERT_NE(tables % 64, 0u);
  std::vector<uint8_t> padded = good;
  padded[tables] = 1;
  EXPECT_EQ(code(padded), Code::BadInput);
  for (size_t entry : {offsetof(AxmKernelRow, prologue), offsetof(AxmKernelRow, body),
                       offsetof(AxmKernelRow, bodyEnd)}) {
    std::vector<uint8_t> bytes = good;
    bytes[sizeof(AxmCudaImageHeader) + entry] = 1;
    EXPECT_EQ(code(bytes), Code::BadInput) << entry;
  }
  std::vector<uint8_t> row = good; // as on the CPU: argument 0 must not be written
  row[sizeof(AxmCudaImageHeader) + offsetof(AxmKernelRow, args) +
      offsetof(AxmArgRow, writePerToken)] = 4;
  EXPECT_EQ(code(row), Code::BadInput);
}

TEST(CudaImage, PtxEndsWithItsZero) {
  for (const char *module : {"ptx", "p"}) {
    Parts parts;
    parts.module = module;
    EXPECT_FALSE(readCudaImage("cuda:compute_80", parts.image()).ok());
    EXPECT_TRUE(readCudaImage("cuda:sm_80", parts.image()).ok());
    parts.module += '\0';
    EXPECT_TRUE(readCudaImage("cuda:compute_80", parts.image()).ok());
    parts.module += '\0';
    EXPECT_FALSE(readCudaImage("cuda:compute_80", parts.image()).ok());
  }
}

TEST(CudaImage, EveryTaskNeedsLaunches) {
  Parts parts;
  parts.kernels[3 * Attention + 2] = {};
  std::vector<uint8_t> bytes = parts.image();
  auto image = readCudaImage("cuda:sm_90", bytes);
  ASSERT_TRUE(image.ok()) << image.status().message();
  Status proof = proveCudaPlan(parts.artifact.metadata, *image);
  EXPECT_EQ(proof.code(), Code::BadInput);
  EXPECT_NE(proof.message().find("'attention': kernel 11 has no launch"), std::string::npos)
      << proof.message();
  image->rows.pop_back();
  EXPECT_FALSE(proveCudaPlan(parts.artifact.metadata, *image).ok());
}

OpenOptions choosing(size_t index) {
  OpenOptions options;
  options.chooseCuda = [index](const std::vector<std::string> &) { return Result<size_t>(index); };
  return options;
}

TEST(CudaArtifact, OpensForAGpu) {
  TestArtifact a = makeTestArtifact();
  addCudaImage(a, "cuda:sm_90a", "one");
  addCudaImage(a, "cuda:compute_80", std::string("two\0", 4));
  a.seal();
  std::string path = writeTemporary(a.bytes());
  std::vector<std::string> seen;
  OpenOptions options = choosing(1);
  options.chooseCuda = [&](const std::vector<std::string> &targets) {
    seen = targets;
    return Result<size_t>(size_t(1));
  };
  options.load = LoadMode::Copy;
  auto opened = Artifact::open(path, options);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_EQ(seen, (std::vector<std::string>{"cuda:sm_90a", "cuda:compute_80"}));
  EXPECT_EQ((*opened)->target(), "cuda:compute_80");
  const CudaImage *image = (*opened)->cuda();
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(std::string(image->module.begin(), image->module.end()), std::string("two\0", 4));
  auto mapping = (*opened)->mapping();
  EXPECT_TRUE(image->module.data() < mapping.data() ||
              image->module.data() >= mapping.data() + mapping.size());
  const LoadedProgram &program = (*opened)->program();
  ASSERT_EQ(program.kernels.size(), size_t(3 * NumTestKernels));
  EXPECT_EQ(program.kernels[0].body, nullptr);
  EXPECT_GE(program.weights, mapping.data()); // not copied: they go to the GPU
  EXPECT_LT(program.weights, mapping.data() + mapping.size());
  Status verified = (*opened)->verify();
  EXPECT_TRUE(verified.ok()) << verified.message();
  auto images = (*opened)->images();
  ASSERT_TRUE(images.ok());
  ASSERT_EQ(images->size(), 3u);
  EXPECT_EQ((*images)[1].target, "cuda:sm_90a");
  EXPECT_EQ((*images)[1].launches.size(), (*images)[1].rows.size());
  EXPECT_TRUE((*images)[0].launches.empty());
}

TEST(CudaArtifact, RefusalsSayWhatToDo) {
  auto refusal = [](const TestArtifact &a, const OpenOptions &options) {
    auto opened = Artifact::open(writeTemporary(a.bytes()), options);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? Status() : opened.status();
  };
  auto expect = [](const Status &status, Code code, std::vector<std::string> parts) {
    EXPECT_EQ(status.code(), code) << status.message();
    for (const std::string &part : parts)
      EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  };
  TestArtifact cpu = makeTestArtifact();
  expect(refusal(cpu, choosing(0)), Code::Unsupported,
         {"no code for CUDA", "'cpu:x86-64-v3'", "--target=cuda", "--device=cpu"});
  TestArtifact cuda = cpu;
  cuda.blobs[0] =
      makeCudaImage(testKernelRows(cuda.metadata), testCudaKernels(), std::string("one"));
  cuda.metadata.segments[0].target = "cuda:sm_90a";
  cuda.seal();
  expect(refusal(cuda, {}), Code::Unsupported,
         {"code for CUDA only ('cuda:sm_90a')", "--device=cuda", "axiomc"});
  OpenOptions isa = choosing(0);
  isa.isa = "x86-64-v3";
  expect(refusal(cuda, isa), Code::InvalidArgument, {"ISA level 'x86-64-v3'", "leave it out"});
  OpenOptions none;
  none.chooseCuda = [](const std::vector<std::string> &) {
    return Result<size_t>(Status(Code::Unsupported, "no such GPU"));
  };
  expect(refusal(cuda, none), Code::Unsupported, {"no such GPU"});
  TestArtifact damaged = cuda;
  damaged.blobs[0].back() ^= 1; // its digest is the old one
  expect(refusal(damaged, choosing(0)), Code::BadInput, {"code segment cuda:sm_90a is damaged"});
}

} // namespace
