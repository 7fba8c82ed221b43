// The test model opened for the fake driver's GPU, whose kernels move enough data to show that each
// step reads its own inputs and the results come back.
#ifndef AXIOM_TEST_UNIT_DEVICE_GPUFIXTURE_H
#define AXIOM_TEST_UNIT_DEVICE_GPUFIXTURE_H

#include "runtime/device/cuda/CudaExecutor.h"
#include "test/unit/artifact/TestArtifact.h"
#include "test/unit/device/FakeDriver.h"

namespace axiom::test {

struct GpuFixture {
  GpuFixture() {
    fake.kernel = [this](const FakeLaunch &launch) { run(launch); };
    TestArtifact test = makeTestArtifact();
    addCudaImage(test, "cuda:sm_90a");
    test.seal();
    OpenOptions options;
    options.chooseCuda = [](const std::vector<std::string> &) { return Result<size_t>(size_t(0)); };
    artifact = Artifact::open(writeTemporary(test.bytes(), "gpu.axm"), options).value();
  }

  Result<std::shared_ptr<cuda::GpuModel>> load() {
    auto gpu = cuda::Gpu::open(fake.driver, 0);
    if (!gpu.ok())
      return gpu.status();
    return cuda::GpuModel::create(*gpu, artifact);
  }

  /// x of a token is its id; attention adds what the KV block of the token holds and counts up
  /// there; a logit is x of the row's token plus its own id.
  void run(const FakeLaunch &l) {
    auto *const *args = reinterpret_cast<uint8_t *const *>(l.launch.args);
    uint32_t tokens = *l.launch.tokens;
    uint32_t stride = artifact->config().hiddenStride(), logits = artifact->config().logitsStride();
    auto is = [&](const char *name) { return l.symbol.rfind(name, 0) == 0; };
    auto words = [&](int arg) { return reinterpret_cast<const uint32_t *>(args[arg]); };
    if (is("embed")) {
      for (uint32_t t = 0; t < tokens; ++t)
        reinterpret_cast<float *>(args[2])[t * stride] = static_cast<float>(words(0)[t]);
    } else if (is("output")) {
      for (uint32_t t = 0; t < tokens; ++t)
        reinterpret_cast<float *>(args[2])[t * stride] += 1000;
    } else if (is("attention")) {
      for (uint32_t t = 0; t < tokens; ++t) {
        uint32_t block = words(5)[words(4)[t] + words(3)[t] / 64];
        ++args[2][block * artifact->metadata().kv.blockBytes];
      }
    } else if (is("head") && l.symbol.find("_rows") == std::string::npos) {
      for (uint32_t r = 0; r < tokens; ++r) {
        float x = reinterpret_cast<const float *>(args[0])[words(3)[r] * stride];
        for (uint32_t i = 0; i < logits; ++i)
          reinterpret_cast<float *>(args[4])[r * logits + i] = x + static_cast<float>(i);
        reinterpret_cast<AxmTile *>(args[5])[r] = {x, static_cast<int32_t>(r), 1, 0};
      }
    }
  }

  FakeDriver fake;
  std::shared_ptr<const Artifact> artifact;
};

} // namespace axiom::test

#endif
