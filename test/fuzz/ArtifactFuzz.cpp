// The loader on any bytes: as a whole file, as a CUDA image, and as the metadata of an otherwise
// good artifact whose digests are right. What opens must survive inspection.
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/Decode.h"
#include "runtime/artifact/Validate.h"
#include "test/unit/artifact/TestArtifact.h"

#include <cstdlib>
#include <vector>

using namespace axiom;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const test::TestArtifact good = test::makeTestArtifact();
  // The first byte chooses; the seeds of whole files start with the magic's 'A'.
  std::vector<uint8_t> file;
  if (size > 0 && data[0] == 'C') {
    std::vector<uint8_t> bytes(data + 1, data + size); // so that the sanitizer sees its end
    for (const char *target : {"cuda:compute_80", "cuda:sm_90a"})
      if (auto image = readCudaImage(target, bytes); image.ok())
        (void)proveCudaPlan(good.metadata, *image);
    return 0;
  }
  if (size > 0 && data[0] == 'A') {
    file.assign(data, data + size);
  } else if (size > 1) {
    // Decoding alone first: it sees also what the header would reject.
    std::vector<uint64_t> aligned((size + 7) / 8);
    auto *bytes = reinterpret_cast<uint8_t *>(aligned.data());
    std::copy(data + 1, data + size, bytes);
    auto metadata = decodeMetadata({bytes, size - 1});
    if (metadata.ok() && validateMetadata(*metadata, good.metadataPlace).ok())
      (void)provePlan(*metadata, test::testKernelRows(good.metadata));
    file = good.bytesWith({data + 1, data + size});
  }
  OpenOptions options;
  options.prefault = false;
  std::string path = test::writeTemporary(file, "fuzz.axm");
  OpenOptions gpu;
  gpu.chooseCuda = [](const std::vector<std::string> &targets) {
    return Result<size_t>(targets.size() - 1);
  };
  (void)Artifact::open(path, gpu);
  auto artifact = Artifact::open(path, options);
  if (!artifact.ok()) {
    if (artifact.status().message().empty())
      std::abort();
    return 0;
  }
  (void)(*artifact)->verify();
  // The images that were not chosen have not been looked at before.
  if (auto images = (*artifact)->images(); !images.ok() && images.status().message().empty())
    std::abort();
  return 0;
}
