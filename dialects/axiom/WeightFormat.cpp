#include "dialects/axiom/WeightFormat.h"

namespace axiom::ir {

static constexpr std::string_view kNames[] = {"f32",  "f16",  "bf16", "q8",   "q4f16", "q4",
                                              "q6",   "F32",  "F16",  "BF16", "Q4_0",  "Q4_1",
                                              "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K",  "Q6_K"};
static constexpr uint32_t kFirstSource = static_cast<uint32_t>(WeightFormat::SrcF32);
static constexpr uint32_t kCount = sizeof kNames / sizeof kNames[0];
static_assert(kCount == static_cast<uint32_t>(WeightFormat::SrcQ6_K) + 1);

std::string_view formatName(WeightFormat f) { return kNames[static_cast<uint32_t>(f)]; }

static std::optional<WeightFormat> byName(std::string_view name, uint32_t begin, uint32_t end) {
  for (uint32_t i = begin; i < end; ++i)
    if (kNames[i] == name)
      return static_cast<WeightFormat>(i);
  return std::nullopt;
}

std::optional<WeightFormat> storedFormatByName(std::string_view name) {
  return byName(name, 0, kFirstSource);
}

std::optional<WeightFormat> sourceFormatByName(std::string_view name) {
  return byName(name, kFirstSource, kCount);
}

static constexpr std::string_view kKvNames[] = {"f32", "f16", "int8"};

std::string_view kvTypeName(AxmKvType type) { return kKvNames[type]; }

std::optional<AxmKvType> kvTypeByName(std::string_view name) {
  for (uint32_t i = 0; i < 3; ++i)
    if (kKvNames[i] == name)
      return static_cast<AxmKvType>(i);
  return std::nullopt;
}

} // namespace axiom::ir
