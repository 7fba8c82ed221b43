#include "runtime/text/TokenizerFormat.h"

#include "runtime/base/ByteStream.h"
#include "runtime/text/Unicode.h"

#include <algorithm>
#include <bit>

namespace axiom::tokenizer {
namespace {

Status damaged(const std::string &what) {
  return Status(Code::BadInput,
                "tokenizer: " + what + "; the artifact is damaged: compile the model again");
}

bool isSlotCount(uint32_t n) { return n == 0 || std::has_single_bit(n); }

struct Counts {
  uint32_t merges, mergeSlots, vocabSlots, rawAdded, normalizedAdded, textBytes, addedBytes;
};

class Parser {
public:
  explicit Parser(std::span<const uint8_t> blob) : blob_(blob), in_(blob) {}

  Result<View> run() {
    Counts n{};
    AXIOM_RETURN_IF_ERROR(header(n));
    AXIOM_RETURN_IF_ERROR(specialIds(view_.prefix));
    AXIOM_RETURN_IF_ERROR(specialIds(view_.suffix));
    AXIOM_RETURN_IF_ERROR(normalizer());
    AXIOM_RETURN_IF_ERROR(pretokenizer());
    AXIOM_RETURN_IF_ERROR(decoder());
    AXIOM_RETURN_IF_ERROR(tables(n));
    AXIOM_RETURN_IF_ERROR(checkTokens());
    AXIOM_RETURN_IF_ERROR(checkMerges());
    AXIOM_RETURN_IF_ERROR(checkAdded(view_.rawAdded));
    AXIOM_RETURN_IF_ERROR(checkAdded(view_.normalizedAdded));
    return std::move(view_);
  }

private:
  Status header(Counts &n) {
    if (in_.u32() != kMagic)
      return damaged("the magic number is wrong");
    uint32_t version = in_.u32();
    if (version != kVersion)
      return Status(Code::BadInput,
                    format("tokenizer: format version %u, this build reads %u; compile the model "
                           "again with a matching axiomc",
                           version, kVersion));
    uint32_t total = in_.u32();
    if (total != blob_.size())
      return damaged(format("%zu bytes where the header says %u", blob_.size(), total));
    view_.flags = in_.u32();
    view_.vocabSize = in_.u32();
    n.merges = in_.u32();
    n.mergeSlots = in_.u32();
    view_.mergeProbe = in_.u32();
    n.vocabSlots = in_.u32();
    view_.vocabProbe = in_.u32();
    n.rawAdded = in_.u32();
    n.normalizedAdded = in_.u32();
    n.textBytes = in_.u32();
    n.addedBytes = in_.u32();
    if (in_.failed())
      return damaged("the header is cut off");
    if (view_.flags & ~uint32_t{kAllModelFlags})
      return damaged(format("unknown model flags 0x%x", view_.flags));
    if (view_.vocabSize == 0 || view_.vocabSize > kMaxVocab)
      return damaged(format("%u tokens, bounds are 1 and %u", view_.vocabSize, kMaxVocab));
    if (n.merges > kMaxMerges || (n.merges != 0 && n.mergeSlots == 0) ||
        !isSlotCount(n.mergeSlots) || !isSlotCount(n.vocabSlots) || view_.mergeProbe > kMaxProbe ||
        view_.vocabProbe > kMaxProbe)
      return damaged("the sizes of its hash tables are out of bounds");
    bool needsVocab = view_.has(kIgnoreMerges) || !view_.has(kByteLevel);
    if (needsVocab && n.vocabSlots == 0)
      return damaged("it has no vocabulary table");
    for (int32_t *id : {&view_.bos, &view_.eos, &view_.unk, &view_.pad}) {
      *id = in_.i32();
      if (*id != -1 && !inVocab(*id))
        return damaged(format("special id %d of %u tokens", *id, view_.vocabSize));
    }
    return Status();
  }

  bool inVocab(int64_t id) const { return id >= 0 && id < view_.vocabSize; }

  Status specialIds(std::vector<int32_t> &out) {
    uint32_t count = in_.u32();
    if (count > kMaxSpecialIds)
      return damaged(format("%u ids around a text, at most %u", count, kMaxSpecialIds));
    for (uint32_t i = 0; i < count; ++i) {
      int32_t id = in_.i32();
      if (in_.failed() || !inVocab(id))
        return damaged(format("id %d around a text of %u tokens", id, view_.vocabSize));
      out.push_back(id);
    }
    return Status();
  }

