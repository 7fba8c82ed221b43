// Rows of f32 -> q8, q6, q4f16, q4 with the least error that a small deterministic search finds:
// the (weighted) squared error of the weights or, with feedback, that of the products with typical
// inputs. docs/quantization.md describes both.
//
// Each row is quantized on its own: a row's result depends on its values and weights only, never on
// its neighbours in the stripe, the thread or the machine.
#ifndef AXIOM_COMPILER_PACKAGE_ROWQUANTIZER_H
#define AXIOM_COMPILER_PACKAGE_ROWQUANTIZER_H

#include "compiler/package/Feedback.h"
#include "compiler/package/QuantStripe.h"

namespace axiom {

/// What is known about the inputs of a matrix; either may be null.
struct QuantGuide {
  const float *importance = nullptr;  ///< [cols], non-negative weights of the squared errors
  const Feedback *feedback = nullptr; ///< its size is `cols` rounded up to 32
};

/// Quantizes eight rows of `cols` columns; row r starts at rows + r * paddedCols, where paddedCols
/// is `cols` rounded up to 32. Padding columns get level 0 (q6: code 32) and do not influence the
/// scales. The stripe must have been sized by QuantStripe::resize(format, paddedCols / 32).
void quantizeStripe(AxmFormat format, const float *rows, uint32_t cols, const QuantGuide &guide,
                    QuantStripe &stripe);

} // namespace axiom

#endif
