#include "compiler/calibrate/RankUpdate.h"

#include <algorithm>
#include <cstring>

namespace axiom::calibrate {

namespace {

constexpr uint32_t kRows = 4, kCols = 16; // of the block in registers

using Lanes = float __attribute__((vector_size(4 * 8), aligned(4)));

__attribute__((always_inline)) inline void update(float *c, size_t stride, const float *left,
                                                  const float *right, float sign) {
  Lanes sums[kRows][2] = {};
  for (uint32_t k = 0; k < kRank; ++k) {
    Lanes b[2];
    std::memcpy(b, right + k * stride, sizeof b);
    for (uint32_t r = 0; r < kRows; ++r) {
      float a = left[r * kRank + k];
      sums[r][0] += a * b[0];
      sums[r][1] += a * b[1];
    }
  }
  for (uint32_t r = 0; r < kRows; ++r) {
    Lanes old[2];
    std::memcpy(old, c + r * stride, sizeof old);
    old[0] += sign * sums[r][0];
    old[1] += sign * sums[r][1];
    std::memcpy(c + r * stride, old, sizeof old);
  }
}

__attribute__((always_inline)) inline void updateRows(float *c, size_t stride, uint32_t size,
                                                      uint32_t row, const float *left,
                                                      const float *right, float sign) {
  uint32_t end = std::min(row + kRowTile, size);
  // Columns outermost: the slice of `right` stays in the cache for all rows of the tile.
  for (uint32_t j = row / kCols * kCols; j < size; j += kCols)
    for (uint32_t i = row; i < std::min(end, j + kCols); i += kRows)
      update(c + i * stride + j, stride, left + size_t(i) * kRank, right + j, sign);
}

// The same loops twice: wider vectors change no bit, since nothing is fused.
#if defined(__x86_64__)
__attribute__((target("avx2"))) void updateRowsWide(float *c, size_t stride, uint32_t size,
                                                    uint32_t row, const float *left,
                                                    const float *right, float sign) {
  updateRows(c, stride, size, row, left, right, sign);
}
const bool kWide = __builtin_cpu_supports("avx2");
#endif

} // namespace

void rankUpdate(float *c, size_t stride, uint32_t size, uint32_t row, const float *left,
                const float *right, float sign) {
#if defined(__x86_64__)
  if (kWide)
    return updateRowsWide(c, stride, size, row, left, right, sign);
#endif
  updateRows(c, stride, size, row, left, right, sign);
}

} // namespace axiom::calibrate
