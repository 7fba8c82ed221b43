// UTF-8, character classes and NFC: just what the tokenizer needs, from generated tables
// (tools/unicode/generate.py). The tables answer as PyPI `tokenizers` does.
#ifndef AXIOM_RUNTIME_TEXT_UNICODE_H
#define AXIOM_RUNTIME_TEXT_UNICODE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace axiom::unicode {

inline constexpr uint32_t kReplacement = 0xFFFD;

/// First letter of the general category; Other is C.
enum class CharClass : uint8_t { Other, Letter, Mark, Number, Punctuation, Symbol, Separator };

CharClass charClass(uint32_t codePoint);
/// The White_Space property.
bool isWhiteSpace(uint32_t codePoint);
/// \w as added tokens with `single_word` see it.
bool isWord(uint32_t codePoint);
/// Category N as the Digits pre-tokenizer sees it (a few characters newer than CharClass).
bool isDigit(uint32_t codePoint);

/// The code point at text[pos] of valid UTF-8; advances pos.
inline uint32_t decode(std::string_view text, size_t &pos) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  uint32_t lead = byte(pos);
  if (lead < 0x80) {
    pos += 1;
    return lead;
  }
  if (lead < 0xE0) {
    uint32_t c = (lead & 0x1F) << 6 | (byte(pos + 1) & 0x3F);
    pos += 2;
    return c;
  }
  if (lead < 0xF0) {
    uint32_t c = (lead & 0x0F) << 12 | (byte(pos + 1) & 0x3F) << 6 | (byte(pos + 2) & 0x3F);
    pos += 3;
    return c;
  }
  uint32_t c = (lead & 0x07) << 18 | (byte(pos + 1) & 0x3F) << 12 | (byte(pos + 2) & 0x3F) << 6 |
               (byte(pos + 3) & 0x3F);
  pos += 4;
  return c;
}

/// Bytes of the character that starts with `lead` in valid UTF-8.
inline size_t sequenceLength(uint8_t lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

void append(std::string &out, uint32_t codePoint);

/// What stands at the start of arbitrary bytes.
struct Sequence {
  enum Kind { Valid, Invalid, Incomplete } kind;
  /// Valid: bytes of the character. Invalid: bytes that one U+FFFD replaces (the maximal part that
  /// could have begun a character). Incomplete: all bytes, a proper prefix of some character.
  size_t length;
};
/// `bytes` is not empty.
Sequence classify(std::string_view bytes);

bool isValid(std::string_view text);
/// `text` with each invalid part replaced by U+FFFD, as Rust's from_utf8_lossy and Python's
/// "replace" handler do.
std::string toValid(std::string_view text);

/// Normalization form C of valid UTF-8.
std::string toNfc(std::string_view text);
/// True if `text` is surely NFC already (it has nothing from U+0300 up); false: not known.
bool isSurelyNfc(std::string_view text);

} // namespace axiom::unicode

#endif
