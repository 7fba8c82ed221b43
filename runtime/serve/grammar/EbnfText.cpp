#include "runtime/serve/grammar/EbnfText.h"

#include <algorithm>

namespace axiom::serve::grammar {
namespace {

std::string escaped(uint32_t c) { return format("\\U%08X", c); }

bool plain(uint32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string inClass(uint32_t c) {
  return plain(c) ? std::string(1, static_cast<char>(c)) : escaped(c);
}

} // namespace

std::string literal(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f)
      out += escaped(byte);
    else
      out += c;
  }
  return out + '"';
}

CharSet normalized(CharSet set) {
  CharSet cut;
  for (CharRange r : set) {
    r.last = std::min<uint32_t>(r.last, 0x10ffff);
    if (r.first > r.last)
      continue;
    if (r.first < 0xd800)
      cut.push_back({r.first, std::min<uint32_t>(r.last, 0xd7ff)});
    if (r.last > 0xdfff)
      cut.push_back({std::max<uint32_t>(r.first, 0xe000), r.last});
  }
  std::ranges::sort(cut, {}, &CharRange::first);
  CharSet out;
  for (const CharRange &r : cut)
    if (!out.empty() && r.first <= out.back().last + 1)
      out.back().last = std::max(out.back().last, r.last);
    else
      out.push_back(r);
  return out;
}

CharSet complement(const CharSet &set) {
  CharSet out;
  uint32_t next = 0;
  for (const CharRange &r : normalized(set)) {
    if (r.first > next)
      out.push_back({next, r.first - 1});
    next = r.last + 1;
  }
  if (next <= 0x10ffff)
    out.push_back({next, 0x10ffff});
  return normalized(out);
}

CharSet without(const CharSet &set, const CharSet &other) {
  CharSet both = complement(set); // not set, or other: the complement of what is asked
  both.insert(both.end(), other.begin(), other.end());
  return complement(both);
}

bool contains(const CharSet &set, uint32_t c) {
  return std::ranges::any_of(set, [&](const CharRange &r) { return c >= r.first && c <= r.last; });
}

/// Cuts a range into such that are one range of each of their UTF-8 bytes: of others the library
/// allows the first byte and then nothing.
static void align(uint32_t first, uint32_t last, CharSet &out) {
  for (uint32_t longest : {0x7fu, 0x7ffu, 0xffffu})
    if (first <= longest && last > longest) {
      align(first, longest, out);
      return align(longest + 1, last, out);
    }
  for (int bits = 6; bits <= 18 && last > 0x7f; bits += 6) {
    uint32_t low = (1u << bits) - 1;
    if ((first & ~low) == (last & ~low))
      break;
    if ((first & low) != 0) {
      align(first, first | low, out);
      return align((first | low) + 1, last, out);
    }
    if ((last & low) != low) {
      align(first, (last & ~low) - 1, out);
      return align(last & ~low, last, out);
    }
  }
  out.push_back({first, last});
}

std::string charClass(const CharSet &set) {
  std::string out = "[";
  CharSet parts;
  for (const CharRange &r : set)
    align(r.first, r.last, parts);
  for (const CharRange &r : parts) {
    out += inClass(r.first);
    if (r.last > r.first)
      out += (r.last > r.first + 1 ? "-" : "") + inClass(r.last);
  }
  return out + "]";
}

std::string RuleBook::reserve(std::string_view hint) {
  std::string name = "r" + std::to_string(++count_) + "_";
  for (char c : hint.substr(0, 24))
    name += plain(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

void RuleBook::define(const std::string &name, const std::string &body) {
  if (!tooLarge()) // what is beyond the bound is not kept, only that it is
    text_ += name + " ::= " + body + "\n";
}

std::string RuleBook::add(std::string_view hint, const std::string &body) {
  std::string name = reserve(hint);
  define(name, body);
  return name;
}

std::string anyOf(const std::vector<std::string> &parts) {
  if (parts.size() == 1)
    return parts[0];
  std::string out = "(";
  for (size_t i = 0; i < parts.size(); ++i)
    out += (i > 0 ? " | " : "") + parts[i];
  return out + ")";
}

} // namespace axiom::serve::grammar
