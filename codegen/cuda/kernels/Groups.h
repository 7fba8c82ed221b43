// What the bytes of a group of a stripe in shared memory say: the scales of a row.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_GROUPS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_GROUPS_H

#include "codegen/cuda/kernels/Recipes.h"
#include "codegen/cuda/kernels/Stage.h"

namespace axiom::device {

/// The two f16 of a row that the groups of a run share.
struct RunScale {
  float scale, min;
};
template <Format format> AXIOM_DEVICE RunScale runScale(u32 at, u32 row) {
  RunScale s = {};
  if constexpr (format == Format::Q4 || format == Format::Q6)
    s.scale = halfToFloat(loadShared<u16>(at + 2 * row));
  if constexpr (format == Format::Q4)
    s.min = halfToFloat(loadShared<u16>(at + 16 + 2 * row));
  return s;
}

/// Of a row in a group.
struct RowScale {
  float scale, min;
  i32 first, last; ///< Q6: the small scales of the first and the last 16 columns
};
template <Format format> AXIOM_DEVICE RowScale rowScale(const RunScale &run, u32 at, u32 row) {
  RowScale s = {};
  if constexpr (format == Format::Q8) {
    s.scale = halfToFloat(loadShared<u16>(at + 2 * row));
  } else if constexpr (format == Format::Q4F16) {
    s.scale = halfToFloat(loadShared<u16>(at + 2 * row));
    s.min = halfToFloat(loadShared<u16>(at + 16 + 2 * row));
  } else if constexpr (format == Format::Q4) {
    s.scale = mul(run.scale, toFloat(loadShared<u8>(at + row)));
    s.min = mul(run.min, toFloat(loadShared<u8>(at + 8 + row)));
  } else {
    s.scale = run.scale;
    s.first = loadShared<i8>(at + row);
    s.last = loadShared<i8>(at + 8 + row);
  }
  return s;
}

/// Four codes of 0 to 63, a byte each, less 32, as signed bytes: without a borrow between them.
AXIOM_DEVICE u32 signedCodes(u32 codes) {
  return ((codes | 0x80808080u) - 0x20202020u) ^ 0x80808080u;
}

AXIOM_DEVICE constexpr bool isSigned(Format f) { return f == Format::Q8 || f == Format::Q6; }

} // namespace axiom::device

#endif
