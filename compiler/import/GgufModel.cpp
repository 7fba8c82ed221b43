#include "compiler/import/GgufModel.h"

#include "compiler/import/TensorBinding.h"
#include "runtime/base/MappedFile.h"
#include "runtime/base/Sha256.h"

#include <charconv>
#include <cstring>

namespace axiom {

namespace {

struct NamePair {
  std::string_view gguf;
  std::string_view canonical;
};
constexpr NamePair kTopNames[] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
};
/// Between "blk.N." and ".weight" or ".bias".
constexpr NamePair kLayerNames[] = {
    {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"}, {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

bool endsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

class GgufModel final : public ModelSource {
public:
  explicit GgufModel(MappedFile file) : file_(std::move(file)) { format_ = "gguf"; }

  Status load() {
    AXIOM_ASSIGN_OR_RETURN(GgufFile parsed, GgufFile::parse(file_.bytes()));
    AXIOM_ASSIGN_OR_RETURN(GgufConfig gguf, readGgufConfig(parsed, notes_));
    config_ = gguf.config;
    AXIOM_RETURN_IF_ERROR(readGgufText(parsed, config_, text_));
    if (!text_.gguf)
      notes_.push_back("there is no tokenizer in the file (tokenizer.ggml.tokens)");

    FoundTensors found;
    for (const GgufTensor &t : parsed.tensors()) {
      if (t.name == "rope_freqs.weight") // it is in config_.rope.freqFactors
        continue;
      FoundTensor f;
      f.sourceName = std::string(t.name);
      f.shape = t.shape;
      f.type = t.type;
      f.typeSupported = true;
      f.typeName = sourceTypeName(t.type);
      f.bytes = t.bytes;
      std::string name = canonicalGgufName(t.name);
      if (gguf.permutedQK)
        AXIOM_RETURN_IF_ERROR(undoPermutation(name, f));
      // A name that is none of GGUF's gets a key that no canonical name can equal.
      std::string key = name.empty() ? "?" + f.sourceName : name;
      found.emplace(std::move(key), std::move(f));
    }
    // ByConfig here: a bias is used where it is stored, as the file has no key that says so.
    BiasUse biases{gguf.family->qkvBias, gguf.family->oBias, gguf.family->mlpBias};
    return bindTensors(std::move(found), *gguf.family, biases, config_, tensors_, notes_);
  }

  Result<std::vector<InputDigest>> digests() const override {
    return std::vector<InputDigest>{{file_.name(), sha256Hex(sha256OfFile(file_)), file_.size()}};
  }

  void releasePages(std::span<const uint8_t> bytes) const override { file_.release(bytes); }

private:
  /// Matrices stay as they are and are marked; a permuted bias is copied in its logical order.
  Status undoPermutation(std::string_view name, FoundTensor &f) {
    bool q = name.find(".self_attn.q_proj.") != name.npos;
    bool k = name.find(".self_attn.k_proj.") != name.npos;
    if (!q && !k)
      return Status::okStatus();
    uint32_t heads = q ? config_.numHeads : config_.numKvHeads;
    uint64_t rows = uint64_t(heads) * config_.headDim;
    if (f.shape[0] != rows)
      return Status::okStatus(); // bindTensors() refuses it with the right message
    if (f.shape.size() == 2) {
      f.permutedHeads = heads;
      return Status::okStatus();
    }
    SourceTensor column;
    column.type = f.type;
    column.rows = rows;
    column.cols = 1;
    column.bytes = f.bytes;
    column.permutedHeads = heads;
    if (sourceBlock(f.type).weights != 1)
      return Status::okStatus(); // refused by bindTensors() too
    auto &copy = owned_.emplace_back();
    copy.reserve(f.bytes.size());
    for (uint64_t row = 0; row < rows; ++row) {
      auto bytes = column.sourceRow(row);
      copy.insert(copy.end(), bytes.begin(), bytes.end());
    }
    f.bytes = copy;
    return Status::okStatus();
  }

  MappedFile file_;
  std::vector<std::vector<uint8_t>> owned_; ///< moving an inner vector keeps its bytes in place
};

} // namespace

std::string canonicalGgufName(std::string_view name) {
  for (const NamePair &pair : kTopNames)
    if (name == pair.gguf)
      return std::string(pair.canonical);
  if (name.substr(0, 4) != "blk.")
    return "";
  uint32_t layer = 0;
  auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  size_t digits = static_cast<size_t>(end - name.data()) - 4;
  if (error != std::errc() || end == name.data() + name.size() || *end != '.' ||
      (digits > 1 && name[4] == '0'))
    return "";
  std::string_view rest = name.substr(4 + digits + 1);
  for (std::string_view kind : {".weight", ".bias"})
    if (endsWith(rest, kind))
      for (const NamePair &pair : kLayerNames)
        if (rest.substr(0, rest.size() - kind.size()) == pair.gguf)
          return "model.layers." + std::to_string(layer) + "." + std::string(pair.canonical) +
                 std::string(kind);
  return "";
}

Result<std::unique_ptr<ModelSource>> openGguf(const std::string &path) {
  AXIOM_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  auto model = std::make_unique<GgufModel>(std::move(file));
  AXIOM_RETURN_IF_ERROR(model->load().withContext(path));
  return std::unique_ptr<ModelSource>(std::move(model));
}

} // namespace axiom
