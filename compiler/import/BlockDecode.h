// Decoding of stored weights to f32, bit for bit as the formats define it.
#ifndef AXIOM_COMPILER_IMPORT_BLOCKDECODE_H
#define AXIOM_COMPILER_IMPORT_BLOCKDECODE_H

#include "compiler/import/ModelSource.h"

namespace axiom {

/// Decodes `blocks` consecutive blocks of `type` at `bytes` (no alignment needed) to
/// `blocks * sourceBlock(type).weights` floats. Every product and sum is rounded once to f32, in
/// the order of the reference dequantizers, so the result equals theirs bit for bit.
void decodeBlocks(SourceType type, const uint8_t *bytes, uint64_t blocks, float *out);

/// The eight 6-bit scales and mins of a Q4_K or Q5_K block, from its 12 packed bytes.
void unpackScalesK(const uint8_t *packed, uint8_t *scales, uint8_t *mins);

} // namespace axiom

#endif
