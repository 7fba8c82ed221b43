// ReplaySeeds FOLDER: a seed for ReplayFuzz.
#include "test/gpu/SmallPack.h"

#include <filesystem>
#include <fstream>

using namespace axiom;

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  const std::filesystem::path folder = std::filesystem::path(argv[1]) / "Replay";
  std::filesystem::create_directories(folder);
  const std::vector<uint8_t> pack = replay::smallPack();
  std::ofstream file(folder / "body", std::ios::binary);
  file.write(reinterpret_cast<const char *>(pack.data()) + replay::kBodyAt,
             static_cast<std::streamsize>(pack.size() - replay::kBodyAt));
  file.close();
  return file ? 0 : 1;
}
