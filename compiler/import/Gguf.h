// The GGUF container, versions 2 and 3: typed metadata and tensor records, all views into the
// bytes given. Everything is bounds-checked in parse(); the getters cannot fail on damaged bytes.
#ifndef AXIOM_COMPILER_IMPORT_GGUF_H
#define AXIOM_COMPILER_IMPORT_GGUF_H

#include "compiler/import/ModelSource.h"

#include <map>
#include <optional>
#include <string_view>

namespace axiom {

enum class GgufType : uint32_t {
  U8 = 0,
  I8 = 1,
  U16 = 2,
  I16 = 3,
  U32 = 4,
  I32 = 5,
  F32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  U64 = 10,
  I64 = 11,
  F64 = 12,
};
const char *ggufTypeName(GgufType type);

struct GgufEntry {
  GgufType type = GgufType::U8;
  GgufType elementType = GgufType::U8; ///< of an array
  uint64_t count = 0;                  ///< elements of an array
  std::span<const uint8_t> bytes;      ///< the value; of an array, its elements
};

struct GgufTensor {
  std::string_view name;
  std::vector<uint64_t> shape; ///< outermost first (the file has innermost first)
  SourceType type;
  std::span<const uint8_t> bytes;
};

class GgufFile {
public:
  /// `bytes` must outlive the result.
  static Result<GgufFile> parse(std::span<const uint8_t> bytes);

  uint32_t version() const { return version_; }
  const std::vector<GgufTensor> &tensors() const { return tensors_; }
  const std::map<std::string_view, GgufEntry> &metadata() const { return metadata_; }
  bool has(std::string_view key) const { return metadata_.count(key) > 0; }

  // Typed getters. An absent key gives nullopt; a key of another type gives an error that names it.
  Result<std::optional<uint64_t>> unsignedInt(std::string_view key) const; ///< any integer type
  Result<std::optional<int64_t>> signedInt(std::string_view key) const;    ///< any integer type
  Result<std::optional<double>> number(std::string_view key) const;        ///< f32 or f64
  Result<std::optional<bool>> boolean(std::string_view key) const;
  Result<std::optional<std::string>> string(std::string_view key) const;
  /// An integer, or an array of integers that are all the same (per-layer keys).
  Result<std::optional<uint64_t>> uniformInt(std::string_view key) const;
  Result<std::vector<std::string>> stringArray(std::string_view key) const; ///< absent: empty
  Result<std::vector<float>> floatArray(std::string_view key) const;        ///< absent: empty
  Result<std::vector<int32_t>> intArray(std::string_view key) const;        ///< absent: empty

private:
  const GgufEntry *find(std::string_view key) const;
  Result<const GgufEntry *> arrayOf(std::string_view key, GgufType a, GgufType b) const;

  uint32_t version_ = 0;
  std::map<std::string_view, GgufEntry> metadata_;
  std::vector<GgufTensor> tensors_;
};

} // namespace axiom

#endif
