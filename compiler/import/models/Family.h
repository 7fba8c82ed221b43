// What sets one model family apart from another, as data. A family is one file here with one
// FamilySpec, listed in Family.cpp; the config readers, the tensor check and the graph builder
// follow the spec.
#ifndef AXIOM_COMPILER_IMPORT_MODELS_FAMILY_H
#define AXIOM_COMPILER_IMPORT_MODELS_FAMILY_H

#include "compiler/import/ModelSource.h"

#include <span>

namespace axiom {

class ConfigView;

/// Where the bias vectors of a group of linears come from.
enum class Bias {
  Never,    ///< the family has none; such tensors are ignored, as transformers does
  Always,   ///< every layer must have them
  ByConfig, ///< a key of config.json says so (false when absent)
};

struct FamilySpec {
  const char *name;         ///< model_type in config.json
  const char *architecture; ///< entry of `architectures` in config.json
  bool qkNorm;
  Bias qkvBias; ///< ByConfig: attention_bias
  Bias oBias;   ///< ByConfig: attention_bias
  Bias mlpBias; ///< ByConfig: mlp_bias

  // Values that transformers takes when a key is absent.
  uint32_t defaultKvHeads; ///< 0: as many as heads
  uint32_t defaultHeadDim; ///< 0: hidden_size / heads
  uint32_t defaultContext;

  /// Fills config.layerWindow (already numLayers zeros).
  Status (*readWindows)(const ConfigView &view, ModelConfig &config);
};

extern const FamilySpec kLlamaFamily;
extern const FamilySpec kMistralFamily;
extern const FamilySpec kQwen2Family;
extern const FamilySpec kQwen3Family;

std::span<const FamilySpec *const> families();
const FamilySpec *findFamily(const std::string &name);
/// "llama, mistral, qwen2, qwen3": for messages.
std::string familyNames();

/// Which biases the tensor check takes: ByConfig here means wherever one is stored.
struct BiasUse {
  Bias qkv = Bias::Never;
  Bias o = Bias::Never;
  Bias mlp = Bias::Never;
};

/// Windows from a `layer_types` array: "full_attention" or "sliding_attention" per layer, the
/// latter with `window` tokens.
Status readLayerTypes(const ConfigView &view, uint32_t window, ModelConfig &config);

/// The rule shared by qwen2 and qwen3: use_sliding_window, sliding_window, max_window_layers,
/// layer_types.
Status readQwenWindows(const ConfigView &view, ModelConfig &config);

} // namespace axiom

#endif
