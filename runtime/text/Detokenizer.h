// Token ids to text, whole or piece by piece.
#ifndef AXIOM_RUNTIME_TEXT_DETOKENIZER_H
#define AXIOM_RUNTIME_TEXT_DETOKENIZER_H

#include "runtime/text/Tokenizer.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace axiom {

namespace tokenizer {

/// The state behind Tokenizer::decode and StreamDetokenizer.
class Detokenizer {
public:
  /// Points to `view`, which must outlive it.
  Detokenizer(const View &view, bool skipSpecial)
      : view_(&view), skipSpecial_(skipSpecial), strip_(view.decoder.strip) {}

  /// What stands before is known: the first space stays.
  void keepFirstSpace() { strip_ = 0; }
  /// Characters made of byte tokens come out as soon as they are complete.
  void releaseEarly() { early_ = true; }

  /// Appends to `out` the text that `id` completes; ids without a token add nothing.
  void add(int32_t id, std::string &out);
  /// Appends what is still held as U+FFFD and starts a new run; the next text is no start.
  void flush(std::string &out);

private:
  void addBytes(std::string_view bytes, std::string &out);
  void endByteRun(std::string &out);
  void emit(std::string_view text, std::string &out);

  const View *view_;
  bool skipSpecial_;
  bool early_ = false;
  bool first_ = true;   ///< no token yet
  uint32_t strip_;      ///< spaces that may still be dropped at the start
  std::string pending_; ///< bytes not yet decided
};

} // namespace tokenizer

/// Turns a running generation into text. The concatenation of everything returned is valid UTF-8
/// and equals Tokenizer::decode, but for one case: in SentencePiece kinds a run of byte tokens that
/// is not UTF-8 as a whole is all U+FFFD to decode() (as in Hugging Face), while here its valid
/// characters have been shown already.
class StreamDetokenizer {
public:
  struct Options {
    bool skipSpecial = true;
    /// SentencePiece kinds: drop the one space that the first word carries. Set false when the ids
    /// continue a text whose end the reader sees.
    bool atTextStart = true;
  };

  /// Points into `tokenizer`, which must outlive it and not move.
  explicit StreamDetokenizer(const Tokenizer &tokenizer)
      : StreamDetokenizer(tokenizer, Options()) {}
  StreamDetokenizer(const Tokenizer &tokenizer, Options options)
      : state_(tokenizer.view(), options.skipSpecial) {
    state_.releaseEarly();
    if (!options.atTextStart)
      state_.keepFirstSpace();
  }

  /// The text that this token completes; empty while a character is incomplete.
  std::string add(int32_t id) {
    std::string out;
    state_.add(id, out);
    return out;
  }
  /// At the end: what is left of an incomplete character, as U+FFFD.
  std::string flush() {
    std::string out;
    state_.flush(out);
    return out;
  }

private:
  tokenizer::Detokenizer state_;
};

} // namespace axiom

#endif
