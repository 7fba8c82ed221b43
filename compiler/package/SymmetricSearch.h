// Signed levels with a scale alone: the searches behind q8 (32 columns, levels -127..127) and q6
// (16 columns, levels -32..31), for four rows.
#ifndef AXIOM_COMPILER_PACKAGE_SYMMETRICSEARCH_H
#define AXIOM_COMPILER_PACKAGE_SYMMETRICSEARCH_H

#include "compiler/package/QuantLanes.h"

namespace axiom::quant {

/// The f16 scale of a q8 group with the least error that the search finds.
Floats searchEightBitScale(const Group &group);

inline constexpr uint32_t kHalfGroup = kGroup / 2; ///< columns under one scale of q6
inline constexpr float kSixBitLow = -32.0f, kSixBitHigh = 31.0f;

/// The scale of columns [first, first + 16) of a q6 group with the least error that the search
/// finds; not yet rounded, of either sign: only the level -32 lies beyond 31.
Floats searchSixBitScale(const Group &group, uint32_t first);

/// The f16 factor with which the signed 8-bit scales reach the largest of `scales`, stretched by
/// `headroom` >= 1.
Floats sixBitFactor(const Floats *scales, uint32_t count, float headroom);

/// The 8-bit scale under the factor d, -128..127: the best of the three around the wanted one.
Floats fitSixBitScale(const Group &group, uint32_t first, Floats wanted, Floats d);

} // namespace axiom::quant

#endif
