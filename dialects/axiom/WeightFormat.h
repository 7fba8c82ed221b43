// The element formats of !axiom.weight: those that an artifact stores, and source types that a
// weight has until the quantize phase chose one.
#ifndef AXIOM_DIALECTS_AXIOM_WEIGHTFORMAT_H
#define AXIOM_DIALECTS_AXIOM_WEIGHTFORMAT_H

#include "runtime/abi/kernel_abi.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace axiom::ir {

enum class WeightFormat : uint32_t {
  // Stored formats, in the order of AxmFormat.
  F32,
  F16,
  BF16,
  Q8,
  Q4F16,
  Q4,
  Q6,
  // Source types, spelled src:NAME.
  SrcF32,
  SrcF16,
  SrcBF16,
  SrcQ4_0,
  SrcQ4_1,
  SrcQ5_0,
  SrcQ5_1,
  SrcQ8_0,
  SrcQ4_K,
  SrcQ5_K,
  SrcQ6_K,
};

inline bool isSource(WeightFormat f) { return f >= WeightFormat::SrcF32; }
/// Stored as integers with group scales: linears read quantized activations.
inline bool isInteger(WeightFormat f) { return f >= WeightFormat::Q8 && f <= WeightFormat::Q6; }
/// Of a stored format.
inline AxmFormat storedFormat(WeightFormat f) { return static_cast<AxmFormat>(f); }

/// "q4f16", "Q4_1" (without the prefix src:).
std::string_view formatName(WeightFormat f);
std::optional<WeightFormat> storedFormatByName(std::string_view name);
std::optional<WeightFormat> sourceFormatByName(std::string_view name);

std::string_view kvTypeName(AxmKvType type);
std::optional<AxmKvType> kvTypeByName(std::string_view name);

} // namespace axiom::ir

#endif
