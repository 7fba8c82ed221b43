// Compiles a tokenizer to the tables that the runtime uses (runtime/text/TokenizerFormat.h).
//
// The input is Hugging Face's tokenizer.json, read structurally: normalizer, pre-tokenizer, model,
// post-processor and decoder each have to be ones that the runtime knows, else the answer is an
// Unsupported error that names the part and what is supported; or the tokenizer of a GGUF file.
// The bytes depend on the input only.
#ifndef AXIOM_COMPILER_IMPORT_TOKENIZERCOMPILER_H
#define AXIOM_COMPILER_IMPORT_TOKENIZERCOMPILER_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace axiom {

/// The keys tokenizer.ggml.* of a GGUF file.
struct GgufTokenizer {
  std::string model;               ///< "gpt2" or "llama"
  std::string pre;                 ///< "smollm", "llama-bpe", ...; empty if the key is missing
  std::vector<std::string> tokens; ///< any bytes
  std::vector<float> scores;       ///< needed for "llama"
  std::vector<int32_t> tokenTypes; ///< token_type: 1 normal, 2 unknown, 3 control, 4 user, 6 byte
  std::vector<std::string> merges; ///< "left right", needed for "gpt2"
  int64_t bosId = -1, eosId = -1, unkId = -1, padId = -1; ///< -1: the key is missing
  std::optional<bool> addBos, addEos;                     ///< add_bos_token, add_eos_token
  std::optional<bool> addSpacePrefix;                     ///< add_space_prefix
};

/// `tokenizerConfigJson` may be empty; it gives the names of BOS, EOS, UNK and PAD, and whether BOS
/// and EOS are put around a text where it says so (else the post-processor decides).
Result<std::vector<uint8_t>> compileTokenizerJson(std::string_view tokenizerJson,
                                                  std::string_view tokenizerConfigJson);

Result<std::vector<uint8_t>> compileGgufTokenizer(const GgufTokenizer &gguf);

} // namespace axiom

#endif
