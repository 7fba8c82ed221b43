// The text that a model is calibrated with, as token ids.
#ifndef AXIOM_COMPILER_CALIBRATE_CALIBRATIONTEXT_H
#define AXIOM_COMPILER_CALIBRATE_CALIBRATIONTEXT_H

#include "runtime/base/Sha256.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace axiom::calibrate {

inline constexpr uint32_t kChunkTokens = 512;         ///< of one sequence, at most
inline constexpr uint32_t kFewestTokens = 256;        ///< that say anything about a model
inline constexpr uint32_t kDefaultTokens = 16 * 1024; ///< minutes for a small model on two cores

struct CalibrationText {
  std::string name; ///< of the file, without folders
  uint64_t bytes = 0;
  Sha256Digest sha256{};
  /// Sequences of up to kChunkTokens ids, in the order of the text. Where the tokenizer puts ids
  /// before a text (BOS), each begins with them.
  std::vector<std::vector<int32_t>> chunks;
  uint32_t tokens = 0; ///< in all chunks
};

/// Reads the first `maxTokens` tokens of a UTF-8 file. `tokenizer` is the compiled tokenizer of the
/// model; `maxContext` bounds the chunks.
Result<CalibrationText> readCalibrationText(const std::string &path,
                                            std::span<const uint8_t> tokenizer, uint32_t vocab,
                                            uint32_t maxContext, uint32_t maxTokens);

} // namespace axiom::calibrate

#endif
