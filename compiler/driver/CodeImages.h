// The code images of a compilation: every target's kernels, several at a time, CUDA modules from
// the cache where it has them.
#ifndef AXIOM_COMPILER_DRIVER_CODEIMAGES_H
#define AXIOM_COMPILER_DRIVER_CODEIMAGES_H

#include "codegen/cpu/CodeImage.h"
#include "compiler/driver/Progress.h"

#include <cstdint>
#include <string>
#include <vector>

namespace axiom {

struct TargetImage {
  std::string target;
  std::vector<uint8_t> bytes;
  std::string module; ///< CUDA: what the image carries
};

/// Stages on the way, for --emit and --dump-ir-dir.
struct KernelTexts {
  codegen::CodeText cpu; ///< of the first CPU target
  std::string cuda;      ///< CUDA C++, the same for every CUDA target
};

/// Images in the order of `targets`. `texts` may be null. The images do not depend on `threads` nor
/// on what the cache holds. Called by the thread that takes signals.
Result<std::vector<TargetImage>> generateImages(const std::vector<plan::KernelSpec> &kernels,
                                                const std::vector<std::string> &targets,
                                                uint32_t threads, Progress &progress,
                                                KernelTexts *texts);

} // namespace axiom

#endif
