// Normalization form C (Unicode Standard Annex 15): decompose, order marks, compose.
#include "runtime/text/Unicode.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace axiom::unicode {
namespace {

#include "runtime/text/UnicodeNormalization.inc"

// Hangul syllables are computed, not listed.
constexpr uint32_t kSBase = 0xAC00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11A7;
constexpr uint32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

uint8_t combiningClass(uint32_t c) {
  if (c < 0x300)
    return 0;
  const uint32_t *it =
      std::upper_bound(std::begin(kCombiningRuns), std::end(kCombiningRuns), c << 8 | 0xFF);
  return static_cast<uint8_t>(it[-1] & 0xFF);
}

static_assert(std::size(kDecompositions) % 3 == 0 && std::size(kCompositions) % 3 == 0);

/// The row of a table of triples whose first `keys` values are (a[, b]), or nullptr.
const uint32_t *findTriple(const uint32_t *table, size_t rows, uint32_t a, uint32_t b, bool two) {
  size_t low = 0, high = rows;
  while (low < high) {
    size_t mid = (low + high) / 2;
    const uint32_t *row = table + 3 * mid;
    if (row[0] < a || (two && row[0] == a && row[1] < b))
      low = mid + 1;
    else
      high = mid;
  }
  if (low == rows)
    return nullptr;
  const uint32_t *row = table + 3 * low;
  return row[0] == a && (!two || row[1] == b) ? row : nullptr;
}

struct Mark {
  uint32_t codePoint;
  uint8_t combining;
  size_t order = 0; ///< keeps marks of one class in their order when sorted
};

void decompose(uint32_t c, std::vector<Mark> &out) {
  if (c < 0xC0) {
    out.push_back({c, 0});
    return;
  }
  if (c - kSBase < kSCount) {
    uint32_t s = c - kSBase;
    out.push_back({kLBase + s / (kVCount * kTCount), 0});
    out.push_back({kVBase + s % (kVCount * kTCount) / kTCount, 0});
    if (s % kTCount != 0)
      out.push_back({kTBase + s % kTCount, 0});
    return;
  }
  const uint32_t *row = findTriple(kDecompositions, std::size(kDecompositions) / 3, c, 0, false);
  if (!row) {
    out.push_back({c, combiningClass(c)});
    return;
  }
  // Only the first part decomposes further in any version of Unicode; at most four levels.
  decompose(row[1], out);
  if (row[2] != 0)
    decompose(row[2], out);
}

/// The canonical composition of a and b, or 0.
uint32_t compose(uint32_t a, uint32_t b) {
  if (a - kLBase < kLCount && b - kVBase < kVCount)
    return kSBase + ((a - kLBase) * kVCount + (b - kVBase)) * kTCount;
  if (a - kSBase < kSCount && (a - kSBase) % kTCount == 0 && b - kTBase - 1 < kTCount - 1)
    return a + (b - kTBase);
  const uint32_t *row = findTriple(kCompositions, std::size(kCompositions) / 3, a, b, true);
  return row ? row[2] : 0;
}

} // namespace

bool isSurelyNfc(std::string_view text) {
  // 0xCC is the first byte of U+0300; below it nothing decomposes-and-recomposes differently.
  for (char c : text)
    if (static_cast<uint8_t>(c) >= 0xCC)
      return false;
  return true;
}

std::string toNfc(std::string_view text) {
  if (isSurelyNfc(text))
    return std::string(text);
  std::vector<Mark> marks;
  marks.reserve(text.size());
  for (size_t pos = 0; pos < text.size();)
    decompose(decode(text, pos), marks);
  // Canonical order: each run of marks is sorted by class, stably.
  for (size_t i = 0; i < marks.size();) {
    if (marks[i].combining == 0) {
      ++i;
      continue;
    }
    size_t end = i;
    for (; end < marks.size() && marks[end].combining != 0; ++end)
      marks[end].order = end;
    std::sort(marks.begin() + static_cast<ptrdiff_t>(i),
              marks.begin() + static_cast<ptrdiff_t>(end), [](const Mark &a, const Mark &b) {
                return a.combining != b.combining ? a.combining < b.combining : a.order < b.order;
              });
    i = end;
  }
  // Compose in place: `kept` characters are final but for the last starter.
  constexpr size_t kNone = ~size_t{0};
  size_t kept = 0, starter = kNone;
  for (size_t i = 0; i < marks.size(); ++i) {
    Mark m = marks[i];
    if (starter != kNone) {
      // Blocked when the character before has a class of at least m's, or is another starter.
      bool adjacent = kept == starter + 1;
      bool blocked = !adjacent && marks[kept - 1].combining >= m.combining;
      uint32_t composed = blocked ? 0 : compose(marks[starter].codePoint, m.codePoint);
      if (composed != 0) {
        marks[starter].codePoint = composed;
        continue;
      }
    }
    if (m.combining == 0)
      starter = kept;
    marks[kept++] = m;
  }
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < kept; ++i)
    append(out, marks[i].codePoint);
  return out;
}

} // namespace axiom::unicode
