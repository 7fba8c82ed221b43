// The tokenizer and chat template segments of an artifact.
#ifndef AXIOM_COMPILER_DRIVER_TEXTSEGMENTS_H
#define AXIOM_COMPILER_DRIVER_TEXTSEGMENTS_H

#include "compiler/import/ModelSource.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <vector>

namespace axiom {

struct TextSegments {
  std::vector<uint8_t> tokenizer;    ///< empty: the model has none
  std::vector<uint8_t> chatTemplate; ///< empty: the model has none
};

Result<TextSegments> compileText(const TextSource &text);

} // namespace axiom

#endif
