// What the bytes of a group of a stripe in shared memory say. A lane reads the words, bytes and
// halves of its row from three addresses that it computes once for a stage; where in the stage a
// group lies is a constant that becomes part of the instruction.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_GROUPS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_GROUPS_H

#include "codegen/cuda/kernels/Recipes.h"
#include "codegen/cuda/kernels/Stage.h"

namespace axiom::device {

AXIOM_DEVICE constexpr bool isSigned(Format f) { return f == Format::Q8 || f == Format::Q6; }
/// Where nibbles or q begin in a group.
AXIOM_DEVICE constexpr u32 headerBytes(Format f) { return f == Format::Q4F16 ? 32 : 16; }

/// Where what belongs to a row begins, as seen from the begin of the stripe.
struct RowAt {
  u32 words, halves, bytes;

  AXIOM_DEVICE RowAt after(u32 count) const {
    return {words + count, halves + count, bytes + count};
  }
};
/// `row` of the stripe at `at`; words from number `word` of the row on.
AXIOM_DEVICE RowAt rowAt(u32 at, u32 row, u32 word) {
  return {at + 32 * word + 4 * row, at + 2 * row, at + row};
}

/// The two f16 of a row that the groups of a run share.
struct RunScale {
  float scale, min;
};
template <Format format> AXIOM_DEVICE RunScale runScale(const RowAt &run) {
  RunScale s = {};
  if constexpr (format == Format::Q4 || format == Format::Q6)
    s.scale = halfToFloat(loadShared<u16>(run.halves));
  if constexpr (format == Format::Q4)
    s.min = halfToFloat(loadShared<u16>(run.halves + 16));
  return s;
}

/// Of a row in a group.
struct RowScale {
  float scale, min;
  i32 first, last; ///< Q6: the small scales of the first and the last 16 columns
};
/// The group is `group` bytes behind `at`.
template <Format format>
AXIOM_DEVICE RowScale rowScale(const RunScale &run, const RowAt &at, u32 group) {
  RowScale s = {};
  if constexpr (format == Format::Q8) {
    s.scale = halfToFloat(loadShared<u16>(at.halves + group));
  } else if constexpr (format == Format::Q4F16) {
    s.scale = halfToFloat(loadShared<u16>(at.halves + group));
    s.min = halfToFloat(loadShared<u16>(at.halves + group + 16));
  } else if constexpr (format == Format::Q4) {
    s.scale = mul(run.scale, toFloat(loadShared<u8>(at.bytes + group)));
    s.min = mul(run.min, toFloat(loadShared<u8>(at.bytes + group + 8)));
  } else {
    s.scale = run.scale;
    s.first = loadShared<i8>(at.bytes + group);
    s.last = loadShared<i8>(at.bytes + group + 8);
  }
  return s;
}

/// Four codes of 0 to 63, a byte each, less 32, as signed bytes: without a borrow between them.
AXIOM_DEVICE u32 signedCodes(u32 codes) {
  return ((codes | 0x80808080u) - 0x20202020u) ^ 0x80808080u;
}

/// Two words of a row: of columns 4i to 4i + 3, and of those 16 behind.
struct TwoWords {
  u32 low, high;
};
/// Word i = `index` behind at.words, which is number `word` of the row. `times16`: the high word's
/// unsigned codes stay where they lie, which is 16 times as much.
template <Format format, bool times16 = false>
AXIOM_DEVICE TwoWords twoWords(const RowAt &at, u32 group, u32 index, u32 word) {
  u32 from = at.words + group + headerBytes(format) + 32 * index;
  if constexpr (format == Format::Q8) {
    return {loadShared<u32>(from), loadShared<u32>(from + 128)};
  } else {
    u32 nibbles = loadShared<u32>(from);
    TwoWords w = {nibbles & 0x0f0f0f0fu,
                  times16 ? nibbles & 0xf0f0f0f0u : nibbles >> 4 & 0x0f0f0f0fu};
    if constexpr (format == Format::Q6) {
      // The codes' high bits: a word of a row for each half.
      u32 bits = at.words - 32 * word + group + headerBytes(format) + 128,
          shift = 2 * (word + index);
      w.low = signedCodes(w.low | (loadShared<u32>(bits) >> shift & 0x03030303u) << 4);
      w.high = signedCodes(w.high | (loadShared<u32>(bits + 32) >> shift & 0x03030303u) << 4);
    }
    return w;
  }
}

} // namespace axiom::device

#endif
