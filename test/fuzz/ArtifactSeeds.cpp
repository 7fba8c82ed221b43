// ArtifactSeeds FOLDER: seeds for ArtifactFuzz.
#include "test/unit/artifact/TestArtifact.h"

#include <cstdio>
#include <filesystem>
#include <string>

using namespace axiom::test;

static void write(const std::string &path, const std::vector<uint8_t> &bytes) {
  FILE *file = std::fopen(path.c_str(), "wb");
  if (!file || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() ||
      std::fclose(file) != 0) {
    std::perror(path.c_str());
    std::exit(1);
  }
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  std::string folder = std::string(argv[1]) + "/Artifact/";
  std::filesystem::create_directories(folder);
  TestArtifact artifact = makeTestArtifact();
  write(folder + "file", artifact.bytes());
  TestArtifact cuda = artifact;
  addCudaImage(cuda, "cuda:sm_90a");
  addCudaImage(cuda, "cuda:compute_80", std::string("ptx\0", 4));
  cuda.seal();
  write(folder + "cuda", cuda.bytes());
  std::vector<uint8_t> image = cuda.blobs.back();
  image.insert(image.begin(), 'C');
  write(folder + "image", image);
  std::vector<uint8_t> metadata = serialize(artifact.metadata);
  metadata.insert(metadata.begin(), 'M');
  write(folder + "metadata", metadata);
}
