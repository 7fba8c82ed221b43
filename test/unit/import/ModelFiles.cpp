#include "test/unit/import/ModelFiles.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <unistd.h>

namespace axiom::test {

namespace fs = std::filesystem;

std::string le(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>(value >> (8 * i));
  return out;
}

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "axiom-import-XXXXXX").string();
  if (!::mkdtemp(name.data()))
    throw std::runtime_error("no temporary folder");
  folder_ = name;
}
TempFolder::~TempFolder() {
  std::error_code error;
  fs::remove_all(folder_, error);
}
std::string TempFolder::path(const std::string &name) const {
  return name.empty() ? folder_ : folder_ + "/" + name;
}
void TempFolder::write(const std::string &name, const std::string &bytes) const {
  std::ofstream(path(name), std::ios::binary) << bytes;
}

Tensor floats(std::vector<uint64_t> shape, uint32_t seed) {
  Tensor tensor;
  uint64_t count = 1;
  for (uint64_t n : shape)
    count *= n;
  tensor.shape = std::move(shape);
  for (uint64_t i = 0; i < count; ++i) {
    float v = static_cast<float>(i) + static_cast<float>(seed) * 0.001f;
    uint32_t bits;
    std::memcpy(&bits, &v, 4);
    tensor.bytes += le(bits, 4);
  }
  return tensor;
}

std::string safetensorsBytes(const Tensors &tensors) {
  std::string header = "{", data;
  for (const auto &[name, t] : tensors) {
    if (header.size() > 1)
      header += ",";
    header += "\"" + name + "\":{\"dtype\":\"" + t.dtype + "\",\"shape\":[";
    for (size_t i = 0; i < t.shape.size(); ++i)
      header += (i ? "," : "") + std::to_string(t.shape[i]);
    header += "],\"data_offsets\":[" + std::to_string(data.size()) + ",";
    data += t.bytes;
    header += std::to_string(data.size()) + "]}";
  }
  header += "}";
  return le(header.size(), 8) + header + data;
}

static std::string sized(const std::string &text) { return le(text.size(), 8) + text; }

void GgufWriter::raw(const std::string &key, uint32_t type, const std::string &value) {
  entries.push_back(sized(key) + le(type, 4) + value);
}
void GgufWriter::u32(const std::string &key, uint32_t value) { raw(key, 4, le(value, 4)); }
void GgufWriter::f32(const std::string &key, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  raw(key, 6, le(bits, 4));
}
void GgufWriter::boolean(const std::string &key, uint8_t value) { raw(key, 7, le(value, 1)); }
void GgufWriter::string(const std::string &key, const std::string &value) {
  raw(key, 8, sized(value));
}
void GgufWriter::strings(const std::string &key, const std::vector<std::string> &values) {
  std::string all;
  for (const std::string &v : values)
    all += sized(v);
  raw(key, 9, le(8, 4) + le(values.size(), 8) + all);
}
void GgufWriter::remove(const std::string &key) {
  std::string begin = sized(key);
  std::erase_if(entries,
                [&](const std::string &e) { return e.compare(0, begin.size(), begin) == 0; });
}
GgufWriter::Info &GgufWriter::find(const std::string &name) {
  for (Info &info : tensors)
    if (info.name == name)
      return info;
  throw std::runtime_error("no tensor " + name);
}

std::string GgufWriter::bytes() const {
  std::string out = magic + le(version, 4) +
                    le(tensorCount >= 0 ? uint64_t(tensorCount) : tensors.size(), 8) +
                    le(entryCount >= 0 ? uint64_t(entryCount) : entries.size(), 8);
  for (const std::string &entry : entries)
    out += entry;
  std::string data;
  for (const Info &info : tensors) {
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    out += sized(info.name) + le(info.tensor.shape.size(), 4);
    for (size_t i = info.tensor.shape.size(); i-- > 0;)
      out += le(info.tensor.shape[i], 8);
    out +=
        le(info.tensor.ggufType, 4) + le(info.offset >= 0 ? uint64_t(info.offset) : data.size(), 8);
    data += info.tensor.bytes;
  }
  out.resize((out.size() + alignment - 1) / alignment * alignment);
  return out + data;
}

namespace {
constexpr uint64_t kHidden = 96, kInner = 80, kHeads = 3, kKvHeads = 1, kHeadDim = 40, kVocab = 131;
constexpr int kLayers = 2;

/// Rows of each head from halves to pairs, as the GGUF converters store them.
Tensor permuted(const Tensor &t, uint64_t heads) {
  Tensor out = t;
  uint64_t rows = t.shape[0], row = t.bytes.size() / rows, dim = rows / heads;
  for (uint64_t h = 0; h < heads; ++h)
    for (uint64_t half = 0; half < 2; ++half)
      for (uint64_t i = 0; i < dim / 2; ++i)
        std::memcpy(out.bytes.data() + (h * dim + 2 * i + half) * row,
                    t.bytes.data() + (h * dim + half * dim / 2 + i) * row, row);
  return out;
}
} // namespace

