#include "compiler/import/TensorBinding.h"

#include <cstring>

namespace axiom {

namespace {

using ull = unsigned long long;

std::string shapeText(const std::vector<uint64_t> &shape) {
  std::string text = "[";
  for (uint64_t n : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  return text + "]";
}

class Binder {
public:
  Binder(FoundTensors found, const ModelConfig &config,
         std::map<std::string, SourceTensor> &tensors)
      : found_(std::move(found)), config_(config), tensors_(tensors) {}

  /// Takes `name` with shape [rows, cols] (a vector of cols when rows is 0).
  Status take(const std::string &name, uint64_t rows, uint64_t cols) {
    auto it = found_.find(name);
    if (it == found_.end())
      return Status(Code::BadInput,
                    format("tensor %s is missing; a %s model with %u layers needs it", name.c_str(),
                           config_.family.c_str(), config_.numLayers));
    const FoundTensor &f = it->second;
    std::vector<uint64_t> expected =
        rows == 0 ? std::vector<uint64_t>{cols} : std::vector<uint64_t>{rows, cols};
    if (f.shape != expected)
      return Status(Code::BadInput, format("tensor %s has shape %s; the configuration needs %s",
                                           f.sourceName.c_str(), shapeText(f.shape).c_str(),
                                           shapeText(expected).c_str()));
    bool blocks = f.typeSupported && sourceBlock(f.type).weights > 1;
    if (!f.typeSupported || (rows == 0 && blocks))
      return Status(Code::Unsupported,
                    format("tensor %s has type %s; supported for a %s: F32, F16, BF16%s",
                           f.sourceName.c_str(), f.typeName.c_str(),
                           rows == 0 ? "vector" : "matrix",
                           rows == 0 ? ""
                                     : " (and in GGUF Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, "
                                       "Q6_K)"));
    SourceTensor tensor;
    tensor.name = name;
    tensor.type = f.type;
    tensor.rows = rows == 0 ? 1 : rows;
    tensor.cols = cols;
    tensor.bytes = f.bytes;
    tensor.permutedHeads = f.permutedHeads;
    // The readers have checked each tensor's bytes against its own shape; rows are read without
    // further checks, so the sizes must agree exactly.
    if (cols % sourceBlock(f.type).weights != 0 ||
        tensor.rows * tensor.rowBytes() != tensor.bytes.size())
      return Status(Code::BadInput,
                    format("tensor %s has %llu bytes; %llu rows of %llu bytes are needed",
                           f.sourceName.c_str(), static_cast<ull>(tensor.bytes.size()),
                           static_cast<ull>(tensor.rows), static_cast<ull>(tensor.rowBytes())));
    tensors_.emplace(name, std::move(tensor));
    found_.erase(it);
    return Status::okStatus();
  }

  bool has(const std::string &name) const { return found_.count(name) > 0; }
  FoundTensors &rest() { return found_; }

private:
  FoundTensors found_;
  const ModelConfig &config_;
  std::map<std::string, SourceTensor> &tensors_;
};

Status takeLinear(Binder &binder, const std::string &name, uint64_t rows, uint64_t cols,
                  Bias bias) {
  AXIOM_RETURN_IF_ERROR(binder.take(name + ".weight", rows, cols));
  if (bias == Bias::Always || (bias == Bias::ByConfig && binder.has(name + ".bias")))
    return binder.take(name + ".bias", 0, rows);
  return Status::okStatus();
}

Status takeLayer(Binder &binder, const std::string &layer, const ModelConfig &c,
                 const FamilySpec &family, const BiasUse &biases) {
  uint64_t q = uint64_t(c.numHeads) * c.headDim, kv = uint64_t(c.numKvHeads) * c.headDim;
  uint64_t hidden = c.hiddenSize, inner = c.intermediateSize;
  AXIOM_RETURN_IF_ERROR(binder.take(layer + "input_layernorm.weight", 0, hidden));
  AXIOM_RETURN_IF_ERROR(takeLinear(binder, layer + "self_attn.q_proj", q, hidden, biases.qkv));
  AXIOM_RETURN_IF_ERROR(takeLinear(binder, layer + "self_attn.k_proj", kv, hidden, biases.qkv));
  AXIOM_RETURN_IF_ERROR(takeLinear(binder, layer + "self_attn.v_proj", kv, hidden, biases.qkv));
  AXIOM_RETURN_IF_ERROR(takeLinear(binder, layer + "self_attn.o_proj", hidden, q, biases.o));
  if (family.qkNorm) {
    AXIOM_RETURN_IF_ERROR(binder.take(layer + "self_attn.q_norm.weight", 0, c.headDim));
    AXIOM_RETURN_IF_ERROR(binder.take(layer + "self_attn.k_norm.weight", 0, c.headDim));
  }
  AXIOM_RETURN_IF_ERROR(binder.take(layer + "post_attention_layernorm.weight", 0, hidden));
  AXIOM_RETURN_IF_ERROR(takeLinear(binder, layer + "mlp.gate_proj", inner, hidden, biases.mlp));
  AXIOM_RETURN_IF_ERROR(takeLinear(binder, layer + "mlp.up_proj", inner, hidden, biases.mlp));
  return takeLinear(binder, layer + "mlp.down_proj", hidden, inner, biases.mlp);
}

} // namespace

Status bindTensors(FoundTensors found, const FamilySpec &family, const BiasUse &biases,
                   ModelConfig &config, std::map<std::string, SourceTensor> &tensors,
                   std::vector<std::string> &notes) {
  Binder binder(std::move(found), config, tensors);
  const std::string embedding = "model.embed_tokens.weight", head = "lm_head.weight";
  AXIOM_RETURN_IF_ERROR(binder.take(embedding, config.vocabSize, config.hiddenSize));
  for (uint32_t i = 0; i < config.numLayers; ++i)
    AXIOM_RETURN_IF_ERROR(
        takeLayer(binder, "model.layers." + std::to_string(i) + ".", config, family, biases));
  AXIOM_RETURN_IF_ERROR(binder.take("model.norm.weight", 0, config.hiddenSize));

  if (!config.tiedEmbedding && !binder.has(head))
    return Status(Code::BadInput, "tensor lm_head.weight is missing, and tie_word_embeddings is "
                                  "not true; if this model ties its head to the embedding, set "
                                  "tie_word_embeddings to true in config.json");
  if (binder.has(head)) {
    AXIOM_RETURN_IF_ERROR(binder.take(head, config.vocabSize, config.hiddenSize));
    const SourceTensor &e = tensors.at(embedding), &h = tensors.at(head);
    if (config.tiedEmbedding) {
      bool same = e.type == h.type && e.bytes.size() == h.bytes.size() &&
                  std::memcmp(e.bytes.data(), h.bytes.data(), e.bytes.size()) == 0;
      if (same) {
        tensors.erase(head);
      } else {
        config.tiedEmbedding = false;
        notes.push_back("tie_word_embeddings is true, but lm_head.weight is stored and differs "
                        "from the embedding: used as an untied head");
      }
    }
  }

  constexpr size_t kMostNamed = 20;
  size_t left = 0;
  for (const auto &[name, f] : binder.rest()) {
    if (++left > kMostNamed)
      continue;
    notes.push_back("ignored tensor " + f.sourceName + " " + shapeText(f.shape) + " " + f.typeName +
                    ": a " + config.family + " model does not use it");
  }
  if (left > kMostNamed)
    notes.push_back(format("ignored %zu more tensors", left - kMostNamed));
  return Status::okStatus();
}

} // namespace axiom
