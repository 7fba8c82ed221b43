#include "runtime/text/Unicode.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

namespace axiom::unicode {
namespace {

#include "runtime/text/UnicodeClasses.inc"

/// True if `c` lies in one of the sorted closed intervals pairs[2i] .. pairs[2i + 1].
bool inPairs(std::span<const uint32_t> pairs, uint32_t c) {
  // The first bound above c is a "last" (odd index) exactly when c is inside, unless c is a last.
  size_t i = static_cast<size_t>(std::upper_bound(pairs.begin(), pairs.end(), c) - pairs.begin());
  return i % 2 == 1 || (i > 0 && pairs[i - 1] == c);
}

CharClass lookUpClass(uint32_t c) {
  size_t first = 0, last = std::size(kClassRuns);
  size_t block = c >> 8;
  if (block + 1 < std::size(kClassBlocks)) {
    first = kClassBlocks[block];
    last = size_t{kClassBlocks[block + 1]} + 1;
  }
  // The last run that starts at or before c; run starts are compared with the class bits set.
  const uint32_t *it = std::upper_bound(kClassRuns + first, kClassRuns + last, c << 3 | 7);
  return static_cast<CharClass>(it[-1] & 7);
}

/// Latin text dominates: its classes are looked up without a search.
const std::array<CharClass, 0x250> &latinClasses() {
  static const auto table = [] {
    std::array<CharClass, 0x250> t{};
    for (uint32_t c = 0; c < t.size(); ++c)
      t[c] = lookUpClass(c);
    return t;
  }();
  return table;
}

} // namespace

CharClass charClass(uint32_t c) {
  const auto &latin = latinClasses();
  return c < latin.size() ? latin[c] : lookUpClass(c);
}

bool isWhiteSpace(uint32_t c) {
  if (c < 0x80)
    return c == ' ' || (c >= 9 && c <= 13);
  if (c < 0x1680)
    return c == 0x85 || c == 0xA0;
  return c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool isWord(uint32_t c) {
  switch (charClass(c)) {
  case CharClass::Letter:
  case CharClass::Mark:
    return true;
  case CharClass::Number:
    return !inPairs(kOtherNumbers, c);
  default:
    return inPairs(kExtraWords, c);
  }
}

bool isDigit(uint32_t c) {
  return charClass(c) == CharClass::Number || (c > 0x3000 && inPairs(kExtraDigits, c));
}

void append(std::string &out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      out += static_cast<char>(0xE0 | c >> 12);
    } else {
      out += static_cast<char>(0xF0 | c >> 18);
      out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    }
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
  }
  out += static_cast<char>(0x80 | (c & 0x3F));
}

Sequence classify(std::string_view bytes) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  uint8_t lead = byte(0);
  if (lead < 0x80)
    return {Sequence::Valid, 1};
  // Bounds of the second byte exclude overlong forms, surrogates and what lies above U+10FFFF.
  size_t length;
  uint8_t low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0)
      low = 0xA0;
    if (lead == 0xED)
      high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0)
      low = 0x90;
    if (lead == 0xF4)
      high = 0x8F;
  } else {
    return {Sequence::Invalid, 1};
  }
  for (size_t i = 1; i < length; ++i) {
    if (i == bytes.size())
      return {Sequence::Incomplete, i};
    if (byte(i) < low || byte(i) > high)
      return {Sequence::Invalid, i};
    low = 0x80;
    high = 0xBF;
  }
  return {Sequence::Valid, length};
}

bool isValid(std::string_view text) {
  for (size_t pos = 0; pos < text.size();) {
    if (static_cast<uint8_t>(text[pos]) < 0x80) {
      ++pos;
      continue;
    }
    Sequence s = classify(text.substr(pos));
    if (s.kind != Sequence::Valid)
      return false;
    pos += s.length;
  }
  return true;
}

std::string toValid(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    Sequence s = classify(text.substr(pos));
    if (s.kind == Sequence::Valid)
      out.append(text.substr(pos, s.length));
    else
      append(out, kReplacement);
    pos += s.length;
  }
  return out;
}

} // namespace axiom::unicode
