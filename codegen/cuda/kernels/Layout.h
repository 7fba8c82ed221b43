// How much shared memory the forms of a linear take, in bytes: known to the kernels and to the
// emitter, which launches them with it. Plain C++: the emitter includes it too.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_LAYOUT_H
#define AXIOM_CODEGEN_CUDA_KERNELS_LAYOUT_H

#ifdef __CUDACC_RTC__
#define AXIOM_LAYOUT __device__ constexpr
#else
#define AXIOM_LAYOUT constexpr
#endif

namespace axiom::device {

AXIOM_LAYOUT unsigned roundUp(unsigned n, unsigned to) { return (n + to - 1) / to * to; }

/// A stripe in a stage: groups at a pitch, then the scales of their run.
AXIOM_LAYOUT unsigned stageStripeBytes(unsigned groups, unsigned pitch, unsigned runBytes) {
  return groups * pitch + runBytes;
}

//===-- Dots: up to 4 tokens ------------------------------------------------===//

/// From group to group of a stripe, so that four groups beside each other, of which a word of each
/// row is read at a time (32 bytes), lie in different banks.
AXIOM_LAYOUT unsigned bankedPitch(unsigned groupBytes) {
  unsigned pitch = roundUp(groupBytes, 32);
  return pitch % 64 == 32 ? pitch : pitch + 32;
}
/// A stage: a run of a stripe, and the tokens' values and pairs.
AXIOM_LAYOUT unsigned dotsSlot(unsigned groupBytes, unsigned runBytes, unsigned tokens) {
  return stageStripeBytes(8, bankedPitch(groupBytes), runBytes) + tokens * (8 * 32 + 8 * 8);
}
/// What the rows, tokens and groups of a run come to: dot, its factor [, minimum, sum].
AXIOM_LAYOUT unsigned dotsTermBytes(bool hasMin) { return hasMin ? 16 : 8; }
AXIOM_LAYOUT unsigned dotsTerms(bool hasMin, unsigned tokens) {
  return 8 * 8 * tokens * dotsTermBytes(hasMin);
}

//===-- Tiles: up to 8 tokens -----------------------------------------------===//

// Rows of activations lie 16 bytes off a multiple of 128, so that the 8 rows of a matrix are in
// different banks; pairs so that those of every second token are.
constexpr unsigned kTilesRowPitch = 8 * 32 + 16, kTilesPairPitch = 8 * 8 + 16;

/// A stage: a run of two stripes, and the tokens' values and pairs.
AXIOM_LAYOUT unsigned tilesSlot(unsigned groupBytes, unsigned runBytes) {
  return 2 * stageStripeBytes(8, groupBytes, runBytes) + 8 * (kTilesRowPitch + kTilesPairPitch);
}

//===-- Panels: many tokens -------------------------------------------------===//

constexpr unsigned kPanelGroups = 4; ///< of a stage
constexpr unsigned kPanelRowPitch = kPanelGroups * 32 + 16, kPanelPairPitch = kPanelGroups * 8 + 16;

/// The tokens' values and pairs of a stage, which the block's warps share.
AXIOM_LAYOUT unsigned panelTokens(unsigned tokens) {
  return tokens * (kPanelRowPitch + kPanelPairPitch);
}
/// A warp's two stripes of a stage.
AXIOM_LAYOUT unsigned panelWeights(unsigned groupBytes, unsigned runBytes) {
  return 2 * stageStripeBytes(kPanelGroups, groupBytes, runBytes);
}

//===-- Floats --------------------------------------------------------------===//

constexpr unsigned kFloatStripes = 4; ///< of a warp
constexpr unsigned kFloatTokens = 16; ///< of a warp, where there are many

/// From stripe to stripe of a stage of 32 columns: the rows of four stripes, read at a time, lie in
/// different banks.
AXIOM_LAYOUT unsigned floatPitch(unsigned groupBytes) { return groupBytes + groupBytes / 32; }
/// A stage: 32 columns of four stripes, and of the tokens.
AXIOM_LAYOUT unsigned floatSlot(unsigned groupBytes, unsigned tokens) {
  return kFloatStripes * floatPitch(groupBytes) + tokens * 128;
}

//===-- Results -------------------------------------------------------------===//

/// From token to token of the sums of a block's rows, in floats: so that the rows and tokens of a C
/// fragment lie in different banks.
AXIOM_LAYOUT unsigned resultPitch(unsigned rows) { return roundUp(rows, 16) + 4; }
AXIOM_LAYOUT unsigned resultBytes(unsigned parts, unsigned tokens, unsigned rows) {
  return 4 * parts * tokens * resultPitch(rows);
}

} // namespace axiom::device

#undef AXIOM_LAYOUT

#endif
