// The safetensors container: a JSON header with name, dtype, shape and byte range of each tensor,
// then the bytes. As strict as the reference reader, and stricter where a second reading of the
// same file would be possible (duplicate names, a tensor record given as an array).
#ifndef AXIOM_COMPILER_IMPORT_SAFETENSORS_H
#define AXIOM_COMPILER_IMPORT_SAFETENSORS_H

#include "compiler/import/ModelSource.h"

#include <optional>
#include <string_view>

namespace axiom {

struct SafetensorsTensor {
  std::string dtype;              ///< as in the file, one of the format's
  std::optional<SourceType> type; ///< set for F32, F16, BF16
  std::vector<uint64_t> shape;    ///< outermost first; empty for a scalar
  std::span<const uint8_t> bytes;
};

struct SafetensorsFile {
  std::map<std::string, SafetensorsTensor> tensors;

  /// `bytes` is the whole file and must outlive the result.
  static Result<SafetensorsFile> parse(std::span<const uint8_t> bytes);
};

/// The weight_map of a model.safetensors.index.json: tensor name to file name. File names with path
/// components are refused.
Result<std::map<std::string, std::string>> parseSafetensorsIndex(std::string_view text);

} // namespace axiom

#endif
