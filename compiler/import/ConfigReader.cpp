#include "compiler/import/ConfigReader.h"

#include "compiler/import/StrictJson.h"

#include <cmath>

namespace axiom {

using nlohmann::json;

namespace {

const FamilySpec *familyOf(const std::string &modelType,
                           const std::vector<std::string> &architectures) {
  if (!modelType.empty())
    return findFamily(modelType);
  for (const FamilySpec *spec : families())
    for (const std::string &name : architectures)
      if (name == spec->architecture)
        return spec;
  return nullptr;
}

Result<const FamilySpec *> chooseFamily(const ConfigView &view) {
  std::string modelType;
  std::vector<std::string> architectures;
  AXIOM_RETURN_IF_ERROR(view.string("model_type", modelType));
  AXIOM_RETURN_IF_ERROR(view.strings("architectures", 64, architectures));
  const FamilySpec *family = familyOf(modelType, architectures);
  if (!family) {
    std::string shown = !modelType.empty() ? "'" + modelType + "'"
                        : !architectures.empty()
                            ? "absent and architectures '" + architectures[0] + "'"
                            : "absent";
    return view.unsupported("model_type", shown, familyNames().c_str());
  }
  bool known = architectures.empty();
  for (const std::string &name : architectures)
    known = known || name == family->architecture;
  if (!known)
    return view.unsupported("architectures", "'" + architectures[0] + "'", family->architecture);
  return family;
}

Status readShape(const ConfigView &view, const FamilySpec &family, ModelConfig &c) {
  AXIOM_RETURN_IF_ERROR(view.requiredU32("hidden_size", 1, kMaxWidth, c.hiddenSize));
  AXIOM_RETURN_IF_ERROR(view.requiredU32("intermediate_size", 1, kMaxWidth, c.intermediateSize));
  AXIOM_RETURN_IF_ERROR(view.requiredU32("num_hidden_layers", 1, kMaxLayers, c.numLayers));
  AXIOM_RETURN_IF_ERROR(view.requiredU32("num_attention_heads", 1, kMaxHeads, c.numHeads));
  AXIOM_RETURN_IF_ERROR(view.requiredU32("vocab_size", 1, kMaxVocab, c.vocabSize));
  c.numKvHeads = family.defaultKvHeads > 0 && !view.isNull("num_key_value_heads")
                     ? family.defaultKvHeads
                     : c.numHeads;
  AXIOM_RETURN_IF_ERROR(view.u32("num_key_value_heads", 1, kMaxHeads, c.numKvHeads));
  c.headDim = family.defaultHeadDim;
  if (!view.has("head_dim") && c.headDim == 0) {
    if (c.hiddenSize % c.numHeads != 0)
      return view.error("hidden_size", format("is %u, which is no multiple of "
                                              "num_attention_heads %u, and there is no head_dim",
                                              c.hiddenSize, c.numHeads));
    c.headDim = c.hiddenSize / c.numHeads;
  }
  AXIOM_RETURN_IF_ERROR(view.u32("head_dim", 2, kMaxHeadDim, c.headDim));
  c.maxContext = family.defaultContext;
  AXIOM_RETURN_IF_ERROR(view.u32("max_position_embeddings", 1, kMaxContext, c.maxContext));
  double eps = 1e-6;
  AXIOM_RETURN_IF_ERROR(view.number("rms_norm_eps", kMinEps, kMaxEps, eps));
  c.normEps = static_cast<float>(eps);
  return view.boolean("tie_word_embeddings", c.tiedEmbedding);
}

/// Settings that change what the model computes and that we do not have.
Status refuseOthers(const ConfigView &view) {
  std::string act = "silu";
  AXIOM_RETURN_IF_ERROR(view.string("hidden_act", act));
  if (act != "silu" && act != "swish")
    return view.unsupported("hidden_act", "'" + act + "'", "silu");
  if (view.has("quantization_config"))
    return view.unsupported("quantization_config", "set",
                            "unquantized safetensors (F32, F16, BF16) and GGUF files");
  double partial = 1.0;
  AXIOM_RETURN_IF_ERROR(view.number("partial_rotary_factor", 0.0, 1.0, partial));
  if (partial != 1.0)
    return view.unsupported("partial_rotary_factor", format("%g", partial), "1");
  for (const char *key : {"num_local_experts", "num_experts", "n_routed_experts"}) {
    uint32_t experts = 0;
    AXIOM_RETURN_IF_ERROR(view.u32(key, 0, UINT32_MAX, experts));
    if (experts > 0)
      return view.unsupported(key, std::to_string(experts),
                              "dense models (mixture-of-experts models are not)");
  }
  return Status::okStatus();
}

Status readScaling(const ConfigView &rope, ModelConfig &c) {
  // "type" is the older spelling of "rope_type".
  std::string type = "default";
  const char *key = rope.has("rope_type") ? "rope_type" : "type";
  AXIOM_RETURN_IF_ERROR(rope.string(key, type));
  RopeConfig &r = c.rope;
  double partial = 1.0;
  AXIOM_RETURN_IF_ERROR(rope.number("partial_rotary_factor", 0.0, 1.0, partial));
  if (partial != 1.0)
    return rope.unsupported("partial_rotary_factor", format("%g", partial), "1");
  if (type == "default")
    return Status::okStatus();
  if (type != "linear" && type != "llama3")
    return rope.unsupported(key, "'" + type + "'", "default, linear, llama3");
  if (!rope.has("factor"))
    return rope.error("factor", "is missing; rope type " + type + " needs it");
  AXIOM_RETURN_IF_ERROR(rope.number("factor", 1.0, 1e6, r.factor));
  if (type == "linear") {
    r.scaling = RopeConfig::Scaling::Linear;
    return Status::okStatus();
  }
  r.scaling = RopeConfig::Scaling::Llama3;
  for (const char *needed : {"low_freq_factor", "high_freq_factor"})
    if (!rope.has(needed))
      return rope.error(needed, "is missing; rope type llama3 needs it");
  AXIOM_RETURN_IF_ERROR(rope.number("low_freq_factor", 1e-6, 1e6, r.lowFreqFactor));
  AXIOM_RETURN_IF_ERROR(rope.number("high_freq_factor", 1e-6, 1e6, r.highFreqFactor));
  if (!(r.lowFreqFactor < r.highFreqFactor))
    return rope.error("low_freq_factor", format("is %g; it must be less than high_freq_factor %g",
                                                r.lowFreqFactor, r.highFreqFactor));
  r.originalContext = c.maxContext;
  return rope.u32("original_max_position_embeddings", 1, kMaxContext, r.originalContext);
}

/// Where both spellings stand, transformers 5 lets a non-empty rope_scaling replace
/// rope_parameters, and a theta inside the object win over one beside it.
Status readRope(const ConfigView &view, const std::string &prefix, ModelConfig &c) {
  AXIOM_RETURN_IF_ERROR(view.number("rope_theta", kMinTheta, kMaxTheta, c.rope.theta));
  c.rope.originalContext = c.maxContext;
  const json *object = nullptr;
  const char *used = nullptr;
  for (const char *key : {"rope_scaling", "rope_parameters"}) {
    const json *value = view.get(key);
    if (value && !value->is_object())
      return view.error(key, "must be an object or null");
    if (value && !value->empty() && !object) {
      object = value;
      used = key;
    }
  }
  if (!object)
    return Status::okStatus();
  for (const char *layerType : {"full_attention", "sliding_attention"})
    if (object->contains(layerType))
      return view.unsupported(used, "given per layer type", "one set of values for all layers");
  ConfigView rope(*object, prefix + used + ".");
  AXIOM_RETURN_IF_ERROR(rope.number("rope_theta", kMinTheta, kMaxTheta, c.rope.theta));
  return readScaling(rope, c);
}

Status readBiases(const ConfigView &view, const FamilySpec &family, BiasUse &biases) {
  bool attention = false, mlp = false;
  AXIOM_RETURN_IF_ERROR(view.boolean("attention_bias", attention));
  AXIOM_RETURN_IF_ERROR(view.boolean("mlp_bias", mlp));
  auto settle = [](Bias bias, bool key) {
    return bias == Bias::ByConfig ? (key ? Bias::Always : Bias::Never) : bias;
  };
  biases.qkv = settle(family.qkvBias, attention);
  biases.o = settle(family.oBias, attention);
  biases.mlp = settle(family.mlpBias, mlp);
  return Status::okStatus();
}

Result<HfConfig> readText(const json &root, const std::string &prefix) {
  ConfigView view(root, prefix);
  HfConfig out;
  AXIOM_ASSIGN_OR_RETURN(out.family, chooseFamily(view));
  ModelConfig &c = out.config;
  c.family = out.family->name;
  c.qkNorm = out.family->qkNorm;
  AXIOM_RETURN_IF_ERROR(readShape(view, *out.family, c));
  AXIOM_RETURN_IF_ERROR(refuseOthers(view));
  AXIOM_RETURN_IF_ERROR(readRope(view, prefix, c));
  AXIOM_RETURN_IF_ERROR(readBiases(view, *out.family, out.biases));
  c.layerWindow.assign(c.numLayers, 0);
  AXIOM_RETURN_IF_ERROR(out.family->readWindows(view, c));
  AXIOM_RETURN_IF_ERROR(view.tokenIds("eos_token_id", c.vocabSize, c.eosIds));
  std::vector<int32_t> bos;
  AXIOM_RETURN_IF_ERROR(view.tokenIds("bos_token_id", c.vocabSize, bos));
  if (!bos.empty())
    c.bosId = bos.front();
  return out;
}

} // namespace

Result<HfConfig> readHfConfig(std::string_view text, std::vector<std::string> &notes) {
  AXIOM_ASSIGN_OR_RETURN(json root, parseStrictJson(text, "config.json"));
  if (!root.is_object())
    return Status(Code::BadInput, "config.json: an object is needed");
  ConfigView view(root, "config.json: ");
  const json *inner = view.get("text_config");
  bool nested = inner && inner->is_object();
  AXIOM_ASSIGN_OR_RETURN(HfConfig out, nested ? readText(*inner, "config.json: text_config.")
                                              : readText(root, "config.json: "));
  if (nested) {
    notes.push_back("config.json describes a model of several parts; only its text part is used");
    if (!inner->contains("tie_word_embeddings"))
      AXIOM_RETURN_IF_ERROR(view.boolean("tie_word_embeddings", out.config.tiedEmbedding));
    if (view.has("quantization_config"))
      return view.unsupported("quantization_config", "set",
                              "unquantized safetensors (F32, F16, BF16) and GGUF files");
    AXIOM_RETURN_IF_ERROR(view.tokenIds("eos_token_id", out.config.vocabSize, out.config.eosIds));
  }
  // Often a path on the machine that saved the model: only its last component is kept.
  std::string name;
  AXIOM_RETURN_IF_ERROR(view.string("_name_or_path", name));
  out.config.name = shownText(name.substr(name.find_last_of('/') + 1));
  AXIOM_RETURN_IF_ERROR(checkConfig(out.config).withContext("config.json"));
  return out;
}

Status readGenerationConfig(std::string_view text, ModelConfig &config) {
  AXIOM_ASSIGN_OR_RETURN(json root, parseStrictJson(text, "generation_config.json"));
  if (!root.is_object())
    return Status(Code::BadInput, "generation_config.json: an object is needed");
  ConfigView view(root, "generation_config.json: ");
  AXIOM_RETURN_IF_ERROR(view.tokenIds("eos_token_id", config.vocabSize, config.eosIds));
  std::vector<int32_t> bos;
  AXIOM_RETURN_IF_ERROR(view.tokenIds("bos_token_id", config.vocabSize, bos));
  if (config.bosId < 0 && !bos.empty())
    config.bosId = bos.front();
  return Status::okStatus();
}

Status checkConfig(const ModelConfig &c) {
  if (c.numHeads % c.numKvHeads != 0)
    return Status(Code::BadInput, format("%u attention heads are no multiple of %u key-value heads",
                                         c.numHeads, c.numKvHeads));
  if (c.headDim < 2 || c.headDim > kMaxHeadDim || c.headDim % 2 != 0)
    return Status(Code::BadInput,
                  format("the head dimension is %u; an even number from 2 to %u is needed",
                         c.headDim, kMaxHeadDim));
  if (!std::isfinite(c.normEps) || !(c.normEps > 0))
    return Status(Code::BadInput, format("the epsilon of the norms is %g; it must be positive",
                                         static_cast<double>(c.normEps)));
  return Status::okStatus();
}

} // namespace axiom
