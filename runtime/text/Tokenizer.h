// Text to token ids and back, from the tables that axiomc compiled
// (runtime/text/TokenizerFormat.h).
//
// Equal to Hugging Face `tokenizers` on the supported kinds: byte-level BPE (GPT-2, SmolLM, Llama
// 3, Qwen 2 and 3) and SentencePiece-style BPE with byte fallback (Llama 2, Mistral, TinyLlama).
#ifndef AXIOM_RUNTIME_TEXT_TOKENIZER_H
#define AXIOM_RUNTIME_TEXT_TOKENIZER_H

#include "runtime/text/TokenizerFormat.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace axiom {

struct EncodeOptions {
  /// Put the ids before and after the text that the tokenizer's configuration asks for (BOS, EOS).
  bool addSpecial = true;
  /// Special tokens written in the text become their ids; else their text is ordinary text.
  /// Other added tokens are recognised either way.
  bool parseSpecial = true;
};

/// Immutable after open(): any number of threads may use one.
class Tokenizer {
public:
  /// Checks `blob` completely and keeps pointing into it: it must outlive the tokenizer.
  static Result<Tokenizer> open(std::span<const uint8_t> blob);

  /// Ids of `text`. Invalid UTF-8 is read as U+FFFD, one for each maximal invalid part.
  std::vector<int32_t> encode(std::string_view text, EncodeOptions options = {}) const;

  /// Text of `ids`, always valid UTF-8; ids without a token add nothing. For the pieces of a
  /// running generation use StreamDetokenizer (runtime/text/Detokenizer.h).
  std::string decode(std::span<const int32_t> ids, bool skipSpecial) const;

  /// The bytes that a token stands for inside a text: " the", a single byte of a longer character,
  /// "<|im_end|>". Empty for an id without a token.
  std::string tokenBytes(int32_t id) const;
  /// The token as vocabularies write it: "Ġthe", "▁the", "<0x0A>".
  std::string tokenText(int32_t id) const;
  /// Id of the token that tokenText() names so, or -1. Linear in the vocabulary for byte-level
  /// models without a table: for set-up, not for loops.
  int32_t findToken(std::string_view tokenText) const;
  bool hasToken(int32_t id) const { return view_.present(id); }
  /// True for tokens that skipSpecial hides.
  bool isSpecial(int32_t id) const {
    return view_.present(id) && (view_.tokenFlags[static_cast<size_t>(id)] & tokenizer::kSpecial);
  }

  int32_t bosId() const { return view_.bos; } ///< -1: none; likewise below
  int32_t eosId() const { return view_.eos; }
  int32_t unkId() const { return view_.unk; }
  int32_t padId() const { return view_.pad; }
  /// What encode() puts before and after a text with addSpecial.
  std::span<const int32_t> prefixIds() const { return view_.prefix; }
  std::span<const int32_t> suffixIds() const { return view_.suffix; }
  /// One more than the highest id. A model's logits may have more rows than this.
  int32_t vocabSize() const { return static_cast<int32_t>(view_.vocabSize); }

  const tokenizer::View &view() const { return view_; }

private:
  explicit Tokenizer(tokenizer::View view) : view_(std::move(view)) {}

  tokenizer::View view_;
};

} // namespace axiom

#endif
