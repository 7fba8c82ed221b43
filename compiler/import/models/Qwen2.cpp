// qwen2: llama with biases on q, k and v.
#include "compiler/import/models/Family.h"

namespace axiom {

const FamilySpec kQwen2Family = {
    .name = "qwen2",
    .architecture = "Qwen2ForCausalLM",
    .qkNorm = false,
    .qkvBias = Bias::Always,
    .oBias = Bias::Never,
    .mlpBias = Bias::Never,
    .defaultKvHeads = 32,
    .defaultHeadDim = 0,
    .defaultContext = 32768,
    .readWindows = readQwenWindows,
};

} // namespace axiom
