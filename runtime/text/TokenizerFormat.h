// The tokenizer blob inside an artifact: tables that are checked once and then used where they lie.
//
// All numbers are little-endian; U32[n] is n u32. Order, without gaps but for zero padding to four
// bytes before each table:
//
//   u32 magic "AXTK", u32 version, u32 total bytes, u32 model flags (ModelFlag)
//   u32 vocab size, u32 merge count, u32 merge slots, u32 merge probe limit,
//   u32 vocab slots, u32 vocab probe limit, u32 raw added count, u32 normalized added count,
//   u32 token text bytes, u32 added text bytes
//   i32 bos, eos, unk, pad            -1: none
//   u32 n, i32[n] ids before the text; u32 n, i32[n] ids after it
//   u32 n normalizer steps: u8 NormalizerOp, string from, string to
//   u32 n pre-tokenizer steps: u8 PretokenizerOp, u8 a, u8 b, string text
//   decoder: u8 DecoderKind, u8 byte fallback, u32 spaces stripped at the start, string from,
//   string to U32[256] id of each single byte (byte-level) or byte token (byte fallback); kNoId:
//   none U32[vocab + 1] offsets into the token text u8[vocab] token flags (TokenFlag) U32[3 *
//   merges] left, right, result; the index is the rank U32[merge slots] rank or kNoId: open
//   addressing by mergeHash, linear probing U32[vocab slots] id or kNoId: open addressing by
//   textHash over text that merging can make U32[4 * (raw + normalized)] offset into the added
//   text, size, id, AddedFlag; raw ones first,
//       each group sorted by its bytes
//   token text, added text
//
// Slot counts are 0 (no table) or powers of two. A string is a u32 length and its bytes.
#ifndef AXIOM_RUNTIME_TEXT_TOKENIZERFORMAT_H
#define AXIOM_RUNTIME_TEXT_TOKENIZERFORMAT_H

#include "runtime/base/Status.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace axiom::tokenizer {

inline constexpr uint32_t kMagic = 0x4B545841; // "AXTK"
inline constexpr uint32_t kVersion = 1;
inline constexpr uint32_t kNoId = 0xFFFFFFFF;

// Bounds on what a blob may hold; the compiler keeps them, open() checks them.
inline constexpr uint32_t kMaxVocab = 1u << 22;
inline constexpr uint32_t kMaxMerges = 1u << 23;
inline constexpr uint32_t kMaxProbe = 1024;
inline constexpr uint32_t kMaxAddedText = 4096; ///< bytes of one added token
inline constexpr uint32_t kMaxSteps = 8;
inline constexpr uint32_t kMaxStepText = 64;
inline constexpr uint32_t kMaxSpecialIds = 16; ///< before and after the text, each
inline constexpr uint32_t kMaxGrowth = 16;     ///< by all replacements of the normalizer together

enum ModelFlag : uint32_t {
  kByteLevel = 1,    ///< token text is raw bytes; words are split to bytes
  kIgnoreMerges = 2, ///< a word that is a token is that token
  kByteFallback = 4, ///< unknown characters become byte tokens
  kFuseUnknown = 8,  ///< unknown characters in a row become one unknown token
  kAllModelFlags = 15,
};

enum TokenFlag : uint8_t {
  kPresent = 1,   ///< the id has a token (ids may have holes)
  kSpecial = 2,   ///< hidden when special tokens are skipped
  kAdded = 4,     ///< an added token
  kByteToken = 8, ///< text is "<0xNN>" and stands for that byte (not in byte-level models)
  kRawText = 16,  ///< byte-level: the text is not in the byte alphabet and stands for itself
  kAllTokenFlags = 31,
};

enum AddedFlag : uint32_t {
  kAddedSpecial = 1,
  kLeftStrip = 2,
  kRightStrip = 4,
  kSingleWord = 8,
  kAllAddedFlags = 15,
};

enum class NormalizerOp : uint8_t { Nfc, Prepend, Replace, Last = Replace };

enum class PretokenizerOp : uint8_t {
  Gpt2,      ///< the GPT-2 expression
  Llama3,    ///< the Llama-3 family; a: longest run of digits; b: 1 if marks count as letters
  Digits,    ///< a: 1 = each on its own, 0 = runs
  ByteLevel, ///< a: 1 = a space goes before a piece that has none
  Metaspace, ///< text: the replacement; a: MetaspaceScheme; b: 1 = split
  Text,      ///< text: a separator; a: SplitBehavior
  Last = Text
};
enum class MetaspaceScheme : uint8_t { Never, First, Always, Last = Always };
enum class SplitBehavior : uint8_t { Isolated, Removed, WithPrevious, WithNext, Last = WithNext };