Tensors tinyTensors(const std::string &family, bool tied) {
  Tensors t;
  uint32_t seed = 1;
  auto add = [&](const std::string &name, std::vector<uint64_t> shape) {
    t[name] = floats(std::move(shape), seed++);
  };
  add("model.embed_tokens.weight", {kVocab, kHidden});
  add("model.norm.weight", {kHidden});
  if (!tied)
    add("lm_head.weight", {kVocab, kHidden});
  for (int i = 0; i < kLayers; ++i) {
    std::string layer = "model.layers." + std::to_string(i) + ".";
    uint64_t q = kHeads * kHeadDim, kv = kKvHeads * kHeadDim;
    add(layer + "input_layernorm.weight", {kHidden});
    add(layer + "post_attention_layernorm.weight", {kHidden});
    add(layer + "self_attn.q_proj.weight", {q, kHidden});
    add(layer + "self_attn.k_proj.weight", {kv, kHidden});
    add(layer + "self_attn.v_proj.weight", {kv, kHidden});
    add(layer + "self_attn.o_proj.weight", {kHidden, q});
    add(layer + "mlp.gate_proj.weight", {kInner, kHidden});
    add(layer + "mlp.up_proj.weight", {kInner, kHidden});
    add(layer + "mlp.down_proj.weight", {kHidden, kInner});
    if (family == "qwen2") {
      add(layer + "self_attn.q_proj.bias", {q});
      add(layer + "self_attn.k_proj.bias", {kv});
      add(layer + "self_attn.v_proj.bias", {kv});
    }
    if (family == "qwen3") {
      add(layer + "self_attn.q_norm.weight", {kHeadDim});
      add(layer + "self_attn.k_norm.weight", {kHeadDim});
    }
  }
  return t;
}

std::string tinyConfig(const std::string &family, bool tied, const std::string &more) {
  std::string architecture = family == "llama"     ? "Llama"
                             : family == "mistral" ? "Mistral"
                             : family == "qwen2"   ? "Qwen2"
                                                   : "Qwen3";
  return "{\"model_type\":\"" + family + "\",\"architectures\":[\"" + architecture +
         "ForCausalLM\"],\"hidden_size\":96,\"intermediate_size\":80,\"num_hidden_layers\":2,"
         "\"num_attention_heads\":3,\"num_key_value_heads\":1,\"head_dim\":40,\"vocab_size\":131,"
         "\"max_position_embeddings\":256,\"rms_norm_eps\":1e-05,\"hidden_act\":\"silu\","
         "\"tie_word_embeddings\":" +
         (tied ? "true" : "false") + more + "}";
}

GgufWriter tinyGguf(const std::string &family, bool tied) {
  GgufWriter w;
  std::string arch = family == "mistral" ? "llama" : family;
  w.string("general.architecture", arch);
  w.string("general.name", "tiny " + family);
  w.u32(arch + ".block_count", kLayers);
  w.u32(arch + ".context_length", 256);
  w.u32(arch + ".embedding_length", kHidden);
  w.u32(arch + ".feed_forward_length", kInner);
  w.u32(arch + ".attention.head_count", kHeads);
  w.u32(arch + ".attention.head_count_kv", kKvHeads);
  w.u32(arch + ".attention.key_length", kHeadDim);
  w.u32(arch + ".attention.value_length", kHeadDim);
  w.u32(arch + ".rope.dimension_count", kHeadDim);
  w.f32(arch + ".attention.layer_norm_rms_epsilon", 1e-5f);
  w.f32(arch + ".rope.freq_base", 50000.0f);
  if (family == "mistral")
    w.u32("llama.attention.sliding_window", 64);
  std::vector<std::string> tokens;
  for (uint64_t i = 0; i < kVocab; ++i)
    tokens.push_back("t" + std::to_string(i));
  w.string("tokenizer.ggml.model", "gpt2");
  w.string("tokenizer.ggml.pre", "smollm");
  w.strings("tokenizer.ggml.tokens", tokens);
  w.strings("tokenizer.ggml.merges", {"t 0", "t 1"});
  w.u32("tokenizer.ggml.bos_token_id", 1);
  w.u32("tokenizer.ggml.eos_token_id", 2);
  w.boolean("tokenizer.ggml.add_bos_token", 0);
  w.string("tokenizer.chat_template", "{{ messages }}");

  const std::pair<const char *, const char *> names[] = {
      {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
      {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
      {"self_attn.o_proj", "attn_output"}, {"self_attn.q_norm", "attn_q_norm"},
      {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"},
      {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
      {"mlp.down_proj", "ffn_down"}};
  for (auto &[name, tensor] : tinyTensors(family, tied)) {
    std::string gguf = name == "model.embed_tokens.weight" ? "token_embd.weight"
                       : name == "model.norm.weight"       ? "output_norm.weight"
                       : name == "lm_head.weight"          ? "output.weight"
                                                           : "";
    for (const auto &[hf, short_] : names)
      if (name.find("." + std::string(hf) + ".") != name.npos)
        gguf = "blk." + name.substr(13, 1) + "." + short_ + name.substr(name.rfind('.'));
    Tensor stored = tensor;
    if (arch == "llama" && gguf.find("attn_q.") != gguf.npos)
      stored = permuted(tensor, kHeads);
    if (arch == "llama" && gguf.find("attn_k.") != gguf.npos)
      stored = permuted(tensor, kKvHeads);
    w.tensors.push_back({gguf, stored, -1});
  }
  return w;
}

} // namespace axiom::test
