// Second moments of a linear's inputs over the calibration tokens, and what rounding needs of them.
#ifndef AXIOM_COMPILER_CALIBRATE_MOMENTS_H
#define AXIOM_COMPILER_CALIBRATE_MOMENTS_H

#include "compiler/calibrate/Workers.h"
#include "compiler/package/Feedback.h"

#include <span>
#include <vector>

namespace axiom::calibrate {

/// H = sum of x x^T over rows x of `size` values, in f32; only its upper triangle is kept. The
/// result depends on the rows and their order alone.
class Moments {
public:
  explicit Moments(uint32_t size);

  uint32_t size() const { return size_; }   ///< without padding
  size_t stride() const { return stride_; } ///< size padded to 32
  uint64_t rows() const { return rows_; }
  /// H[i][j], i <= j.
  float at(uint32_t i, uint32_t j) const { return values_[i * stride_ + j]; }

  /// Adds rows that lie `rowStride` floats apart. Where the number of rows is no multiple of 64 the
  /// rest is padded with zeros, which is a rounding more than adding them with later ones.
  void add(const float *rows, uint32_t count, size_t rowStride, const Workers &workers);

  /// Factors H + damping * (mean of its diagonal) * I and leaves these moments empty. The damping,
  /// some 0.01, keeps what the calibration text says by chance out of directions that it hardly
  /// visits.
  Feedback factor(double damping, const Workers &workers) &&;

private:
  uint32_t size_;
  size_t stride_;
  uint64_t rows_ = 0;
  std::vector<float> values_; ///< [size padded to 64][stride]
};

} // namespace axiom::calibrate

#endif