  Status stepText(std::string_view &out) {
    out = in_.string();
    if (in_.failed() || out.size() > kMaxStepText || !unicode::isValid(out))
      return damaged("a step's text is cut off, too long or not UTF-8");
    return Status();
  }

  Status normalizer() {
    uint32_t count = in_.u32();
    if (count > kMaxSteps)
      return damaged(format("%u normalizer steps, at most %u", count, kMaxSteps));
    size_t growth = 1;
    for (uint32_t i = 0; i < count; ++i) {
      NormalizerStep step;
      uint8_t op = in_.u8();
      if (op > static_cast<uint8_t>(NormalizerOp::Last))
        return damaged(format("unknown normalizer step %u", op));
      step.op = static_cast<NormalizerOp>(op);
      AXIOM_RETURN_IF_ERROR(stepText(step.from));
      AXIOM_RETURN_IF_ERROR(stepText(step.to));
      if (step.op == NormalizerOp::Replace) {
        if (step.from.empty())
          return damaged("a replacement of nothing");
        growth *= std::max<size_t>(1, (step.to.size() + step.from.size() - 1) / step.from.size());
        if (growth > kMaxGrowth)
          return damaged(format("its replacements grow a text more than %u times", kMaxGrowth));
      }
      view_.normalizer.push_back(step);
    }
    return Status();
  }

  Status pretokenizer() {
    uint32_t count = in_.u32();
    if (count > kMaxSteps)
      return damaged(format("%u pre-tokenizer steps, at most %u", count, kMaxSteps));
    for (uint32_t i = 0; i < count; ++i) {
      PretokenizerStep step;
      uint8_t op = in_.u8();
      step.a = in_.u8();
      step.b = in_.u8();
      AXIOM_RETURN_IF_ERROR(stepText(step.text));
      if (op > static_cast<uint8_t>(PretokenizerOp::Last))
        return damaged(format("unknown pre-tokenizer step %u", op));
      step.op = static_cast<PretokenizerOp>(op);
      uint8_t limit = 1;
      bool needsText = false;
      switch (step.op) {
      case PretokenizerOp::Gpt2:
      case PretokenizerOp::Digits:
      case PretokenizerOp::ByteLevel:
        break;
      case PretokenizerOp::Llama3:
        limit = 255;
        if (step.a == 0)
          return damaged("a run of no digits");
        break;
      case PretokenizerOp::Metaspace:
        limit = static_cast<uint8_t>(MetaspaceScheme::Last);
        needsText = true;
        break;
      case PretokenizerOp::Text:
        limit = static_cast<uint8_t>(SplitBehavior::Last);
        needsText = true;
        break;
      }
      if (step.a > limit || step.b > 1 || (needsText && step.text.empty()))
        return damaged(format("pre-tokenizer step %u has a wrong parameter", op));
      if (step.op == PretokenizerOp::Metaspace && step.text.size() > 4)
        return damaged("a Metaspace replacement of more than one character");
      view_.pretokenizer.push_back(step);
    }
    return Status();
  }

  Status decoder() {
    uint8_t kind = in_.u8();
    uint8_t fallback = in_.u8();
    view_.decoder.strip = in_.u32();
    AXIOM_RETURN_IF_ERROR(stepText(view_.decoder.from));
    AXIOM_RETURN_IF_ERROR(stepText(view_.decoder.to));
    if (kind > static_cast<uint8_t>(DecoderKind::Last) || fallback > 1)
      return damaged(format("unknown decoder %u", kind));
    view_.decoder.kind = static_cast<DecoderKind>(kind);
    view_.decoder.byteFallback = fallback == 1;
    if ((view_.decoder.kind == DecoderKind::ByteLevel) != view_.has(kByteLevel))
      return damaged("its model and decoder do not belong together");
    return Status();
  }

  /// `count` items of `size` bytes, after padding to four.
  std::span<const uint8_t> table(uint64_t count, uint32_t size) {
    while (!in_.failed() && in_.position() % 4 != 0)
      if (in_.u8() != 0)
        padding_ = false;
    return in_.bytes(count * size);
  }

