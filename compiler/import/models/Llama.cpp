// llama: Llama 2 and 3 (with the llama3 rope scaling), SmolLM and SmolLM2, TinyLlama, and others
// that save themselves under this model_type.
#include "compiler/import/models/Family.h"

namespace axiom {

static Status readWindows(const ConfigView &, ModelConfig &) {
  return Status::okStatus(); // full attention in every layer
}

const FamilySpec kLlamaFamily = {
    .name = "llama",
    .architecture = "LlamaForCausalLM",
    .qkNorm = false,
    .qkvBias = Bias::ByConfig,
    .oBias = Bias::ByConfig,
    .mlpBias = Bias::ByConfig,
    .defaultKvHeads = 0,
    .defaultHeadDim = 0,
    .defaultContext = 2048,
    .readWindows = readWindows,
};

} // namespace axiom
