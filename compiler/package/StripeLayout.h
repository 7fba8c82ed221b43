// The bytes of a stripe, as runtime/abi/kernel_abi.h defines them.
#ifndef AXIOM_COMPILER_PACKAGE_STRIPELAYOUT_H
#define AXIOM_COMPILER_PACKAGE_STRIPELAYOUT_H

#include "compiler/package/QuantStripe.h"

#include <cstdint>
#include <vector>

namespace axiom {

/// Writes a quantized stripe; `cuts` are the inner boundaries of the K segments. Returns the end.
uint8_t *writeQuantStripe(AxmFormat format, const QuantStripe &stripe,
                          const std::vector<uint32_t> &cuts, uint8_t *out);

/// Writes a stripe of a float format from eight rows of `paddedCols` floats, `rows` holding row r
/// at r * paddedCols. Values are rounded to the format. Returns the end.
uint8_t *writeFloatStripe(AxmFormat format, const float *rows, uint32_t paddedCols, uint8_t *out);

/// The f32 values that a packed group stands for (docs/numerics.md, Embedding): out[k][row].
void decodeGroup(AxmFormat format, const QuantStripe &stripe, uint32_t group,
                 float out[kGroup][kStripe]);

/// What a value becomes in a float format.
float roundToFormat(AxmFormat format, float value);

} // namespace axiom

#endif
