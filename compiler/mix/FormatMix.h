// Which tensor is stored in which format, so that all together fit a number of bytes with the least
// error. Numbers only: where they come from is FormatTrial's matter.
#ifndef AXIOM_COMPILER_MIX_FORMATMIX_H
#define AXIOM_COMPILER_MIX_FORMATMIX_H

#include "runtime/abi/kernel_abi.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <vector>

namespace axiom::mix {

struct FormatChoice {
  AxmFormat format = AXM_FORMAT_Q4;
  uint64_t bytes = 0;
  double error = 0; ///< what storing the tensor so adds to the whole
};

/// The formats that one tensor may have, at least one.
using TensorChoices = std::vector<FormatChoice>;

/// The index of each tensor's choice. Starts with the smallest of each and goes on to larger ones
/// in the order of error saved per byte, as long as the sum stays within `budget` bytes, which is
/// not below the sum of the smallest choices. Ties go to the earlier tensor.
std::vector<uint32_t> chooseFormats(const std::vector<TensorChoices> &tensors, uint64_t budget);

} // namespace axiom::mix

#endif
