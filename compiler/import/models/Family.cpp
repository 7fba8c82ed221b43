#include "compiler/import/models/Family.h"

#include "compiler/import/ConfigReader.h"

namespace axiom {

std::span<const FamilySpec *const> families() {
  static const FamilySpec *const all[] = {&kLlamaFamily, &kMistralFamily, &kQwen2Family,
                                          &kQwen3Family};
  return all;
}

const FamilySpec *findFamily(const std::string &name) {
  for (const FamilySpec *spec : families())
    if (name == spec->name)
      return spec;
  return nullptr;
}

std::string familyNames() {
  std::string names;
  for (const FamilySpec *spec : families())
    names += (names.empty() ? "" : ", ") + std::string(spec->name);
  return names;
}

Status readLayerTypes(const ConfigView &view, uint32_t window, ModelConfig &config) {
  std::vector<std::string> types;
  AXIOM_RETURN_IF_ERROR(view.strings("layer_types", kMaxLayers, types));
  if (types.size() != config.numLayers)
    return view.error("layer_types", format("has %zu entries; num_hidden_layers is %u",
                                            types.size(), config.numLayers));
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] == "sliding_attention") {
      if (window == 0)
        return view.error("layer_types", format("entry %zu is sliding_attention, but there is no "
                                                "sliding_window",
                                                i));
      config.layerWindow[i] = window;
    } else if (types[i] != "full_attention") {
      return view.unsupported("layer_types", "'" + types[i] + "'",
                              "full_attention, sliding_attention");
    }
  }
  return Status::okStatus();
}

Status readQwenWindows(const ConfigView &view, ModelConfig &config) {
  bool use = false;
  AXIOM_RETURN_IF_ERROR(view.boolean("use_sliding_window", use));
  uint32_t window = 4096, firstLayer = 28;
  if (use && view.isNull("sliding_window"))
    use = false;
  if (use)
    AXIOM_RETURN_IF_ERROR(view.u32("sliding_window", 1, kMaxContext, window));
  AXIOM_RETURN_IF_ERROR(view.u32("max_window_layers", 0, UINT32_MAX, firstLayer));
  if (view.has("layer_types"))
    return readLayerTypes(view, use ? window : 0, config);
  for (uint32_t i = firstLayer; use && i < config.numLayers; ++i)
    config.layerWindow[i] = window;
  return Status::okStatus();
}

} // namespace axiom
