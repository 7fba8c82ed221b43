// Levels 0..15 with a scale and a min: the searches behind q4 and q4f16, on groups of 32 columns of
// four rows.
#ifndef AXIOM_COMPILER_PACKAGE_AFFINESEARCH_H
#define AXIOM_COMPILER_PACKAGE_AFFINESEARCH_H

#include "compiler/package/QuantLanes.h"

namespace axiom::quant {

/// w = scale * q + min in each lane, and the weighted squared error.
template <class V> struct AffineFit {
  V scale, min, error;
};
using Affine = AffineFit<Floats>; ///< of one group of four rows

/// For each of `count` groups the 16 levels with the least error that the search finds. Scale and
/// min are not rounded: their rounding to f16, or to q4's pairs, comes after and is small.
/// `nonPositiveMin` keeps min <= 0 (q4, where the mins of a run share their sign). A group's result
/// does not depend on the others, which go through wide vectors with it where the CPU has them.
void searchAffine(const Group *groups, uint32_t count, bool nonPositiveMin, Affine *out);

/// The f16 pair of a q4 run whose 8-bit numbers reach the largest scale and min of `wanted`
/// (mins <= 0), stretched by `headroom` >= 1.
void affinePair(const Affine *wanted, uint32_t count, float headroom, Floats &d, Floats &dm);

/// Chooses the 8-bit scale and min of one group under a given pair: scales around the wanted one,
/// and for each the least-squares min.
void fitUnderPair(const Group &group, const Affine &wanted, Floats d, Floats dm, Floats &sc,
                  Floats &mn, Floats &error);

} // namespace axiom::quant

#endif
