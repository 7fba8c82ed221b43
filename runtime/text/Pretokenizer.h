// Cuts normalized text into the words that byte-pair merging works on.
#ifndef AXIOM_RUNTIME_TEXT_PRETOKENIZER_H
#define AXIOM_RUNTIME_TEXT_PRETOKENIZER_H

#include "runtime/text/TokenizerFormat.h"

#include <string>
#include <string_view>
#include <vector>

namespace axiom::tokenizer {

/// A text and the pieces it is cut into. Steps may rewrite the text (prefix space, Metaspace).
class Pieces {
public:
  /// `text` is valid UTF-8 and outlives this; one piece. `atStart`: it begins the whole input.
  Pieces(std::string_view text, bool atStart) : text_(text), atStart_(atStart) {
    if (!text.empty())
      ends_.push_back(text.size());
  }
  Pieces(const Pieces &) = delete; // text_ may point into storage_
  Pieces &operator=(const Pieces &) = delete;

  void apply(const PretokenizerStep &step);

  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    size_t begin = i == 0 ? 0 : ends_[i - 1];
    return text_.substr(begin, ends_[i] - begin);
  }

private:
  template <typename NextEnd> void cut(NextEnd nextEnd);
  void splitDigits(bool individually);
  void splitText(std::string_view separator, SplitBehavior behavior);
  void prefixSpaces();
  void metaspace(std::string_view replacement, MetaspaceScheme scheme);
  void rewrite(std::string text, std::vector<size_t> ends);

  std::string_view text_;
  std::string storage_; ///< what text_ points into once a step has rewritten it
  std::vector<size_t> ends_;
  bool atStart_;
};

/// End of the word at the start of `text` (valid UTF-8, not empty), by the GPT-2 expression
/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t nextGpt2Word(std::string_view text);

/// The same by the expressions of Llama 3 (digits = 3), Qwen 2 and 3 (digits = 1):
/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|
///  ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// With `marks`, \p{M} goes with \p{L} (Qwen 3.5).
size_t nextLlama3Word(std::string_view text, unsigned digits, bool marks);

} // namespace axiom::tokenizer

#endif
