// qwen3: RMS norm of each q and k head before rope, head_dim of its own.
#include "compiler/import/models/Family.h"

namespace axiom {

const FamilySpec kQwen3Family = {
    .name = "qwen3",
    .architecture = "Qwen3ForCausalLM",
    .qkNorm = true,
    .qkvBias = Bias::ByConfig,
    .oBias = Bias::ByConfig,
    .mlpBias = Bias::Never,
    .defaultKvHeads = 32,
    .defaultHeadDim = 128,
    .defaultContext = 32768,
    .readWindows = readQwenWindows,
};

} // namespace axiom
