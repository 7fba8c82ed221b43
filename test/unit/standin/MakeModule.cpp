// MakeModule FILE: writes the kernels that the tests of the stand-in driver launch, compiled for
// the host twin.
#include "codegen/cuda/HostCompiler.h"

#include <cstdio>
#include <fstream>

static const char kKernels[] = R"(
#include "codegen/cuda/kernels/Launch.h"
namespace axiom::device {
AXIOM_KERNEL(64, 1) addOne(Launch l) {
  u32 i = blockIndex() * blockThreads() + threadIndex();
  store(l.args[0] + 4 * i, load<u32>(l.args[1] + 4 * i) + 1);
}
AXIOM_KERNEL(64, 1) beyond(Launch l) { store(l.args[0] + (1 << 20), 1u); }
AXIOM_KERNEL(64, 1) crooked(Launch l) { store(l.args[0] + 2, 1u); }
AXIOM_KERNEL(64, 1) race(Launch l) {
  storeShared(4 * threadIndex(), threadIndex());
  store(l.args[0] + 4 * threadIndex(), loadShared<u32>(4 * (threadIndex() ^ 1)));
}
AXIOM_KERNEL(64, 1) shared(Launch l) {
  u32 at = 65536 - 4 * blockThreads() + 4 * threadIndex();
  storeShared(at, threadIndex());
  store(l.args[0] + 4 * threadIndex(), loadShared<u32>(at));
}
} // namespace axiom::device
)";

int main(int argc, char **argv) {
  axiom::Result<std::string> bytes = axiom::codegen::compileForTwin("test.cu", kKernels);
  if (!bytes.ok() || argc != 2) {
    fprintf(stderr, "%s\n", bytes.ok() ? "one argument" : bytes.status().message().c_str());
    return 1;
  }
  std::ofstream file(argv[1], std::ios::binary);
  file << *bytes;
  return file.good() ? 0 : 1;
}
