// mistral: llama with a sliding window in every layer, unless sliding_window is null.
#include "compiler/import/ConfigReader.h"
#include "compiler/import/models/Family.h"

#include <algorithm>

namespace axiom {

static Status readWindows(const ConfigView &view, ModelConfig &config) {
  // transformers takes 4096 when the key is absent; null means no window.
  uint32_t window = 4096;
  if (view.isNull("sliding_window"))
    window = 0;
  else
    AXIOM_RETURN_IF_ERROR(view.u32("sliding_window", 1, kMaxContext, window));
  if (view.has("layer_types"))
    return readLayerTypes(view, window, config);
  std::fill(config.layerWindow.begin(), config.layerWindow.end(), window);
  return Status::okStatus();
}

const FamilySpec kMistralFamily = {
    .name = "mistral",
    .architecture = "MistralForCausalLM",
    .qkNorm = false,
    .qkvBias = Bias::Never,
    .oBias = Bias::Never,
    .mlpBias = Bias::Never,
    .defaultKvHeads = 8,
    .defaultHeadDim = 0,
    .defaultContext = 131072,
    .readWindows = readWindows,
};

} // namespace axiom
