// Plays a recorded kernel sweep on this machine: KernelSweep FILE
//
// Each launch starts from its recorded operands, flush against inaccessible pages, with scratch
// full of NaNs; every byte that it leaves must be the recorded one, which the interpreter's rules
// gave.
#include "runtime/artifact/IsaLevel.h"
#include "runtime/base/Memory.h"
#include "runtime/device/cpu/FloatMode.h"
#include "test/kernels/Guarded.h"
#include "test/kernels/Sweep.h"

#include <cstdio>
#include <cstring>

namespace axiom::test {
namespace {

/// The first difference, or nothing.
std::string play(const SweepLaunch &launch, const uint8_t *image) {
  std::vector<Guarded> memory;
  std::vector<void *> args;
  for (const SweepOperand &operand : launch.operands) {
    memory.push_back(guardedCopy(*operand.before));
    args.push_back(memory.back().as());
  }
  for (const SweepPart &part : launch.parts) {
    Guarded scratch((part.scratchBytes + 63) / 64 * 64);
    std::memset(scratch.as(), 0xff, scratch.size());
    AxmLaunch fields = part.launch;
    fields.args = args.data();
    fields.scratch = scratch.as();
    for (uint32_t entry : {part.prologue, part.body})
      if (entry)
        reinterpret_cast<AxmKernelEntry>(reinterpret_cast<uintptr_t>(image + entry))(&fields);
  }
  for (size_t i = 0; i < memory.size(); ++i) {
    const SweepOperand &operand = launch.operands[i];
    std::string found =
        difference(*operand.after, memory[i].as(), operand.rowBytes, operand.floats);
    if (!found.empty())
      return operand.name + " " + found;
  }
  return "";
}

int playFile(const char *path) {
  auto sweep = readSweep(path);
  if (!sweep.ok()) {
    std::printf("%s\n", sweep.status().message().c_str());
    return 1;
  }
  const IsaLevel *level = findIsaLevel(sweep->level);
  if (!level || level->missing()) {
    std::printf("this CPU does not have what %s needs: %s\n", sweep->level.c_str(),
                level ? featureNames(level->missing()).c_str() : "another architecture");
    return 1;
  }
  FloatMode mode;
  size_t launches = 0, wrong = 0;
  for (const SweepCase &one : sweep->cases) {
    auto image = Pages::allocate(one.image->size(), "a code image");
    if (!image.ok()) {
      std::printf("%s\n", image.status().message().c_str());
      return 1;
    }
    std::memcpy(image->data(), one.image->data(), one.image->size());
    if (Status executable = image->makeExecutable(); !executable.ok()) {
      std::printf("%s\n", executable.message().c_str());
      return 1;
    }
    for (const SweepLaunch &launch : one.launches) {
      ++launches;
      std::string found = play(launch, image->data());
      if (!found.empty() && ++wrong <= 20)
        std::printf("%s, %s: %s\n", one.name.c_str(), launch.what.c_str(), found.c_str());
    }
  }
  std::printf("%s: %zu launches of %zu cases, %zu differ from the interpreter\n",
              sweep->level.c_str(), launches, sweep->cases.size(), wrong);
  return wrong == 0 && launches > 0 ? 0 : 1;
}

} // namespace
} // namespace axiom::test

int main(int argc, char **argv) {
  if (argc != 2) {
    std::printf("usage: KernelSweep FILE (KernelSweepRecord writes it)\n");
    return 2;
  }
  return axiom::test::playFile(argv[1]);
}
