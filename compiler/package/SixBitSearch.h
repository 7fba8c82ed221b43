// q6: runs of 256 columns under one f16 factor, a signed 8-bit scale for 16 columns, codes 0..63
// that stand for -32..31. The searches of RowQuantizer for it.
#ifndef AXIOM_COMPILER_PACKAGE_SIXBITSEARCH_H
#define AXIOM_COMPILER_PACKAGE_SIXBITSEARCH_H

#include "compiler/package/QuantLanes.h"

namespace axiom::quant {

inline constexpr uint32_t kHalfGroup = kGroup / 2; ///< columns under one scale

/// The scale of columns [first, first + 16) of a group with the least error that the search finds;
/// not yet rounded, of either sign: only the level -32 lies beyond 31.
Floats searchSixBitScale(const Group &group, uint32_t first);

/// The f16 factor with which the signed 8-bit scales reach the largest of `scales`.
Floats sixBitFactor(const Floats *scales, uint32_t count);

/// The 8-bit scale under the factor d, -128..127: the best of the three around the wanted one.
Floats fitSixBitScale(const Group &group, uint32_t first, Floats wanted, Floats d);

/// Quantizes a run of up to eight groups of rows [first, first + 4).
void quantizeSixBitRun(const Group *groups, uint32_t count, uint32_t first, QuantRun &outRun,
                       QuantGroup *out);

} // namespace axiom::quant

#endif
