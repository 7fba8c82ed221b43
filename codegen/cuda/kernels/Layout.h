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

//===-- Dots: up to 4 tokens ------------------------------------------------===//

/// From group to group of the four that a warp works on at a time, of which it reads a word of each
/// row (32 bytes): so far apart that they lie in different banks.
AXIOM_LAYOUT unsigned dotsDistance(unsigned groupBytes) { return groupBytes % 64 == 32 ? 1 : 2; }
/// A stage: a run of a stripe, its scales first, and the tokens' values and pairs.
AXIOM_LAYOUT unsigned dotsSlot(unsigned groupBytes, unsigned runBytes, unsigned tokens) {
  return runBytes + 8 * groupBytes + tokens * (8 * 32 + 8 * 8);
}
/// What the rows, tokens and groups of a run come to: dot, its factor [, minimum, sum].
AXIOM_LAYOUT unsigned dotsTermBytes(bool hasMin) { return hasMin ? 16 : 8; }
/// From token to token: what 16 or 32 lanes read at a time lies in different banks.
AXIOM_LAYOUT unsigned dotsTermPitch(bool hasMin) {
  return 8 * 8 * dotsTermBytes(hasMin) + (hasMin ? 0 : 64);
}
AXIOM_LAYOUT unsigned dotsTerms(bool hasMin, unsigned tokens) {
  return tokens * dotsTermPitch(hasMin);
}

//===-- Quads: up to 4 tokens, many rows ------------------------------------===//

/// From stripe to stripe of a stage, so that a word of each row of four lies in different banks.
AXIOM_LAYOUT unsigned quadsPitch(unsigned groupBytes, unsigned runBytes) {
  unsigned pitch = roundUp(runBytes + 8 * groupBytes, 32);
  return pitch % 64 == 32 ? pitch : pitch + 32;
}
/// A stage: a run of four stripes, its scales first, and the tokens' values and pairs.
AXIOM_LAYOUT unsigned quadsSlot(unsigned groupBytes, unsigned runBytes, unsigned tokens) {
  return 4 * quadsPitch(groupBytes, runBytes) + tokens * (8 * 32 + 8 * 8);
}

//===-- Tiles: up to 8 tokens -----------------------------------------------===//

// Rows of activations lie 16 bytes off a multiple of 128, so that the 8 rows of a matrix are in
// different banks; pairs so that those of every second token are.
constexpr unsigned kTilesRowPitch = 8 * 32 + 16, kTilesPairPitch = 8 * 8 + 16;

/// A stage: a run of two stripes, its scales first, and the tokens' values and pairs.
AXIOM_LAYOUT unsigned tilesSlot(unsigned groupBytes, unsigned runBytes) {
  return 2 * (runBytes + 8 * groupBytes) + 8 * (kTilesRowPitch + kTilesPairPitch);
}

//===-- Panels: many tokens -------------------------------------------------===//

constexpr unsigned kPanelGroups = 4; ///< of a stage
constexpr unsigned kPanelRowPitch = kPanelGroups * 32 + 16, kPanelPairPitch = kPanelGroups * 8 + 16;

/// The tokens' values and pairs of a stage, which the block's warps share.
AXIOM_LAYOUT unsigned panelTokens(unsigned tokens) {
  return tokens * (kPanelRowPitch + kPanelPairPitch);
}
/// A warp's two stripes of a stage, the scales of their run first.
AXIOM_LAYOUT unsigned panelWeights(unsigned groupBytes, unsigned runBytes) {
  return 2 * (runBytes + kPanelGroups * groupBytes);
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

//===-- Segments -----------------------------------------------------------===//

/// Sums of a join that wait for others, at most: the levels of the tree of so many segments.
AXIOM_LAYOUT unsigned joinLevels(unsigned segments) {
  unsigned levels = 0;
  for (unsigned n = segments - 1; n > 0; n /= 2)
    ++levels;
  return levels;
}
/// Of `count` sums of a thread.
AXIOM_LAYOUT unsigned joinBytes(unsigned segments, unsigned count) {
  return 4 * joinLevels(segments) * count;
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
