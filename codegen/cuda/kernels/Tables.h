// The kernels that begin a step: rows of the embedding table, and cos and sin of the rope angles.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_TABLES_H
#define AXIOM_CODEGEN_CUDA_KERNELS_TABLES_H

#include "codegen/cuda/kernels/Launch.h"
#include "codegen/cuda/kernels/Recipes.h"

namespace axiom::device {

/// Column `lane` of the group (of 32 columns) that `at` points to, for row `row` of the stripe.
template <Format format> AXIOM_DEVICE float decode(const u8 *run, const u8 *at, u32 row, u32 lane) {
  u32 word = lane % 16 / 4, byte = lane % 4;
  auto nibbleOf = [&](const u8 *nibbles) {
    u32 both = loadConstant<u8>(nibbles + 32 * word + 4 * row + byte);
    return lane < 16 ? both & 15u : both >> 4;
  };
  if constexpr (format == Format::Q8) {
    i32 q = loadConstant<i8>(at + 16 + 32 * (lane / 4) + 4 * row + byte);
    return mul(toFloat(q), loadHalf(at + 2 * row));
  } else if constexpr (format == Format::Q4F16) {
    return fma(toFloat(static_cast<i32>(nibbleOf(at + 32))), loadHalf(at + 2 * row),
               loadHalf(at + 16 + 2 * row));
  } else if constexpr (format == Format::Q4) {
    float scale = mul(loadHalf(run + 2 * row), toFloat(loadConstant<u8>(at + row)));
    float min = mul(loadHalf(run + 16 + 2 * row), toFloat(loadConstant<u8>(at + 8 + row)));
    return fma(toFloat(static_cast<i32>(nibbleOf(at + 16))), scale, min);
  } else if constexpr (format == Format::Q6) {
    u32 half = lane / 16;
    float scale = mul(loadHalf(run + 2 * row), toFloat(loadConstant<i8>(at + 8 * half + row)));
    u32 high = loadConstant<u8>(at + 144 + 32 * half + 4 * row + byte) >> 2 * word & 3u;
    return mul(scale, toFloat(static_cast<i32>(nibbleOf(at + 16) | high << 4) - 32));
  } else if constexpr (format == Format::F32) {
    return loadConstant<float>(at + 32 * lane + 4 * row);
  } else if constexpr (format == Format::F16) {
    return loadHalf(at + 16 * lane + 2 * row);
  } else {
    return loadBf16(at + 16 * lane + 2 * row);
  }
}

template <class S, u32 segment>
AXIOM_DEVICE void embedSegment(const u8 *stripe, float *out, u32 row) {
  constexpr Format format = S::Range0::format;
  constexpr u32 first = S::bounds[segment] / 32, end = S::bounds[segment + 1] / 32;
  constexpr u32 offset = S::Range0::segmentBegin[segment];
  const u8 *base = stripe + offset;
  for (u32 k = first; k < end; ++k) {
    GroupPlace place = placeOf<typename S::Range0>(k, first);
    float value = decode<format>(base + place.run, base + place.group, row, laneIndex());
    u32 column = 32 * k + laneIndex();
    // A format with a minimum does not decode its padding to 0.
    store(out + column, column < S::logicalInner ? value : 0.0f);
  }
  if constexpr (segment + 1 < S::segments)
    embedSegment<S, segment + 1>(stripe, out, row);
}

/// A warp for each token.
template <class S> AXIOM_DEVICE void embed(const Launch &l) {
  u32 t = blockIndex() * (blockThreads() / kWarp) + warpIndex();
  if (t >= tokensOf(l))
    return;
  u32 token = loadConstant<u32>(l.args[S::kTokens] + 4 * t);
  const u8 *stripe = l.args[S::kTable] + static_cast<u64>(token / 8) * S::Range0::stripeBytes;
  float *out = reinterpret_cast<float *>(l.args[S::kX]) + static_cast<u64>(t) * S::inner;
  embedSegment<S, 0>(stripe, out, token % 8);
}

/// A thread for each token and angle.
template <class S> AXIOM_DEVICE void ropeAngles(const Launch &l) {
  constexpr u32 half = S::headDim / 2;
  u32 index = blockIndex() * blockThreads() + threadIndex(), t = index / half, i = index % half;
  if (t >= tokensOf(l))
    return;
  float position = toFloat(loadConstant<i32>(l.args[S::kPositions] + 4 * t));
  CosSin angle = cosSin(mul(position, loadConstant<float>(l.args[S::kInvFreq] + 4 * i)));
  float *out = reinterpret_cast<float *>(l.args[S::kAngles]) + static_cast<u64>(t) * S::headDim;
  store(out + i, angle.cos);
  store(out + half + i, angle.sin);
}

} // namespace axiom::device

#endif
