// The golden segment: an artifact's own answers to fixed prompts, which axiom-check replays
// anywhere.
#ifndef AXIOM_COMPILER_PACKAGE_GOLDENWRITER_H
#define AXIOM_COMPILER_PACKAGE_GOLDENWRITER_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace axiom {

/// Runs the sealed artifact at `path` through the runtime and returns the golden segment's bytes.
/// The prompts have 1, 5 and 70 tokens: one for every kernel variant, the last over a KV block
/// boundary. Unsupported if this machine can't run any of the artifact's code images. `borrowed`:
/// the target of an image that answers, but that the golden answers shall not expect in the file.
Result<std::vector<uint8_t>> makeGolden(const std::string &path, const std::string &borrowed = "");

} // namespace axiom

#endif
