// GGUF metadata keys to ModelConfig.
#include "compiler/import/ConfigReader.h"
#include "compiler/import/GgufModel.h"

#include <cmath>
#include <cstring>

namespace axiom {

namespace {

using ull = unsigned long long;

struct Architecture {
  const char *name; ///< general.architecture
  const FamilySpec *family;
  /// The converters store q and k rows of these for interleaved rotary embedding.
  bool permutedQK;
};
const Architecture kArchitectures[] = {
    {"llama", &kLlamaFamily, true},
    {"mistral", &kMistralFamily, true},
    {"qwen2", &kQwen2Family, false},
    {"qwen3", &kQwen3Family, false},
};

class Reader {
public:
  Reader(const GgufFile &file, std::string arch) : file_(file), arch_(std::move(arch)) {}

  std::string key(const char *name) const { return arch_ + "." + name; }
  bool has(const char *name) const { return file_.has(key(name)); }

  Status size(const char *name, uint32_t low, uint32_t high, std::optional<uint32_t> fallback,
              uint32_t &out) const {
    AXIOM_ASSIGN_OR_RETURN(auto v, file_.uniformInt(key(name)));
    if (!v && !fallback)
      return Status(Code::BadInput, "metadata key '" + key(name) + "' is missing");
    uint64_t value = v ? *v : *fallback;
    if (value < low || value > high)
      return Status(Code::BadInput, format("metadata key '%s' is %llu; %u to %u is supported",
                                           key(name).c_str(), static_cast<ull>(value), low, high));
    out = static_cast<uint32_t>(value);
    return Status::okStatus();
  }

  Status number(const char *name, double low, double high, std::optional<double> fallback,
                double &out) const {
    AXIOM_ASSIGN_OR_RETURN(auto v, file_.number(key(name)));
    if (!v && !fallback)
      return Status(Code::BadInput, "metadata key '" + key(name) + "' is missing");
    out = v ? *v : *fallback;
    if (!(out >= low && out <= high)) // also catches NaN
      return Status(Code::BadInput, format("metadata key '%s' is %g; %g to %g is supported",
                                           key(name).c_str(), out, low, high));
    return Status::okStatus();
  }

