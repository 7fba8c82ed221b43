#include "runtime/text/TemplateUnicode.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace axiom {
namespace {

constexpr uint32_t invalidPoint = 0xFFFFFFFF;

/// Code points first, first + step, ..., last map to themselves plus delta.
struct CaseRun {
  uint32_t first, last;
  int32_t step, delta;
};
/// One code point that maps to two or three; unused places are 0.
struct LongCase {
  uint32_t from;
  uint32_t to[3];
  constexpr LongCase(uint32_t f, uint32_t a, uint32_t b, uint32_t c) : from(f), to{a, b, c} {}
};
struct CodeRange {
  uint32_t first, last;
};

#include "runtime/text/TemplateUnicodeTables.inc"

bool inRanges(std::span<const CodeRange> ranges, uint32_t c) {
  auto it = std::upper_bound(ranges.begin(), ranges.end(), c,
                             [](uint32_t v, const CodeRange &r) { return v < r.first; });
  return it != ranges.begin() && c <= std::prev(it)->last;
}

void appendMapped(std::string &out, std::span<const CaseRun> runs, std::span<const LongCase> longer,
                  uint32_t c) {
  auto run = std::upper_bound(runs.begin(), runs.end(), c,
                              [](uint32_t v, const CaseRun &r) { return v < r.first; });
  if (run != runs.begin()) {
    --run;
    if (c <= run->last && (c - run->first) % static_cast<uint32_t>(run->step) == 0) {
      appendUtf8(out, c + static_cast<uint32_t>(run->delta));
      return;
    }
  }
  auto special = std::lower_bound(longer.begin(), longer.end(), c,
                                  [](const LongCase &l, uint32_t v) { return l.from < v; });
  if (special != longer.end() && special->from == c) {
    for (uint32_t to : special->to)
      if (to)
        appendUtf8(out, to);
    return;
  }
  appendUtf8(out, c);
}

using AppendCase = void (*)(std::string &, uint32_t);

/// Calls fn(code point, the bytes it came from) for each.
template <typename Fn> void forEachPoint(std::string_view text, Fn fn) {
  for (size_t pos = 0; pos < text.size();) {
    size_t size;
    uint32_t c = decodeUtf8(text, pos, size);
    fn(c, text.substr(pos, size));
    pos += size;
  }
}

void appendCased(std::string &out, uint32_t c, std::string_view bytes, AppendCase convert) {
  if (c == invalidPoint)
    out += bytes;
  else
    convert(out, c);
}

std::string convertAll(std::string_view text, AppendCase convert) {
  std::string out;
  out.reserve(text.size());
  forEachPoint(text,
               [&](uint32_t c, std::string_view bytes) { appendCased(out, c, bytes, convert); });
  return out;
}

} // namespace

uint32_t decodeUtf8(std::string_view text, size_t pos, size_t &size) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(pos);
  size = 1;
  if (lead < 0x80)
    return lead;
  size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || need > text.size() - pos)
    return invalidPoint;
  uint32_t c = need == 4 ? lead & 7 : need == 3 ? lead & 15 : lead & 31;
  for (size_t i = 1; i < need; ++i) {
    if ((byte(pos + i) & 0xC0) != 0x80)
      return invalidPoint;
    c = c << 6 | (byte(pos + i) & 0x3F);
  }
  bool overlong = (need == 3 && c < 0x800) || (need == 4 && c < 0x10000);
  if (overlong || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
    return invalidPoint;
  size = need;
  return c;
}

void appendUtf8(std::string &out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18 & 7));
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

bool isValidUtf8(std::string_view text) {
  for (size_t pos = 0, size; pos < text.size(); pos += size)
    if (decodeUtf8(text, pos, size) == invalidPoint)
      return false;
  return true;
}

size_t countCodePoints(std::string_view text) {
  size_t count = 0;
  for (size_t pos = 0, size; pos < text.size(); pos += size, ++count)
    decodeUtf8(text, pos, size);
  return count;
}

size_t codePointOffset(std::string_view text, size_t index) {
  size_t pos = 0;
  for (size_t size; index > 0 && pos < text.size(); pos += size, --index)
    decodeUtf8(text, pos, size);
  return pos;
}

bool isPythonSpace(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool isPythonLineBreak(uint32_t c) {
  return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

bool isPythonPrintable(uint32_t c) {
  return c <= 0x10FFFF && !(c >= 0xD800 && c < 0xE000) && !inRanges(unprintableRanges, c);
}
bool isLowerCase(uint32_t c) { return inRanges(lowerRanges, c); }
bool isUpperCase(uint32_t c) { return inRanges(upperRanges, c); }
bool isTitleCase(uint32_t c) { return inRanges(titleRanges, c); }

void appendLower(std::string &out, uint32_t c) { appendMapped(out, toLowerRuns, toLowerLong, c); }
void appendUpper(std::string &out, uint32_t c) { appendMapped(out, toUpperRuns, toUpperLong, c); }
void appendTitle(std::string &out, uint32_t c) { appendMapped(out, toTitleRuns, toTitleLong, c); }

std::string toLower(std::string_view text) { return convertAll(text, appendLower); }
std::string toUpper(std::string_view text) { return convertAll(text, appendUpper); }

std::string toTitle(std::string_view text) {
  std::string out;
  bool inWord = false;
  forEachPoint(text, [&](uint32_t c, std::string_view bytes) {
    appendCased(out, c, bytes, inWord ? appendLower : appendTitle);
    inWord = isLowerCase(c) || isUpperCase(c) || isTitleCase(c);
  });
  return out;
}

std::string toCapitalized(std::string_view text) {
  std::string out;
  bool first = true;
  forEachPoint(text, [&](uint32_t c, std::string_view bytes) {
    appendCased(out, c, bytes, first ? appendTitle : appendLower);
    first = false;
  });
  return out;
}

size_t skipSpaceForward(std::string_view text) {
  size_t pos = 0;
  for (size_t size; pos < text.size(); pos += size)
    if (!isPythonSpace(decodeUtf8(text, pos, size)))
      break;
  return pos;
}

size_t skipSpaceBackward(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t start = end - 1;
    while (start > 0 && end - start < 4 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80)
      --start;
    size_t size;
    uint32_t c = decodeUtf8(text.substr(0, end), start, size);
    if (start + size != end || !isPythonSpace(c))
      break;
    end = start;
  }
  return end;
}

} // namespace axiom
