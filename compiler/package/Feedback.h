// What rounding a matrix needs to know about the inputs that it will be multiplied with, so that
// the error of one column is made up for by the columns after it.
#ifndef AXIOM_COMPILER_PACKAGE_FEEDBACK_H
#define AXIOM_COMPILER_PACKAGE_FEEDBACK_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace axiom {

/// The second moments H of a linear's inputs as U D U^T, U upper with a unit diagonal. If column k
/// of W is rounded from w_k + sum over j < k of (w_j - rounded w_j) * U[j][k], then the squared
/// error of the linear's outputs is the sum over k of D[k] * (what rounding did to column k)^2.
struct Feedback {
  uint32_t size = 0;        ///< columns, padded to 32
  std::vector<float> upper; ///< [size][size]; what lies on and below the diagonal is not read
  std::vector<float> cost;  ///< D, [size]

  const float *row(uint32_t j) const { return upper.data() + size_t(j) * size; }
};

/// What a row gives together with all the inputs, squared and summed: row H row^T. For a row of
/// errors it is the squared error of the linear's output.
double outputPower(const Feedback &feedback, std::span<const float> row);

} // namespace axiom

#endif