  /// A key whose presence with any value but `neutral` changes what the model computes.
  Status mustBe(const char *name, double neutral) const {
    AXIOM_ASSIGN_OR_RETURN(auto v, file_.number(key(name)));
    if (v && *v != neutral)
      return Status(Code::Unsupported, format("metadata key '%s' is %g; supported: %g",
                                              key(name).c_str(), *v, neutral));
    return Status::okStatus();
  }

private:
  const GgufFile &file_;
  std::string arch_;
};

Status readShape(const Reader &r, ModelConfig &c) {
  AXIOM_RETURN_IF_ERROR(r.size("block_count", 1, kMaxLayers, {}, c.numLayers));
  AXIOM_RETURN_IF_ERROR(r.size("embedding_length", 1, kMaxWidth, {}, c.hiddenSize));
  AXIOM_RETURN_IF_ERROR(r.size("feed_forward_length", 1, kMaxWidth, {}, c.intermediateSize));
  AXIOM_RETURN_IF_ERROR(r.size("attention.head_count", 1, kMaxHeads, {}, c.numHeads));
  AXIOM_RETURN_IF_ERROR(r.size("attention.head_count_kv", 1, kMaxHeads, c.numHeads, c.numKvHeads));
  AXIOM_RETURN_IF_ERROR(r.size("context_length", 1, kMaxContext, {}, c.maxContext));
  if (!r.has("attention.key_length") && c.hiddenSize % c.numHeads != 0)
    return Status(Code::BadInput,
                  format("embedding_length %u is no multiple of attention.head_count %u, and there "
                         "is no attention.key_length",
                         c.hiddenSize, c.numHeads));
  AXIOM_RETURN_IF_ERROR(
      r.size("attention.key_length", 2, kMaxHeadDim, c.hiddenSize / c.numHeads, c.headDim));
  uint32_t valueLength = 0, rotary = 0, experts = 0;
  AXIOM_RETURN_IF_ERROR(r.size("attention.value_length", 1, kMaxHeadDim, c.headDim, valueLength));
  if (valueLength != c.headDim)
    return Status(Code::Unsupported,
                  format("attention.value_length is %u and attention.key_length %u; only equal "
                         "ones are supported",
                         valueLength, c.headDim));
  AXIOM_RETURN_IF_ERROR(r.size("rope.dimension_count", 0, UINT32_MAX, c.headDim, rotary));
  if (rotary != c.headDim)
    return Status(Code::Unsupported,
                  format("rope.dimension_count is %u; only the full head dimension %u is supported",
                         rotary, c.headDim));
  AXIOM_RETURN_IF_ERROR(r.size("expert_count", 0, UINT32_MAX, 0, experts));
  if (experts > 0)
    return Status(Code::Unsupported,
                  format("the model has %u experts (expert_count); mixture-of-experts models are "
                         "not supported",
                         experts));
  for (const char *scale : {"logit_scale", "residual_scale", "embedding_scale"})
    AXIOM_RETURN_IF_ERROR(r.mustBe(scale, 1.0));
  for (const char *cap : {"attn_logit_softcapping", "final_logit_softcapping"})
    AXIOM_RETURN_IF_ERROR(r.mustBe(cap, 0.0));
  if (r.has("attention.scale"))
    return Status(Code::Unsupported, "metadata key '" + r.key("attention.scale") +
                                         "' is set; supported: the usual scale, 1 over the root "
                                         "of the head dimension");
  return Status::okStatus();
}

Status readRope(const GgufFile &file, const Reader &r, RopeConfig &rope, uint32_t context) {
  AXIOM_RETURN_IF_ERROR(r.number("rope.freq_base", kMinTheta, kMaxTheta, 10000.0, rope.theta));
  AXIOM_ASSIGN_OR_RETURN(auto type, file.string(r.key("rope.scaling.type")));
  AXIOM_RETURN_IF_ERROR(r.mustBe("rope.scaling.attn_factor", 1.0));
  if (type && *type == "linear") {
    rope.scaling = RopeConfig::Scaling::Linear;
    AXIOM_RETURN_IF_ERROR(r.number("rope.scaling.factor", 1.0, 1e6, {}, rope.factor));
  } else if (type && *type != "none") {
    return Status(Code::Unsupported, "metadata key '" + r.key("rope.scaling.type") + "' is '" +
                                         type->substr(0, 40) +
                                         "'; supported: none, linear, and the tensor "
                                         "rope_freqs.weight of Llama 3");
  } else if (!type && r.has("rope.scale_linear")) { // the spelling before scaling.type existed
    AXIOM_RETURN_IF_ERROR(r.number("rope.scale_linear", 1.0, 1e6, {}, rope.factor));
    if (rope.factor != 1.0)
      rope.scaling = RopeConfig::Scaling::Linear;
  }
  return r.size("rope.scaling.original_context_length", 1, kMaxContext, context,
                rope.originalContext);
}

Status readTokens(const GgufFile &file, ModelConfig &c) {
  for (const char *name : {"eos", "eot", "eom"}) {
    std::string key = std::string("tokenizer.ggml.") + name + "_token_id";
    AXIOM_ASSIGN_OR_RETURN(auto id, file.signedInt(key));
    if (!id || *id == -1 || *id == 0xffffffffll) // -1 in either width: none
      continue;
    if (*id < 0 || *id >= c.vocabSize)
      return Status(Code::BadInput, format("metadata key '%s' is %lld; the vocabulary has %u ids",
                                           key.c_str(), static_cast<long long>(*id), c.vocabSize));
    addUnique(c.eosIds, static_cast<int32_t>(*id));
  }
  AXIOM_ASSIGN_OR_RETURN(auto bos, file.signedInt("tokenizer.ggml.bos_token_id"));
  if (bos && *bos >= 0 && *bos < c.vocabSize) // readGgufText() refuses other ids
    c.bosId = static_cast<int32_t>(*bos);
  return Status::okStatus();
}

/// rope_freqs.weight: head_dim/2 divisors of the inverse frequencies.
Status readFreqFactors(const GgufTensor &tensor, ModelConfig &c) {
  if (tensor.type != SourceType::F32 || tensor.shape.size() != 1 ||
      tensor.shape[0] != c.headDim / 2)
    return Status(Code::BadInput, format("tensor rope_freqs.weight must hold %u F32 values, one "
                                         "for each pair of a head of %u",
                                         c.headDim / 2, c.headDim));
  c.rope.freqFactors.resize(c.headDim / 2);
  for (size_t i = 0; i < c.rope.freqFactors.size(); ++i) {
    std::memcpy(&c.rope.freqFactors[i], tensor.bytes.data() + 4 * i, 4);
    if (!(c.rope.freqFactors[i] > 0) || !std::isfinite(c.rope.freqFactors[i]))
      return Status(Code::BadInput, format("value %zu of tensor rope_freqs.weight is %g; it must "
                                           "be positive and finite",
                                           i, static_cast<double>(c.rope.freqFactors[i])));
  }
  return Status::okStatus();
}

} // namespace

Result<GgufConfig> readGgufConfig(const GgufFile &file, std::vector<std::string> &notes) {
  AXIOM_ASSIGN_OR_RETURN(auto splits, file.unsignedInt("split.count"));
  if (splits && *splits > 1)
    return Status(Code::Unsupported,
                  format("this GGUF file is one of %llu parts; join them first (llama-gguf-split "
                         "--merge)",
                         static_cast<ull>(*splits)));
  AXIOM_ASSIGN_OR_RETURN(auto arch, file.string("general.architecture"));
  if (!arch)
    return Status(Code::BadInput, "metadata key 'general.architecture' is missing");
  GgufConfig out;
  for (const Architecture &a : kArchitectures)
    if (*arch == a.name) {
      out.family = a.family;
      out.permutedQK = a.permutedQK;
    }
  if (!out.family)
    return Status(Code::Unsupported, "GGUF architecture '" + arch->substr(0, 40) +
                                         "' is not supported; supported: " + familyNames());
  Reader r(file, *arch);
  ModelConfig &c = out.config;
  // A windowed model of architecture llama is a Mistral: the converters give it that name.
  if (out.family == &kLlamaFamily && r.has("attention.sliding_window"))
    out.family = &kMistralFamily;
  c.family = out.family->name;
  c.qkNorm = out.family->qkNorm;
  AXIOM_ASSIGN_OR_RETURN(auto name, file.string("general.name"));
  c.name = name ? name->substr(0, 256) : "";
  AXIOM_RETURN_IF_ERROR(readShape(r, c));
  double eps = 0;
  AXIOM_RETURN_IF_ERROR(r.number("attention.layer_norm_rms_epsilon", kMinEps, kMaxEps, {}, eps));
  c.normEps = static_cast<float>(eps);
  AXIOM_RETURN_IF_ERROR(readRope(file, r, c.rope, c.maxContext));

  uint32_t window = 0;
  AXIOM_RETURN_IF_ERROR(r.size("attention.sliding_window", 0, kMaxContext, 0, window));
  if (window > 0 && out.family != &kMistralFamily)
    return Status(Code::Unsupported,
                  format("metadata key '%s' is %u; GGUF keeps no record of which layers of a %s "
                         "model have the window: use its safetensors",
                         r.key("attention.sliding_window").c_str(), window, c.family.c_str()));
  c.layerWindow.assign(c.numLayers, window);
  if (window > 0)
    notes.push_back(format("sliding window of %u tokens in every layer", window));

  const GgufTensor *embedding = nullptr;
  bool hasHead = false;
  for (const GgufTensor &t : file.tensors()) {
    if (t.name == "token_embd.weight")
      embedding = &t;
    else if (t.name == "output.weight")
      hasHead = true;
    else if (t.name == "rope_freqs.weight")
      AXIOM_RETURN_IF_ERROR(readFreqFactors(t, c));
  }
  if (!embedding || embedding->shape.size() != 2)
    return Status(Code::BadInput, "tensor token_embd.weight is missing or has not two dimensions");
  if (embedding->shape[0] > kMaxVocab)
    return Status(Code::BadInput, format("the vocabulary has %llu ids; at most %u are supported",
                                         static_cast<ull>(embedding->shape[0]), kMaxVocab));
  c.vocabSize = static_cast<uint32_t>(embedding->shape[0]);
  c.tiedEmbedding = !hasHead;
  AXIOM_RETURN_IF_ERROR(readTokens(file, c));
  AXIOM_RETURN_IF_ERROR(checkConfig(c));
  return out;
}

} // namespace axiom