enum class DecoderKind : uint8_t {
  ByteLevel, ///< bytes are joined, then made valid UTF-8
  Replace,   ///< per token from -> to, byte fallback, spaces stripped from the start of the whole
  Metaspace, ///< as Replace, but in the first token `from` becomes nothing if spaces stripped is 1
  Last = Metaspace
};

struct NormalizerStep {
  NormalizerOp op;
  std::string_view from, to; ///< Prepend uses `to`
};
struct PretokenizerStep {
  PretokenizerOp op;
  uint8_t a = 0, b = 0;
  std::string_view text;
};
struct DecoderSpec {
  DecoderKind kind = DecoderKind::ByteLevel;
  bool byteFallback = false;
  uint32_t strip = 0;
  std::string_view from, to;
};

inline uint32_t mergeHash(uint32_t left, uint32_t right) {
  uint32_t h = left * 0x9E3779B1u ^ (right + 0x7F4A7C15u) * 0x85EBCA77u;
  h = (h ^ h >> 15) * 0x2C1B3C6Du;
  return h ^ h >> 13;
}

inline uint32_t textHash(std::string_view text) {
  uint32_t h = 2166136261u;
  for (char c : text)
    h = (h ^ static_cast<uint8_t>(c)) * 16777619u;
  return h ^ h >> 15;
}

/// A table of u32 inside the blob, of any alignment.
class U32Table {
public:
  U32Table() = default;
  explicit U32Table(std::span<const uint8_t> bytes)
      : data_(bytes.data()), size_(bytes.size() / 4) {}
  size_t size() const { return size_; }
  uint32_t operator[](size_t i) const {
    uint32_t v;
    std::memcpy(&v, data_ + 4 * i, sizeof v);
    return v;
  }

private:
  const uint8_t *data_ = nullptr;
  size_t size_ = 0;
};

/// One group of added tokens, sorted by text.
struct AddedGroup {
  U32Table rows; ///< 4 per token
  std::string_view texts;
  /// Tokens that begin with byte b are first[b] .. first[b + 1].
  std::array<uint32_t, 257> first{};

  size_t size() const { return rows.size() / 4; }
  std::string_view text(size_t i) const { return texts.substr(rows[4 * i], rows[4 * i + 1]); }
  uint32_t id(size_t i) const { return rows[4 * i + 2]; }
  uint32_t flags(size_t i) const { return rows[4 * i + 3]; }
};

/// A checked blob. Every id, rank, offset and size in it is in range and every text that the
/// encoder walks by characters is valid UTF-8. Points into the blob's bytes.
struct View {
  uint32_t flags = 0;
  uint32_t vocabSize = 0;
  uint32_t mergeProbe = 0;
  uint32_t vocabProbe = 0;
  int32_t bos = -1, eos = -1, unk = -1, pad = -1;
  std::vector<int32_t> prefix, suffix;
  std::vector<NormalizerStep> normalizer;
  std::vector<PretokenizerStep> pretokenizer;
  DecoderSpec decoder;
  U32Table byteIds, tokenOffsets, merges, mergeSlots, vocabSlots;
  std::span<const uint8_t> tokenFlags;
  std::string_view tokenText;
  AddedGroup rawAdded, normalizedAdded;

  bool has(ModelFlag flag) const { return (flags & flag) != 0; }
  bool present(int64_t id) const {
    return id >= 0 && id < vocabSize && (tokenFlags[static_cast<size_t>(id)] & kPresent);
  }
  std::string_view text(uint32_t id) const {
    return tokenText.substr(tokenOffsets[id], tokenOffsets[id + 1] - tokenOffsets[id]);
  }
  /// Rank of the merge of two ids, or kNoId.
  uint32_t findMerge(uint32_t left, uint32_t right) const;
  /// Id of a token that merging can make with exactly this text, or kNoId. Needs the vocab table.
  uint32_t findText(std::string_view text) const;
};

Result<View> parse(std::span<const uint8_t> blob);

inline uint32_t View::findMerge(uint32_t left, uint32_t right) const {
  if (mergeSlots.size() == 0)
    return kNoId;
  size_t mask = mergeSlots.size() - 1;
  size_t slot = mergeHash(left, right) & mask;
  for (uint32_t probe = 0; probe <= mergeProbe; ++probe, slot = (slot + 1) & mask) {
    uint32_t rank = mergeSlots[slot];
    if (rank == kNoId)
      return kNoId;
    size_t row = size_t{3} * rank;
    if (merges[row] == left && merges[row + 1] == right)
      return rank;
  }
  return kNoId;
}

} // namespace axiom::tokenizer

#endif
