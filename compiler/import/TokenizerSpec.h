// What both tokenizer importers produce and the blob writer reads.
#ifndef AXIOM_COMPILER_IMPORT_TOKENIZERSPEC_H
#define AXIOM_COMPILER_IMPORT_TOKENIZERSPEC_H

#include "runtime/base/Status.h"
#include "runtime/text/TokenizerFormat.h"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace axiom {

struct TokenizerSpec {
  struct Token {
    std::string text;
    bool inModel = false; ///< part of the model's vocabulary, not only an added token
  };
  struct Merge {
    uint32_t left, right, result;
  };
  struct Added {
    uint32_t id;
    std::string text;
    bool special = false, normalized = false;
    bool leftStrip = false, rightStrip = false, singleWord = false;
  };

  uint32_t flags = 0; ///< tokenizer::ModelFlag
  std::unordered_map<uint32_t, Token> tokens;
  std::vector<Merge> merges; ///< by rank; of equal pairs the last one counts
  std::vector<Added> added;
  std::vector<tokenizer::NormalizerStep> normalizer;
  std::vector<tokenizer::PretokenizerStep> pretokenizer;
  tokenizer::DecoderSpec decoder;
  int32_t bos = -1, eos = -1, unk = -1, pad = -1;
  std::vector<int32_t> prefix, suffix;

  /// Keeps a step's text alive as long as the spec.
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

private:
  std::deque<std::string> texts_;
};

/// U+2581, the visible space of SentencePiece vocabularies.
inline constexpr std::string_view kMetaspace = "\xE2\x96\x81";

/// The byte that "<0xNN>" stands for, or -1.
int byteTokenValue(std::string_view text);

/// The blob; it has been opened once by the runtime's own reader before it is returned.
Result<std::vector<uint8_t>> writeTokenizer(const TokenizerSpec &spec);

} // namespace axiom

#endif
