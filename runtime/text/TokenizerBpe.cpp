#include "runtime/text/TokenizerBpe.h"

#include "runtime/text/Unicode.h"

#include <algorithm>

namespace axiom::tokenizer {
namespace {

/// Up to this many symbols a scan for the best pair beats a heap.
constexpr size_t kShortWord = 48;
/// Longer words are cut here: symbol indices are 32 bits.
constexpr size_t kMaxWord = size_t{1} << 30;

} // namespace

void BpeEncoder::encode(std::string_view word, std::vector<int32_t> &out) {
  while (word.size() > kMaxWord) {
    size_t cut = kMaxWord;
    while ((static_cast<uint8_t>(word[cut]) & 0xC0) == 0x80)
      --cut;
    encode(word.substr(0, cut), out);
    word.remove_prefix(cut);
  }
  if (view_.has(kIgnoreMerges)) {
    uint32_t id = view_.findText(word);
    if (id != kNoId) {
      out.push_back(static_cast<int32_t>(id));
      return;
    }
  }
  ids_.clear();
  if (view_.has(kByteLevel))
    splitBytes(word);
  else
    splitCharacters(word);
  if (ids_.size() <= kShortWord)
    mergeShort();
  else
    mergeLong();
  out.insert(out.end(), ids_.begin(), ids_.end());
}

void BpeEncoder::splitBytes(std::string_view word) {
  // Unknown bytes (no model of note lacks any) follow the rules for unknown characters.
  bool pending = false;
  for (char c : word) {
    uint32_t id = view_.byteIds[static_cast<uint8_t>(c)];
    if (id != kNoId) {
      if (pending)
        ids_.push_back(static_cast<uint32_t>(view_.unk));
      pending = false;
      ids_.push_back(id);
    } else if (view_.unk >= 0) {
      if (pending && !view_.has(kFuseUnknown))
        ids_.push_back(static_cast<uint32_t>(view_.unk));
      pending = true;
    }
  }
  if (pending)
    ids_.push_back(static_cast<uint32_t>(view_.unk));
}

void BpeEncoder::splitCharacters(std::string_view word) {
  // `pending`: an unknown token is due. As in the reference, byte tokens do not flush it.
  bool pending = false;
  for (size_t pos = 0; pos < word.size();) {
    size_t length = unicode::sequenceLength(static_cast<uint8_t>(word[pos]));
    std::string_view character = word.substr(pos, length);
    pos += length;
    uint32_t id = view_.findText(character);
    if (id != kNoId) {
      if (pending)
        ids_.push_back(static_cast<uint32_t>(view_.unk));
      pending = false;
      ids_.push_back(id);
      continue;
    }
    if (view_.has(kByteFallback)) {
      bool all = true;
      for (char c : character)
        all &= view_.byteIds[static_cast<uint8_t>(c)] != kNoId;
      if (all) {
        for (char c : character)
          ids_.push_back(view_.byteIds[static_cast<uint8_t>(c)]);
        continue;
      }
    }
    if (view_.unk >= 0) {
      if (pending && !view_.has(kFuseUnknown))
        ids_.push_back(static_cast<uint32_t>(view_.unk));
      pending = true;
    }
  }
  if (pending)
    ids_.push_back(static_cast<uint32_t>(view_.unk));
}

void BpeEncoder::mergeShort() {
  size_t n = ids_.size();
  if (n < 2)
    return;
  ranks_.resize(n - 1); // ranks_[i]: of the pair (i, i + 1)
  for (size_t i = 0; i + 1 < n; ++i)
    ranks_[i] = view_.findMerge(ids_[i], ids_[i + 1]);
  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i)
      if (ranks_[i] < ranks_[best])
        best = i;
    uint32_t rank = ranks_[best];
    if (rank == kNoId)
      break;
    ids_[best] = view_.merges[size_t{3} * rank + 2];
    ids_.erase(ids_.begin() + static_cast<ptrdiff_t>(best) + 1);
    ranks_.erase(ranks_.begin() + static_cast<ptrdiff_t>(best));
    --n;
    if (best > 0)
      ranks_[best - 1] = view_.findMerge(ids_[best - 1], ids_[best]);
    if (best + 1 < n)
      ranks_[best] = view_.findMerge(ids_[best], ids_[best + 1]);
  }
}

void BpeEncoder::mergeLong() {
  uint32_t n = static_cast<uint32_t>(ids_.size());
  symbols_.resize(n);
  heap_.clear();
  for (uint32_t i = 0; i < n; ++i)
    symbols_[i] = {ids_[i], i == 0 ? kNoId : i - 1, i + 1 == n ? kNoId : i + 1};
  auto candidate = [&](uint32_t position) {
    const Symbol &left = symbols_[position];
    uint32_t rank = view_.findMerge(left.id, symbols_[left.next].id);
    if (rank == kNoId)
      return false;
    heap_.push_back({rank, position});
    return true;
  };
  for (uint32_t i = 0; i + 1 < n; ++i)
    candidate(i);
  std::make_heap(heap_.begin(), heap_.end());
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end());
    Candidate top = heap_.back();
    heap_.pop_back();
    // An entry is stale when its left symbol is gone or the pair there is another one by now.
    Symbol &left = symbols_[top.position];
    if (left.next == top.position || left.next == kNoId)
      continue;
    Symbol &right = symbols_[left.next];
    size_t row = size_t{3} * top.rank;
    if (view_.merges[row] != left.id || view_.merges[row + 1] != right.id)
      continue;
    uint32_t gone = left.next;
    left.id = view_.merges[row + 2];
    left.next = right.next;
    right.next = gone; // marks it as merged away
    if (left.next != kNoId)
      symbols_[left.next].prev = top.position;
    if (left.prev != kNoId && candidate(left.prev))
      std::push_heap(heap_.begin(), heap_.end());
    if (left.next != kNoId && candidate(top.position))
      std::push_heap(heap_.begin(), heap_.end());
  }
  ids_.clear();
  for (uint32_t i = 0; i != kNoId; i = symbols_[i].next)
    ids_.push_back(symbols_[i].id);
}

} // namespace axiom::tokenizer
