#include "runtime/text/TokenizerAlphabet.h"

#include "runtime/text/Unicode.h"

#include <array>

namespace axiom::tokenizer {
namespace {

struct Alphabet {
  std::array<uint16_t, 256> character{};
  std::array<int16_t, 0x200> byte{};

  Alphabet() {
    byte.fill(-1);
    uint16_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD);
      character[b] = printable ? static_cast<uint16_t>(b) : next++;
      byte[character[b]] = static_cast<int16_t>(b);
    }
  }
};

const Alphabet &alphabet() {
  static const Alphabet table;
  return table;
}

} // namespace

std::string bytesToAlphabet(std::string_view bytes) {
  std::string out;
  for (char c : bytes)
    unicode::append(out, alphabet().character[static_cast<uint8_t>(c)]);
  return out;
}

bool alphabetToBytes(std::string_view text, std::string &bytes) {
  if (!unicode::isValid(text))
    return false;
  std::string out;
  for (size_t pos = 0; pos < text.size();) {
    uint32_t c = unicode::decode(text, pos);
    if (c >= alphabet().byte.size() || alphabet().byte[c] < 0)
      return false;
    out += static_cast<char>(alphabet().byte[c]);
  }
  bytes = std::move(out);
  return true;
}

} // namespace axiom::tokenizer
