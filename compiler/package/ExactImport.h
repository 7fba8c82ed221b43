// Source blocks that a stored format holds without loss: Q8_0 -> q8, Q4_0 and Q4_1 -> q4f16,
// Q4_K -> q4, Q6_K -> q6. Nothing is searched or rounded; the packed weights decode to the source's
// bits.
#ifndef AXIOM_COMPILER_PACKAGE_EXACTIMPORT_H
#define AXIOM_COMPILER_PACKAGE_EXACTIMPORT_H

#include "compiler/import/ModelSource.h"
#include "compiler/package/QuantStripe.h"

#include <span>

namespace axiom {

/// True if rows of `type` are copied, not searched, when they are stored as `format`.
bool isExactImport(SourceType type, AxmFormat format);

/// Fills row `lane` of the stripe from the stored bytes of one source row. False if a number of
/// this row does not fit the format (a Q4_0 scale of 8192 or more: its min would overflow f16); the
/// lane is then unspecified and the caller quantizes the decoded row.
bool importRow(SourceType type, AxmFormat format, std::span<const uint8_t> blocks, uint32_t lane,
               QuantStripe &stripe);

} // namespace axiom

#endif