  Status tables(const Counts &n) {
    uint64_t vocab = view_.vocabSize;
    view_.byteIds = U32Table(table(256, 4));
    view_.tokenOffsets = U32Table(table(vocab + 1, 4));
    view_.tokenFlags = table(vocab, 1);
    view_.merges = U32Table(table(n.merges, 12));
    view_.mergeSlots = U32Table(table(n.mergeSlots, 4));
    view_.vocabSlots = U32Table(table(n.vocabSlots, 4));
    view_.rawAdded.rows = U32Table(table(n.rawAdded, 16));
    view_.normalizedAdded.rows = U32Table(table(n.normalizedAdded, 16));
    auto text = table(n.textBytes, 1);
    auto added = table(n.addedBytes, 1);
    if (in_.failed() || !padding_ || in_.remaining() != 0)
      return damaged("its tables do not fill it exactly");
    view_.tokenText = {reinterpret_cast<const char *>(text.data()), text.size()};
    view_.rawAdded.texts = {reinterpret_cast<const char *>(added.data()), added.size()};
    view_.normalizedAdded.texts = view_.rawAdded.texts;
    return Status();
  }

  // The loops below join their conditions without branches: start-up time is a promise, and a
  // damaged table needs no index in its message.

  Status checkTokens() {
    bool ok = true;
    for (size_t b = 0; b < 256; ++b) {
      uint32_t id = view_.byteIds[b];
      ok &= id == kNoId || id < view_.vocabSize;
    }
    uint32_t before = view_.tokenOffsets[0];
    ok &= before == 0;
    for (size_t i = 1; i <= view_.vocabSize; ++i) {
      uint32_t offset = view_.tokenOffsets[i];
      ok &= offset >= before;
      before = offset;
    }
    ok &= before == view_.tokenText.size();
    for (uint8_t flags : view_.tokenFlags)
      ok &= (flags & ~kAllTokenFlags) == 0;
    if (!ok)
      return damaged("its vocabulary is inconsistent");
    for (size_t i = 0; i < view_.vocabSize; ++i)
      if ((view_.tokenFlags[i] & kByteToken) && view_.text(static_cast<uint32_t>(i)).size() != 6)
        return damaged(format("byte token %zu is not of the form <0xNN>", i));
    return Status();
  }

  Status checkMerges() {
    bool ok = true;
    for (size_t i = 0; i < view_.merges.size(); ++i)
      ok &= view_.merges[i] < view_.vocabSize;
    size_t merges = view_.merges.size() / 3;
    for (size_t i = 0; i < view_.mergeSlots.size(); ++i)
      ok &= view_.mergeSlots[i] == kNoId || view_.mergeSlots[i] < merges;
    for (size_t i = 0; i < view_.vocabSlots.size(); ++i)
      ok &= view_.vocabSlots[i] == kNoId || view_.vocabSlots[i] < view_.vocabSize;
    return ok ? Status() : damaged("its merge table is inconsistent");
  }

  Status checkAdded(AddedGroup &group) {
    size_t byte = 0;
    for (size_t i = 0; i < group.size(); ++i) {
      uint64_t offset = group.rows[4 * i], size = group.rows[4 * i + 1];
      if (size == 0 || size > kMaxAddedText || offset + size > group.texts.size() ||
          group.id(i) >= view_.vocabSize || (group.flags(i) & ~uint32_t{kAllAddedFlags}))
        return damaged(format("added token %zu is out of range", i));
      std::string_view text = group.text(i);
      if (!unicode::isValid(text) || (i > 0 && group.text(i - 1) >= text))
        return damaged(format("added token %zu is not UTF-8 or not in order", i));
      for (; byte <= static_cast<uint8_t>(text[0]); ++byte)
        group.first[byte] = static_cast<uint32_t>(i);
    }
    for (; byte < group.first.size(); ++byte)
      group.first[byte] = static_cast<uint32_t>(group.size());
    return Status();
  }

  std::span<const uint8_t> blob_;
  ByteReader in_;
  View view_;
  bool padding_ = true;
};

} // namespace

uint32_t View::findText(std::string_view wanted) const {
  if (vocabSlots.size() == 0)
    return kNoId;
  size_t mask = vocabSlots.size() - 1;
  size_t slot = textHash(wanted) & mask;
  for (uint32_t probe = 0; probe <= vocabProbe; ++probe, slot = (slot + 1) & mask) {
    uint32_t id = vocabSlots[slot];
    if (id == kNoId)
      return kNoId;
    if (text(id) == wanted)
      return id;
  }
  return kNoId;
}

Result<View> parse(std::span<const uint8_t> blob) { return Parser(blob).run(); }

} // namespace axiom::tokenizer
