// The kernel sweep of an instruction-set level as a file: machine code, operands, and what they
// must hold afterwards. It is recorded where the compiler runs and played on a machine that has the
// level.
#ifndef AXIOM_TEST_KERNELS_SWEEP_H
#define AXIOM_TEST_KERNELS_SWEEP_H

#include "runtime/abi/kernel_abi.h"
#include "runtime/base/Status.h"

#include <memory>
#include <string>
#include <vector>

namespace axiom::test {

using Bytes = std::shared_ptr<const std::vector<uint8_t>>;

/// One call of a kernel's entries for some of its units.
struct SweepPart {
  uint32_t prologue, body; ///< offsets in the image; no prologue: 0
  AxmLaunch launch;        ///< without its pointers
  uint64_t scratchBytes;
};

struct SweepOperand {
  std::string name;
  Bytes before, after;
  uint64_t rowBytes;
  bool floats; ///< f32 words, where one NaN is as good as another
};

struct SweepLaunch {
  std::string what;
  std::vector<SweepOperand> operands;
  std::vector<SweepPart> parts;
};

struct SweepCase {
  std::string name;
  Bytes image;
  std::vector<SweepLaunch> launches;
};

struct Sweep {
  std::string level;
  std::vector<SweepCase> cases;
};

/// The same compiler and machine write and read it; there is no version. Bytes that several
/// operands share are written once.
Status writeSweep(const std::string &path, const Sweep &sweep);
Result<Sweep> readSweep(const std::string &path);

} // namespace axiom::test

#endif
