// Byte-pair merging of one word.
#ifndef AXIOM_RUNTIME_TEXT_TOKENIZERBPE_H
#define AXIOM_RUNTIME_TEXT_TOKENIZERBPE_H

#include "runtime/text/TokenizerFormat.h"

#include <string_view>
#include <vector>

namespace axiom::tokenizer {

/// Encodes words with a checked blob; keeps scratch memory between words, so one per call or
/// thread.
class BpeEncoder {
public:
  explicit BpeEncoder(const View &view) : view_(view) {}

  /// Appends the ids of `word`, valid UTF-8. O(n log n) in its length.
  void encode(std::string_view word, std::vector<int32_t> &out);

private:
  struct Symbol {
    uint32_t id;
    uint32_t prev,
        next; ///< neighbours that are alive; kNoId at the ends; next = self when merged away
  };
  struct Candidate {
    uint32_t rank, position;
    /// std::push_heap keeps the largest on top; on top must be the lowest rank, then the leftmost.
    bool operator<(const Candidate &o) const {
      return rank != o.rank ? rank > o.rank : position > o.position;
    }
  };

  void splitBytes(std::string_view word);
  void splitCharacters(std::string_view word);
  void mergeShort();
  void mergeLong();

  const View &view_;
  std::vector<uint32_t> ids_;
  std::vector<uint32_t> ranks_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
};

} // namespace axiom::tokenizer

#endif
