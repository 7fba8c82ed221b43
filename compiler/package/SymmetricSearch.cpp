#include "compiler/package/SymmetricSearch.h"

#include <limits>

namespace axiom::quant {

namespace {

/// The best scale so far and its error.
struct Fit {
  Floats scale, error;

  void consider(Floats other, Floats otherError) {
    Mask better = otherError < error;
    scale = select(better, other, scale);
    error = select(better, otherError, error);
  }
};

/// Where squares overflow nothing is judged better than the first guess; its f16 form is infinite,
/// and the packer then refuses the value.
const float kInfinity = std::numeric_limits<float>::infinity();

/// Columns of a group under one scale, and their levels.
struct Span {
  const Group &group;
  uint32_t begin, end;
  float low, high;

  Floats errorOf(Floats scale) const {
    Floats inv = inverse(scale), error = splat(0.0f);
    for (uint32_t k = begin; k < end; ++k) {
      Floats e = group.x[k] - level(group.x[k] * inv, low, high) * scale;
      error += group.w[k] * e * e;
    }
    return error;
  }

  /// The least-squares scale for the levels that `scale` gives.
  Floats refit(Floats scale) const {
    Floats inv = inverse(scale), wqx = splat(0.0f), wqq = splat(0.0f);
    for (uint32_t k = begin; k < end; ++k) {
      Floats q = level(group.x[k] * inv, low, high);
      wqx += group.w[k] * q * group.x[k];
      wqq += group.w[k] * q * q;
    }
    Mask solvable = wqq > splat(0.0f);
    return select(solvable, wqx / select(solvable, wqq, splat(1.0f)), scale);
  }
};

Span half(const Group &group, uint32_t first) {
  return {group, first, first + kHalfGroup, kSixBitLow, kSixBitHigh};
}

} // namespace

Floats searchEightBitScale(const Group &group) {
  Floats amax = splat(0.0f);
  for (uint32_t k = 0; k < kGroup; ++k)
    amax = maxOf(amax, maxOf(group.x[k], -group.x[k]));
  Span span{group, 0, kGroup, -127.0f, 127.0f};
  Fit best{roundToHalf(amax * splat(1.0f / 127.0f)), splat(kInfinity)};
  // The top of the range lands near level 127 - step / 4, then least squares adjusts the scale.
  for (int step = -1; step <= 6; ++step) {
    Floats scale = amax * splat(1.0f / (127.0f - 0.25f * static_cast<float>(step)));
    scale = roundToHalf(span.refit(scale));
    best.consider(scale, span.errorOf(scale));
  }
  return best.scale;
}

Floats searchSixBitScale(const Group &group, uint32_t first) {
  Span span = half(group, first);
  Floats lo = group.x[first], hi = group.x[first];
  for (uint32_t k = span.begin + 1; k < span.end; ++k) {
    lo = minOf(lo, group.x[k]);
    hi = maxOf(hi, group.x[k]);
  }
  // With this sign the value of largest magnitude lies on the side of level -32.
  Floats most = maxOf(hi, -lo), sign = select(hi > -lo, splat(-1.0f), splat(1.0f));
  Fit best{sign * most * splat(1.0f / 32.0f), splat(kInfinity)};
  for (int step = 0; step <= 9; ++step) {
    // The largest value lands on level -33.5 to -29, near which least squares adjusts the scale.
    Floats scale = sign * most * splat(1.0f / (33.5f - 0.5f * static_cast<float>(step)));
    scale = span.refit(scale);
    best.consider(scale, span.errorOf(scale));
  }
  return best.scale;
}

Floats sixBitFactor(const Floats *scales, uint32_t count, float headroom) {
  Floats most = splat(0.0f);
  for (uint32_t i = 0; i < count; ++i)
    most = maxOf(most, maxOf(scales[i], -scales[i]));
  return halfAtLeast(most * splat(headroom / 127.0f));
}

Floats fitSixBitScale(const Group &group, uint32_t first, Floats wanted, Floats d) {
  Span span = half(group, first);
  Floats center = level(wanted * inverse(d), -128.0f, 127.0f);
  Fit best{center, splat(kInfinity)};
  for (float offset : {0.0f, -1.0f, 1.0f}) {
    Floats trial = level(center + splat(offset), -128.0f, 127.0f);
    best.consider(trial, span.errorOf(d * trial));
  }
  return best.scale;
}

} // namespace axiom::quant
