// The one heavy loop of calibration: C += or -= A B on the upper triangle of a square matrix, in
// f32. Each element is a fixed chain of roundings, so neither the machine nor the number of threads
// shows in the result.
#ifndef AXIOM_COMPILER_CALIBRATE_RANKUPDATE_H
#define AXIOM_COMPILER_CALIBRATE_RANKUPDATE_H

#include <cstddef>
#include <cstdint>

namespace axiom::calibrate {

inline constexpr uint32_t kRank = 64;    ///< inner size of an update
inline constexpr uint32_t kRowTile = 64; ///< rows that one call updates

/// For rows i of [row, row + kRowTile) below `size` and columns j >= i, j < size:
/// c[i][j] = c[i][j] + sign * (sum over k of left[i][k] * right[k][j], k rising from 0), each
/// product and sum rounded. `left` is [size][kRank], `right` [kRank][stride]; c has rows of
/// `stride` floats, size <= stride, stride a multiple of 32. Elements below the diagonal get
/// numbers without a meaning, those right of `size` too.
void rankUpdate(float *c, size_t stride, uint32_t size, uint32_t row, const float *left,
                const float *right, float sign);

} // namespace axiom::calibrate

#endif
