// Writes runtime/text/TokenizerFormat.h.
#include "compiler/import/TokenizerSpec.h"

#include "runtime/base/ByteStream.h"
#include "runtime/text/TokenizerAlphabet.h"
#include "runtime/text/TokenizerNormalizer.h"
#include "runtime/text/Unicode.h"

#include <algorithm>
#include <bit>
#include <set>

namespace axiom {

using namespace tokenizer;

int byteTokenValue(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>')
    return -1;
  int value = 0;
  for (char c : text.substr(3, 2)) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

namespace {

Status bad(const std::string &what) { return Status(Code::BadInput, "tokenizer: " + what); }

/// Slots of an open-addressing table, and the longest distance of an entry from its first slot.
struct Slots {
  std::vector<uint32_t> slots;
  uint32_t probe = 0;
};

/// `hashes[i]` places value `values[i]`. At most half full, larger where probes would be long.
Slots makeSlots(const std::vector<uint32_t> &values, const std::vector<uint32_t> &hashes) {
  for (size_t size = std::bit_ceil(std::max<size_t>(4, values.size() * 2));; size *= 2) {
    Slots table;
    table.slots.assign(size, kNoId);
    for (size_t i = 0; i < values.size(); ++i) {
      size_t slot = hashes[i] & (size - 1);
      uint32_t probe = 0;
      for (; table.slots[slot] != kNoId; ++probe)
        slot = (slot + 1) & (size - 1);
      table.slots[slot] = values[i];
      table.probe = std::max(table.probe, probe);
    }
    if (table.probe <= 128 || size >= values.size() * 16)
      return table;
  }
}

class Writer {
public:
  explicit Writer(const TokenizerSpec &spec) : spec_(spec) {}

  Result<std::vector<uint8_t>> run() {
    AXIOM_RETURN_IF_ERROR(checkSteps());
    AXIOM_RETURN_IF_ERROR(collectTokens());
    AXIOM_RETURN_IF_ERROR(checkIds());
    AXIOM_RETURN_IF_ERROR(collectAdded());
    AXIOM_RETURN_IF_ERROR(collectMerges());
    std::vector<uint8_t> blob = write();
    auto view = parse(blob);
    if (!view.ok())
      return Status(Code::Internal,
                    "the compiled tokenizer does not open: " + view.status().message());
    return blob;
  }

private:
  bool byteLevel() const { return (spec_.flags & kByteLevel) != 0; }

  /// What the reader would refuse as damage is refused here by its own name.
  Status checkSteps() const {
    size_t growth = 1;
    for (const NormalizerStep &step : spec_.normalizer)
      if (step.op == NormalizerOp::Replace)
        growth *= std::max<size_t>(1, (step.to.size() + step.from.size() - 1) / step.from.size());
    if (growth > kMaxGrowth)
      return Status(Code::Unsupported,
                    format("tokenizer: the normalizer's replacements grow a text up to %zu times; "
                           "at most %u times are supported",
                           growth, kMaxGrowth));
    return Status();
  }

  Status checkIds() const {
    for (const auto *ids : {&spec_.prefix, &spec_.suffix}) {
      if (ids->size() > kMaxSpecialIds)
        return bad(
            format("%zu ids go before or after a text, at most %u", ids->size(), kMaxSpecialIds));
      for (int32_t id : *ids)
        if (id < 0 || static_cast<size_t>(id) >= texts_.size())
          return bad(format("id %d goes before or after a text, but the vocabulary ends at %zu", id,
                            texts_.size()));
    }
    return Status();
  }

  Status collectTokens() {
    uint32_t highest = 0;
    for (const auto &[id, token] : spec_.tokens)
      highest = std::max(highest, id);
    if (spec_.tokens.empty() || highest >= kMaxVocab)
      return bad(format("%zu tokens with ids up to %u; there must be 1 to %u", spec_.tokens.size(),
                        highest, kMaxVocab));
    texts_.resize(highest + 1);
    flags_.assign(highest + 1, 0);
    byteIds_.assign(256, kNoId);
    std::vector<uint32_t> ids, hashes;
    for (uint32_t id = 0; id <= highest; ++id) {
      auto it = spec_.tokens.find(id);
      if (it == spec_.tokens.end())
        continue;
      const auto &token = it->second;
      flags_[id] = kPresent;
      std::string &text = texts_[id] = token.text;
      bool reachable = token.inModel;
      if (byteLevel() && !alphabetToBytes(token.text, text)) {
        flags_[id] |= kRawText;
        reachable = false;
      }
      if (!byteLevel() && byteTokenValue(text) >= 0)
        flags_[id] |= kByteToken;
      if (!reachable)
        continue;
      if (byteLevel() && text.size() == 1)
        byteIds_[static_cast<uint8_t>(text[0])] = id;
      ids.push_back(id);
      hashes.push_back(textHash(text));
    }
    if (spec_.flags & kByteFallback)
      for (const auto &[id, token] : spec_.tokens) {
        int byte = token.inModel ? byteTokenValue(token.text) : -1;
        // The encoder looks for upper-case digits only.
        if (byte >= 0 && token.text == format("<0x%02X>", static_cast<unsigned>(byte)))
          byteIds_[static_cast<size_t>(byte)] = id;
      }
    if ((spec_.flags & kIgnoreMerges) || !byteLevel())
      vocabTable_ = makeSlots(ids, hashes);
    return Status();
  }

  Status collectAdded() {
    std::set<std::string> specialTexts;
    for (const auto &added : spec_.added)
      if (added.special)
        specialTexts.insert(added.text);
    for (const auto &added : spec_.added) {
      if (added.text.empty() || added.id >= texts_.size() || !(flags_[added.id] & kPresent))
        return bad(format("added token %u has no text or no id of the vocabulary", added.id));
      if (!unicode::isValid(added.text))
        return bad(format("added token %u is not UTF-8", added.id));
      // The reference matches and shows a normalized token by its normalized text.
      std::string text = added.normalized ? normalize(spec_.normalizer, added.text) : added.text;
      if (text.empty() || text.size() > kMaxAddedText)
        return bad(format("added token %u has %zu bytes; the bounds are 1 and %u", added.id,
                          text.size(), kMaxAddedText));
      uint8_t &flags = flags_[added.id];
      flags &= static_cast<uint8_t>(~(kRawText | kByteToken | kSpecial));
      flags |= kAdded;
      if (specialTexts.count(text))
        flags |= kSpecial;
      // A token of the model that is looked up by text must keep its text.
      const auto &token = spec_.tokens.at(added.id);
      bool oneCharacter =
          unicode::sequenceLength(static_cast<uint8_t>(added.text[0])) == added.text.size();
      if (token.inModel && text != added.text &&
          ((spec_.flags & kIgnoreMerges) || (oneCharacter && !byteLevel())))
        return Status(Code::Unsupported,
                      format("tokenizer: added token %u belongs to the model and its normalized "
                             "text differs from its text; supported is \"normalized\": false here",
                             added.id));
      // How it decodes: as any token with that text.
      std::string &bytes = texts_[added.id] = text;
      if (byteLevel() && !alphabetToBytes(text, bytes))
        flags |= kRawText;
      if (!byteLevel() && byteTokenValue(text) >= 0)
        flags |= kByteToken;
      uint32_t bits = (added.special ? kAddedSpecial : 0u) | (added.leftStrip ? kLeftStrip : 0u) |
                      (added.rightStrip ? kRightStrip : 0u) | (added.singleWord ? kSingleWord : 0u);
      (added.normalized ? normalized_ : raw_).push_back({text, added.id, bits});
    }
    for (auto *group : {&raw_, &normalized_}) {
      std::sort(group->begin(), group->end(),
                [](const Row &a, const Row &b) { return a.text < b.text; });
      for (size_t i = 1; i < group->size(); ++i)
        if ((*group)[i - 1].text == (*group)[i].text)
          return bad(format("added tokens %u and %u have the same text", (*group)[i - 1].id,
                            (*group)[i].id));
    }
    return Status();
  }

  Status collectMerges() {
    if (spec_.merges.size() > kMaxMerges)
      return bad(format("%zu merges, at most %u", spec_.merges.size(), kMaxMerges));
    // Of equal pairs the last rank counts; the earlier rows stay, unreferenced, to keep ranks.
    std::unordered_map<uint64_t, uint32_t> last;
    last.reserve(spec_.merges.size());
    for (size_t rank = 0; rank < spec_.merges.size(); ++rank)
      last[uint64_t{spec_.merges[rank].left} << 32 | spec_.merges[rank].right] =
          static_cast<uint32_t>(rank);
    std::vector<uint32_t> ranks, hashes;
    for (uint32_t rank = 0; rank < spec_.merges.size(); ++rank) {
      const auto &m = spec_.merges[rank];
      if (last[uint64_t{m.left} << 32 | m.right] != rank)
        continue;
      ranks.push_back(rank);
      hashes.push_back(mergeHash(m.left, m.right));
    }
    mergeTable_ = makeSlots(ranks, hashes);
    return Status();
  }

  std::vector<uint8_t> write() const {
    size_t textBytes = 0, addedBytes = 0;
    for (const std::string &text : texts_)
      textBytes += text.size();
    for (const auto *group : {&raw_, &normalized_})
      for (const Row &row : *group)
        addedBytes += row.text.size();
    ByteWriter out;
    out.u32(kMagic);
    out.u32(kVersion);
    out.u32(0); // total bytes, known at the end
    out.u32(spec_.flags);
    for (size_t count :
         {texts_.size(), spec_.merges.size(), mergeTable_.slots.size(), size_t{mergeTable_.probe},
          vocabTable_.slots.size(), size_t{vocabTable_.probe}, raw_.size(), normalized_.size(),
          textBytes, addedBytes})
      out.u32(static_cast<uint32_t>(count));
    for (int32_t id : {spec_.bos, spec_.eos, spec_.unk, spec_.pad})
      out.i32(id);
    for (const auto *ids : {&spec_.prefix, &spec_.suffix}) {
      out.u32(static_cast<uint32_t>(ids->size()));
      for (int32_t id : *ids)
        out.i32(id);
    }
    out.u32(static_cast<uint32_t>(spec_.normalizer.size()));
    for (const NormalizerStep &step : spec_.normalizer) {
      out.u8(static_cast<uint8_t>(step.op));
      out.string(step.from);
      out.string(step.to);
    }
    out.u32(static_cast<uint32_t>(spec_.pretokenizer.size()));
    for (const PretokenizerStep &step : spec_.pretokenizer) {
      out.u8(static_cast<uint8_t>(step.op));
      out.u8(step.a);
      out.u8(step.b);
      out.string(step.text);
    }
    out.u8(static_cast<uint8_t>(spec_.decoder.kind));
    out.u8(spec_.decoder.byteFallback);
    out.u32(spec_.decoder.strip);
    out.string(spec_.decoder.from);
    out.string(spec_.decoder.to);

    table(out, byteIds_);
    std::vector<uint32_t> offsets{0};
    for (const std::string &text : texts_)
      offsets.push_back(offsets.back() + static_cast<uint32_t>(text.size()));
    table(out, offsets);
    pad(out);
    out.raw(flags_.data(), flags_.size());
    pad(out);
    for (const auto &m : spec_.merges) {
      out.u32(m.left);
      out.u32(m.right);
      out.u32(m.result);
    }
    table(out, mergeTable_.slots);
    table(out, vocabTable_.slots);
    uint32_t offset = 0;
    for (const auto *group : {&raw_, &normalized_})
      for (const Row &row : *group) {
        out.u32(offset);
        out.u32(static_cast<uint32_t>(row.text.size()));
        out.u32(row.id);
        out.u32(row.flags);
        offset += static_cast<uint32_t>(row.text.size());
      }
    for (const std::string &text : texts_)
      out.raw(text.data(), text.size());
    pad(out);
    for (const auto *group : {&raw_, &normalized_})
      for (const Row &row : *group)
        out.raw(row.text.data(), row.text.size());
    std::vector<uint8_t> blob = out.take();
    uint32_t total = static_cast<uint32_t>(blob.size());
    for (size_t i = 0; i < 4; ++i)
      blob[8 + i] = static_cast<uint8_t>(total >> 8 * i);
    return blob;
  }

  static void pad(ByteWriter &out) {
    while (out.bytes().size() % 4 != 0)
      out.u8(0);
  }
  static void table(ByteWriter &out, const std::vector<uint32_t> &values) {
    pad(out);
    for (uint32_t v : values)
      out.u32(v);
  }

  struct Row {
    std::string text;
    uint32_t id, flags;
  };

  const TokenizerSpec &spec_;
  std::vector<std::string> texts_;
  std::vector<uint8_t> flags_;
  std::vector<uint32_t> byteIds_;
  std::vector<Row> raw_, normalized_;
  Slots vocabTable_, mergeTable_;
};

} // namespace

Result<std::vector<uint8_t>> writeTokenizer(const TokenizerSpec &spec) {
  return Writer(spec).run();
}

} // namespace axiom
