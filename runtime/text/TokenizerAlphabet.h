// The byte alphabet of byte-level BPE: each byte written as one printable character.
//
// Printable Latin-1 bytes (! to ~, U+00A1 to U+00AC, U+00AE to U+00FF) stand for themselves; the
// other 68, in order, are U+0100, U+0101, ...: a space is written U+0120.
#ifndef AXIOM_RUNTIME_TEXT_TOKENIZERALPHABET_H
#define AXIOM_RUNTIME_TEXT_TOKENIZERALPHABET_H

#include <string>
#include <string_view>

namespace axiom::tokenizer {

std::string bytesToAlphabet(std::string_view bytes);
/// False, and `bytes` unchanged, if a character of `text` is not in the alphabet.
bool alphabetToBytes(std::string_view text, std::string &bytes);

} // namespace axiom::tokenizer

#endif
