// Small models without files: a configuration, named tensors, and random values that depend on the
// tensor's name only.
#ifndef AXIOM_TEST_UNIT_DIALECTS_TINYMODEL_H
#define AXIOM_TEST_UNIT_DIALECTS_TINYMODEL_H

#include "compiler/import/ModelSource.h"
#include "dialects/axiom/interpreter/WeightProvider.h"
#include "runtime/base/Half.h"

#include <cstring>
#include <deque>

namespace axiom::test {

/// splitmix64: the same numbers everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}
  explicit Random(const std::string &name) : state_(0xcbf29ce484222325u) {
    for (char c : name)
      state_ = (state_ ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  }
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(next() % n); }
  /// In [-1, 1).
  float unit() {
    return static_cast<float>(static_cast<int32_t>(next() >> 40) - (1 << 23)) / (1 << 23);
  }

private:
  uint64_t state_;
};

class TinyModel : public ModelSource {
public:
  /// Fills tensors_ for a configuration: matrices of `type` (F32, F16 or BF16), vectors in F32.
  TinyModel(ModelConfig config, SourceType type, bool biases = false) {
    config_ = std::move(config);
    format_ = "test";
    uint32_t hidden = config_.hiddenSize, inter = config_.intermediateSize;
    uint32_t q = config_.numHeads * config_.headDim, kv = config_.numKvHeads * config_.headDim;
    matrix("model.embed_tokens.weight", config_.vocabSize, hidden, type);
    if (!config_.tiedEmbedding)
      matrix("lm_head.weight", config_.vocabSize, hidden, type);
    vector("model.norm.weight", hidden);
    for (uint32_t i = 0; i < config_.numLayers; ++i) {
      std::string p = "model.layers." + std::to_string(i) + ".";
      vector(p + "input_layernorm.weight", hidden);
      vector(p + "post_attention_layernorm.weight", hidden);
      matrix(p + "self_attn.q_proj.weight", q, hidden, type);
      matrix(p + "self_attn.k_proj.weight", kv, hidden, type);
      matrix(p + "self_attn.v_proj.weight", kv, hidden, type);
      matrix(p + "self_attn.o_proj.weight", hidden, q, type);
      matrix(p + "mlp.gate_proj.weight", inter, hidden, type);
      matrix(p + "mlp.up_proj.weight", inter, hidden, type);
      matrix(p + "mlp.down_proj.weight", hidden, inter, type);
      if (biases) {
        vector(p + "self_attn.q_proj.bias", q);
        vector(p + "self_attn.k_proj.bias", kv);
        vector(p + "self_attn.v_proj.bias", kv);
      }
      if (config_.qkNorm) {
        vector(p + "self_attn.q_norm.weight", config_.headDim);
        vector(p + "self_attn.k_norm.weight", config_.headDim);
      }
    }
  }

  Result<std::vector<InputDigest>> digests() const override { return std::vector<InputDigest>(); }

private:
  void matrix(const std::string &name, uint64_t rows, uint64_t cols, SourceType type) {
    Random random(name);
    std::vector<uint8_t> bytes;
    float scale = 2.0f / static_cast<float>(cols < 64 ? 8 : 16);
    for (uint64_t i = 0; i < rows * cols; ++i) {
      float value = random.unit() * scale;
      uint8_t raw[4];
      size_t size = 2;
      uint16_t half = type == SourceType::F16 ? f32ToF16(value) : f32ToBf16(value);
      std::memcpy(raw, &half, 2);
      if (type == SourceType::F32) {
        std::memcpy(raw, &value, 4);
        size = 4;
      }
      bytes.insert(bytes.end(), raw, raw + size);
    }
    add(name, rows, cols, type, std::move(bytes));
  }
  void vector(const std::string &name, uint64_t size) {
    Random random(name);
    std::vector<uint8_t> bytes(size * 4);
    bool gain = name.find("norm") != std::string::npos;
    for (uint64_t i = 0; i < size; ++i) {
      float value = gain ? 1.0f + 0.25f * random.unit() : 0.1f * random.unit();
      std::memcpy(bytes.data() + 4 * i, &value, 4);
    }
    add(name, 1, size, SourceType::F32, std::move(bytes));
  }
  void add(const std::string &name, uint64_t rows, uint64_t cols, SourceType type,
           std::vector<uint8_t> bytes) {
    storage_.push_back(std::move(bytes));
    SourceTensor tensor;
    tensor.name = name;
    tensor.type = type;
    tensor.rows = rows;
    tensor.cols = cols;
    tensor.bytes = storage_.back();
    tensors_[name] = tensor;
  }
  std::deque<std::vector<uint8_t>> storage_;
};

/// Odd shapes: 3 heads over 1 KV head, hidden 96, head_dim 40, vocabulary over one tile.
inline ModelConfig tinyConfig(const std::string &family) {
  ModelConfig config;
  config.family = family;
  config.hiddenSize = 96;
  config.intermediateSize = 144;
  config.numLayers = 3;
  config.numHeads = 3;
  config.numKvHeads = 1;
  config.headDim = 40;
  config.vocabSize = 1131;
  config.maxContext = 512;
  config.tiedEmbedding = true;
  config.layerWindow.assign(config.numLayers, 0);
  return config;
}

} // namespace axiom::test

#endif
