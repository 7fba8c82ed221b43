// Damaged CUDA images in artifacts whose digests are right: rejected with one clear line, or what
// is launched keeps to its bounds.
#include "test/corrupt/artifact/CorruptFile.h"

#include <cctype>
#include <cstring>
#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

constexpr size_t kImage = 5; ///< its segment

TestArtifact cudaArtifact() {
  TestArtifact a = makeTestArtifact();
  addCudaImage(a, "cuda:compute_80", std::string("ptx\0", 4));
  a.seal();
  return a;
}

Result<std::shared_ptr<const Artifact>> openForGpu(const std::string &path) {
  OpenOptions options;
  options.chooseCuda = [](const std::vector<std::string> &) { return Result<size_t>(size_t(0)); };
  return Artifact::open(path, options);
}

/// Written anew from the format's description, not from the reader.
std::string wrongStage(const AxmCudaStage &s) {
  if (std::memcmp(&s, std::string(sizeof s, '\0').data(), sizeof s) == 0)
    return "";
  size_t length = strnlen(s.symbol, sizeof s.symbol);
  bool name = length > 0 && length < sizeof s.symbol && !std::isdigit(s.symbol[0]);
  for (size_t i = 0; i < sizeof s.symbol; ++i)
    name &= i < length ? std::isalnum(static_cast<unsigned char>(s.symbol[i])) || s.symbol[i] == '_'
                       : s.symbol[i] == 0;
  if (!name)
    return "symbol";
  if (s.threads % 32 != 0 || s.threads < 32 || s.threads > 1024 || s.sharedBytes > 232448)
    return "block";
  if (s.units == 0 || s.unitsPerBlock == 0 || s.tokensPerTile == 0 || s.mostTokens == 0)
    return "units";
  for (uint32_t tokens : {1u, 65536u})
    if (cudaBlocks(s, tokens) == 0 || cudaBlocks(s, tokens) > 0x7fffffff)
      return "grid";
  return "";
}

std::string judgeCuda(const std::string &path, size_t &accepted) {
  auto opened = openForGpu(path);
  if (!opened.ok()) {
    const std::string &message = opened.status().message();
    if (opened.status().code() != Code::BadInput && opened.status().code() != Code::Unsupported)
      return std::string("rejected as ") + codeName(opened.status().code()) + ": " + message;
    return message.size() < path.size() + 10 || message.find('\n') != std::string::npos
               ? "unclear error: " + message
               : "";
  }
  ++accepted;
  const CudaImage &image = *(*opened)->cuda();
  if (image.module.empty() || image.module.back() != 0)
    return "PTX without an end";
  for (const AxmCudaKernel &kernel : image.kernels) {
    for (const AxmCudaStage *stage : cudaStages(kernel))
      if (std::string wrong = wrongStage(*stage); !wrong.empty())
        return wrong;
    if (kernel.bodies[0].units == 0)
      return "no body";
    if (kernel.scratchFixed > uint64_t(1) << 40 || kernel.scratchPerToken > uint64_t(1) << 40)
      return "scratch";
  }
  return "";
}

TEST(CorruptCudaImage, EveryByteChanged) {
  TestArtifact good = cudaArtifact();
  size_t accepted = 0, mutants = 0, size = good.blobs[kImage].size();
  ASSERT_EQ(judgeCuda(writeTemporary(good.bytes(), "corrupt-cuda.axm"), accepted), "");
  ASSERT_EQ(accepted, 1u) << "the unchanged artifact does not open";
  accepted = 0;
  // Rows are all alike to the reader, and their signature covers them.
  size_t rowsEnd = sizeof(AxmCudaImageHeader) + testCudaKernels().size() * sizeof(AxmKernelRow);
  size_t rare = longTests() ? 1 : 97;
  for (size_t at = 0; at<size; at += at> sizeof(AxmCudaImageHeader) && at < rowsEnd ? rare : 1)
    for (uint32_t bit = longTests() ? 0 : at % 8; bit < 8; bit += longTests() ? 1 : 8) {
      TestArtifact changed = good;
      changed.blobs[kImage][at] ^= static_cast<uint8_t>(1u << bit);
      changed.seal();
      ASSERT_EQ(judgeCuda(writeTemporary(changed.bytes(), "corrupt-cuda.axm"), accepted), "")
          << "byte " << at << ", bit " << bit;
      ++mutants;
    }
  std::printf("%zu mutants, %zu accepted as harmless\n", mutants, accepted);
  EXPECT_GE(mutants, 4000u);
  EXPECT_LT(accepted, mutants / 2); // other names, other numbers of threads
}

TEST(CorruptCudaImage, EveryLength) {
  TestArtifact good = cudaArtifact();
  for (size_t size = 1; size < good.blobs[kImage].size(); size += longTests() ? 1 : 131) {
    TestArtifact changed = good;
    changed.blobs[kImage].resize(size);
    changed.seal();
    size_t accepted = 0;
    ASSERT_EQ(judgeCuda(writeTemporary(changed.bytes(), "corrupt-cuda.axm"), accepted), "");
    ASSERT_EQ(accepted, 0u) << size;
  }
}

// The plan is proved against the CUDA image's rows as against a CPU image's.
TEST(CorruptCudaImage, AnotherModelsRows) {
  TestArtifact good = cudaArtifact();
  TestArtifact other = makeTestArtifact();
  other.metadata.kv.layerBytes += 64;
  good.blobs[kImage] =
      makeCudaImage(testKernelRows(other.metadata), testCudaKernels(), std::string("ptx\0", 4));
  good.seal();
  auto opened = openForGpu(writeTemporary(good.bytes(), "corrupt-cuda.axm"));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), Code::BadInput);
}

} // namespace
