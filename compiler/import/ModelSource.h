// What the importers hand to the rest of the compiler: a configuration in Axiom's own terms and
// tensors that stay where they are, in the mapped source file, until a packer streams their rows.
#ifndef AXIOM_COMPILER_IMPORT_MODELSOURCE_H
#define AXIOM_COMPILER_IMPORT_MODELSOURCE_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace axiom {

/// How a tensor is stored in its source file. The Q* types are GGUF blocks.
enum class SourceType { F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K };
const char *sourceTypeName(SourceType type);
/// Weights per block and bytes per block: 1 and 2 for F16, 32 and 20 for Q4_1, 256 and 144 for
/// Q4_K.
struct BlockShape {
  uint32_t weights;
  uint32_t bytes;
};
BlockShape sourceBlock(SourceType type);

/// One tensor in its source: row-major, `rows` output features of `cols` input features each
/// (rows = 1 for vectors). `bytes` points into a mapped file owned by the ModelSource.
struct SourceTensor {
  std::string name; ///< canonical Hugging Face name, for example model.layers.0.mlp.up_proj.weight
  SourceType type = SourceType::F32;
  uint64_t rows = 0;
  uint64_t cols = 0;
  std::span<const uint8_t> bytes;
  /// When not 0, the file holds q or k rows permuted for interleaved rotary embedding (GGUF of the
  /// llama architecture) with this many heads; sourceRow() undoes it.
  uint32_t permutedHeads = 0;

  uint64_t rowBytes() const;
  /// The stored bytes of logical row `row`.
  std::span<const uint8_t> sourceRow(uint64_t row) const;
};

/// Decodes logical row `row` into `out[0, cols)`; exact for every type (products rounded once to
/// f32 exactly as the format defines them).
void readRowF32(const SourceTensor &tensor, uint64_t row, float *out);

struct RopeConfig {
  double theta = 10000.0;
  enum class Scaling { None, Linear, Llama3 } scaling = Scaling::None;
  double factor = 1.0;
  double lowFreqFactor = 1.0;
  double highFreqFactor = 4.0;
  uint32_t originalContext = 8192;
  /// Divisors of the inverse frequencies, head_dim/2 of them (GGUF rope_freqs.weight); else empty.
  std::vector<float> freqFactors;
};

struct ModelConfig {
  std::string family; ///< "llama", "mistral", "qwen2", "qwen3"
  std::string name;   ///< free text from the source, may be empty
  uint32_t hiddenSize = 0;
  uint32_t intermediateSize = 0;
  uint32_t numLayers = 0;
  uint32_t numHeads = 0;
  uint32_t numKvHeads = 0;
  uint32_t headDim = 0;
  uint32_t vocabSize = 0;
  uint32_t maxContext = 0; ///< max_position_embeddings
  float normEps = 1e-5f;
  bool tiedEmbedding = false;
  bool qkNorm = false;               ///< per-head RMS norm of q and k before rope (qwen3)
  std::vector<uint32_t> layerWindow; ///< per layer: 0 = full attention, else the window in tokens
  RopeConfig rope;
  std::vector<int32_t> eosIds; ///< generation_config.json, config.json, GGUF metadata: merged
  int32_t bosId = -1;
};

/// Raw text material of the model; the tokenizer and template compilers read it.
struct GgufTokenizer; // compiler/import/TokenizerCompiler.h
struct TextSource {
  std::string tokenizerJson;           ///< empty for GGUF
  std::string tokenizerConfigJson;     ///< may be empty
  std::shared_ptr<GgufTokenizer> gguf; ///< set for GGUF
  std::string chatTemplate;            ///< empty if the model has none
  std::string bosToken, eosToken;      ///< texts, for the template's context; may be empty
};

struct InputDigest {
  std::string name; ///< file name without folders
  std::string sha256Hex;
  uint64_t bytes;
};

class ModelSource {
public:
  virtual ~ModelSource() = default;
  const ModelConfig &config() const { return config_; }
  const TextSource &text() const { return text_; }
  const std::map<std::string, SourceTensor> &tensors() const { return tensors_; }
  const SourceTensor *find(const std::string &canonicalName) const {
    auto it = tensors_.find(canonicalName);
    return it == tensors_.end() ? nullptr : &it->second;
  }
  /// "safetensors" or "gguf".
  const std::string &format() const { return format_; }
  /// SHA-256 of every input file, computed on demand (reads the files once).
  virtual Result<std::vector<InputDigest>> digests() const = 0;
  /// Gives the pages of a mapped tensor back to the system: what has been packed need not stay
  /// resident. The bytes stay readable.
  virtual void releasePages(std::span<const uint8_t> bytes) const { (void)bytes; }
  /// Things the user should know: ignored tensors, chosen spellings, and so on.
  const std::vector<std::string> &notes() const { return notes_; }

protected:
  ModelConfig config_;
  TextSource text_;
  std::map<std::string, SourceTensor> tensors_;
  std::string format_;
  std::vector<std::string> notes_;
};

/// Opens a .safetensors file, a directory that holds one (or a model.safetensors.index.json), an
/// index file, or a .gguf file. Everything is validated against the files before it returns: each
/// tensor lies in its file, shapes agree with the configuration, every tensor a family needs is
/// there.
Result<std::unique_ptr<ModelSource>> openModel(const std::string &path);

} // namespace axiom

#endif
