#include "runtime/text/Tokenizer.h"

#include "runtime/text/Detokenizer.h"
#include "runtime/text/Pretokenizer.h"
#include "runtime/text/TokenizerAlphabet.h"
#include "runtime/text/TokenizerBpe.h"
#include "runtime/text/TokenizerNormalizer.h"
#include "runtime/text/Unicode.h"

#include <algorithm>

namespace axiom {
namespace {

using namespace tokenizer;

struct Match {
  size_t size = 0; ///< 0: none
  size_t index = 0;
};

/// The longest added token that `text` begins with.
Match longestAt(const AddedGroup &group, std::string_view text) {
  uint8_t lead = static_cast<uint8_t>(text[0]);
  size_t low = group.first[lead], high = group.first[size_t{lead} + 1];
  Match best;
  // All of [low, high) share the first `depth` bytes with the text; they are sorted, so the one
  // that has no more bytes comes first.
  for (size_t depth = 1; low < high; ++depth) {
    if (group.text(low).size() == depth) {
      best = {depth, low};
      ++low;
    }
    if (depth == text.size())
      break;
    uint8_t byte = static_cast<uint8_t>(text[depth]);
    auto bound = [&](unsigned value) {
      size_t a = low, b = high;
      while (a < b) {
        size_t mid = (a + b) / 2;
        if (static_cast<uint8_t>(group.text(mid)[depth]) < value)
          a = mid + 1;
        else
          b = mid;
      }
      return a;
    };
    size_t newLow = bound(byte);
    high = bound(unsigned{byte} + 1);
    low = newLow;
  }
  return best;
}

size_t previousCharacter(std::string_view text, size_t pos) {
  do
    --pos;
  while (pos > 0 && (static_cast<uint8_t>(text[pos]) & 0xC0) == 0x80);
  return pos;
}

bool wordBefore(std::string_view text, size_t pos) {
  if (pos == 0)
    return false;
  size_t at = previousCharacter(text, pos);
  return unicode::isWord(unicode::decode(text, at));
}

bool wordAfter(std::string_view text, size_t pos) {
  return pos < text.size() && unicode::isWord(unicode::decode(text, pos));
}

size_t stripLeft(std::string_view text, size_t pos) {
  while (pos > 0) {
    size_t before = previousCharacter(text, pos), at = before;
    if (!unicode::isWhiteSpace(unicode::decode(text, at)))
      break;
    pos = before;
  }
  return pos;
}

size_t stripRight(std::string_view text, size_t pos) {
  while (pos < text.size()) {
    size_t next = pos;
    if (!unicode::isWhiteSpace(unicode::decode(text, next)))
      break;
    pos = next;
  }
  return pos;
}

/// Cuts `text` at added tokens, leftmost and longest first: onText(begin, end) for what lies
/// between, onToken(id) for each token, in order. Matches are found without regard to strips and
/// refused ones are passed over as a whole, as in the reference.
template <typename OnText, typename OnToken>
void splitAdded(const AddedGroup &group, std::string_view text, bool parseSpecial, OnText onText,
                OnToken onToken) {
  size_t done = 0;
  if (group.size() != 0) {
    for (size_t pos = 0; pos < text.size();) {
      Match match = longestAt(group, text.substr(pos));
      if (match.size == 0) {
        ++pos;
        continue;
      }
      size_t begin = pos, end = pos + match.size;
      pos = end;
      uint32_t flags = group.flags(match.index);
      if (!parseSpecial && (flags & kAddedSpecial))
        continue;
      if ((flags & kSingleWord) && (wordBefore(text, begin) || wordAfter(text, end)))
        continue;
      if (flags & kLeftStrip)
        begin = std::max(stripLeft(text, begin), done);
      if (flags & kRightStrip)
        end = stripRight(text, end);
      if (done < begin)
        onText(done, begin);
      onToken(static_cast<int32_t>(group.id(match.index)));
      done = end;
    }
  }
  if (done != text.size())
    onText(done, text.size());
}

} // namespace

Result<Tokenizer> Tokenizer::open(std::span<const uint8_t> blob) {
  AXIOM_ASSIGN_OR_RETURN(View view, parse(blob));
  return Tokenizer(std::move(view));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  std::string valid;
  if (!unicode::isValid(text)) {
    valid = unicode::toValid(text);
    text = valid;
  }
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 8);
  if (options.addSpecial)
    ids.insert(ids.end(), view_.prefix.begin(), view_.prefix.end());

  BpeEncoder encoder(view_);
  auto onToken = [&](int32_t id) { ids.push_back(id); };
  auto encodePieces = [&](std::string_view piece, bool atStart) {
    Pieces pieces(piece, atStart);
    for (const PretokenizerStep &step : view_.pretokenizer)
      pieces.apply(step);
    for (size_t i = 0; i < pieces.size(); ++i)
      encoder.encode(pieces[i], ids);
  };
  // Raw added tokens are cut out of the text as it came, the others out of what lies between
  // after its normalization.
  auto onText = [&](size_t begin, size_t end) {
    std::string_view segment = text.substr(begin, end - begin);
    std::string normalized;
    if (!view_.normalizer.empty()) {
      normalized = normalize(view_.normalizer, segment);
      segment = normalized;
    }
    splitAdded(
        view_.normalizedAdded, segment, options.parseSpecial,
        [&](size_t b, size_t e) { encodePieces(segment.substr(b, e - b), begin == 0 && b == 0); },
        onToken);
  };
  splitAdded(view_.rawAdded, text, options.parseSpecial, onText, onToken);

  if (options.addSpecial)
    ids.insert(ids.end(), view_.suffix.begin(), view_.suffix.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skipSpecial) const {
  Detokenizer detokenizer(view_, skipSpecial);
  std::string out;
  for (int32_t id : ids)
    detokenizer.add(id, out);
  detokenizer.flush(out);
  return out;
}

std::string Tokenizer::tokenText(int32_t id) const {
  if (!view_.present(id))
    return {};
  std::string_view text = view_.text(static_cast<uint32_t>(id));
  bool mapped = view_.has(kByteLevel) && !(view_.tokenFlags[static_cast<size_t>(id)] & kRawText);
  return mapped ? bytesToAlphabet(text) : std::string(text);
}

int32_t Tokenizer::findToken(std::string_view wanted) const {
  for (const AddedGroup *group : {&view_.rawAdded, &view_.normalizedAdded})
    for (size_t i = 0; i < group->size(); ++i)
      if (group->text(i) == wanted)
        return static_cast<int32_t>(group->id(i));
  std::string bytes(wanted);
  bool mapped = view_.has(kByteLevel) && alphabetToBytes(wanted, bytes);
  if (view_.vocabSlots.size() != 0 && (mapped || !view_.has(kByteLevel))) {
    uint32_t id = view_.findText(bytes);
    if (id != kNoId)
      return static_cast<int32_t>(id);
  }
  for (uint32_t id = 0; id < view_.vocabSize; ++id) {
    bool raw = !view_.has(kByteLevel) || (view_.tokenFlags[id] & kRawText);
    if (view_.present(id) && raw != mapped && view_.text(id) == (raw ? wanted : bytes))
      return static_cast<int32_t>(id);
  }
  return -1;
}

} // namespace axiom
