// The plan of a program with every repetition written out and every argument resolved to an
// address, so that a step only walks arrays. The same for every device.
#ifndef AXIOM_RUNTIME_DEVICE_LAUNCHTABLE_H
#define AXIOM_RUNTIME_DEVICE_LAUNCHTABLE_H

#include "runtime/artifact/Program.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <vector>

namespace axiom {

/// One task of one repetition.
struct Launch {
  const LoadedKernel *kernels[3]; ///< for 1, 2..8, more tokens
  uint32_t firstArg;              ///< in LaunchTable::args
  bool balance;
  bool perRow; ///< numTokens is the number of rows, not of tokens
};

/// The launches between two barriers.
struct LaunchPhase {
  uint32_t firstLaunch, numLaunches;
  int64_t layerDone; ///< the layer that ends with this phase, or -1
};

/// An argument whose address comes with each step.
struct StepArg {
  uint32_t arg; ///< in LaunchTable::args
  AxmSpace space;
};

struct LaunchTable {
  std::vector<Launch> launches;
  std::vector<LaunchPhase> phases;
  std::vector<void *> args;
  std::vector<StepArg> stepArgs;
  uint64_t scratchFixed = 0, scratchPerToken = 0; ///< largest of all kernels, each on its own
};

/// What launches, phases and arguments of `program` take, in bytes.
uint64_t launchTableBytes(const LoadedProgram &program);

/// `slots` holds the address of each workspace slot, `kv` that of the pool.
LaunchTable buildLaunchTable(const LoadedProgram &program, const std::vector<uint8_t *> &slots,
                             uint8_t *kv);

} // namespace axiom

#endif
