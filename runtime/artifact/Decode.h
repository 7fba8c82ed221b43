// Flatbuffer -> plain structs. Structure only: the values are judged by Validate.h.
#ifndef AXIOM_RUNTIME_ARTIFACT_DECODE_H
#define AXIOM_RUNTIME_ARTIFACT_DECODE_H

#include "runtime/artifact/Plan.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>

namespace axiom {

/// Metadata that is larger than this is refused.
inline constexpr uint64_t kMaxMetadataBytes = 64u << 20;

/// Verifies and decodes; `bytes` must be private memory, aligned to 8. Time and memory are linear
/// in the size of `bytes`, whatever they hold.
Result<Metadata> decodeMetadata(std::span<const uint8_t> bytes);

/// A name from a file for a message or a terminal: quoted, at most 80 characters, no control
/// characters.
std::string quoted(const std::string &name);

} // namespace axiom

#endif
