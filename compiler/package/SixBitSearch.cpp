#include "compiler/package/SixBitSearch.h"

#include <limits>

namespace axiom::quant {

namespace {

constexpr float kLow = -32.0f, kHigh = 31.0f;

struct Fit {
  Floats scale, error;
};

Floats errorOf(const Group &group, uint32_t first, Floats scale) {
  Floats inv = inverse(scale), error = splat(0.0f);
  for (uint32_t k = first; k < first + kHalfGroup; ++k) {
    Floats e = group.x[k] - level(group.x[k] * inv, kLow, kHigh) * scale;
    error += group.w[k] * e * e;
  }
  return error;
}

/// The least-squares scale for the levels that `scale` gives.
Floats refit(const Group &group, uint32_t first, Floats scale) {
  Floats inv = inverse(scale), wqx = splat(0.0f), wqq = splat(0.0f);
  for (uint32_t k = first; k < first + kHalfGroup; ++k) {
    Floats q = level(group.x[k] * inv, kLow, kHigh), wq = group.w[k] * q;
    wqx += wq * group.x[k];
    wqq += wq * q;
  }
  Mask solvable = wqq > splat(0.0f);
  return select(solvable, wqx / select(solvable, wqq, splat(1.0f)), scale);
}

} // namespace

Floats searchSixBitScale(const Group &group, uint32_t first) {
  Floats lo = group.x[first], hi = group.x[first];
  for (uint32_t k = first + 1; k < first + kHalfGroup; ++k) {
    lo = minOf(lo, group.x[k]);
    hi = maxOf(hi, group.x[k]);
  }
  // With this sign the value of largest magnitude lies on the side of level -32.
  Floats most = maxOf(hi, -lo), sign = select(hi > -lo, splat(-1.0f), splat(1.0f));
  Fit best{sign * most * splat(1.0f / 32.0f), splat(std::numeric_limits<float>::infinity())};
  for (int step = 0; step <= 9; ++step) {
    // The largest value lands on level -33.5 to -29, near which least squares adjusts the scale.
    Floats scale = sign * most * splat(1.0f / (33.5f - 0.5f * static_cast<float>(step)));
    scale = refit(group, first, scale);
    Floats error = errorOf(group, first, scale);
    Mask better = error < best.error;
    best.scale = select(better, scale, best.scale);
    best.error = select(better, error, best.error);
  }
  return best.scale;
}

Floats sixBitFactor(const Floats *scales, uint32_t count) {
  Floats most = splat(0.0f);
  for (uint32_t i = 0; i < count; ++i)
    most = maxOf(most, maxOf(scales[i], -scales[i]));
  return halfAtLeast(most * splat(1.0f / 127.0f));
}

Floats fitSixBitScale(const Group &group, uint32_t first, Floats wanted, Floats d) {
  Floats center = level(wanted * inverse(d), -128.0f, 127.0f);
  Fit best{center, splat(std::numeric_limits<float>::infinity())};
  for (float offset : {0.0f, -1.0f, 1.0f}) {
    Floats trial = level(center + splat(offset), -128.0f, 127.0f);
    Floats error = errorOf(group, first, d * trial);
    Mask better = error < best.error;
    best.scale = select(better, trial, best.scale);
    best.error = select(better, error, best.error);
  }
  return best.scale;
}

void quantizeSixBitRun(const Group *groups, uint32_t count, uint32_t first, QuantRun &outRun,
                       QuantGroup *out) {
  Floats wanted[2 * kRunGroups];
  for (uint32_t i = 0; i < 2 * count; ++i)
    wanted[i] = searchSixBitScale(groups[i / 2], i % 2 * kHalfGroup);
  Floats d = sixBitFactor(wanted, 2 * count);
  for (uint32_t i = 0; i < 2 * count; ++i) {
    const Group &group = groups[i / 2];
    QuantGroup &to = out[i / 2];
    uint32_t from = i % 2 * kHalfGroup;
    Floats s = fitSixBitScale(group, from, wanted[i], d), inv = inverse(d * s);
    for (uint32_t lane = 0; lane < kLanes; ++lane)
      (i % 2 ? to.mn : to.sc)[first + lane] = static_cast<uint8_t>(static_cast<int8_t>(s[lane]));
    for (uint32_t k = from; k < from + kHalfGroup; ++k) {
      Floats q = level(group.x[k] * inv, kLow, kHigh);
      for (uint32_t lane = 0; lane < kLanes; ++lane)
        to.q[k][first + lane] = static_cast<uint8_t>(static_cast<int32_t>(q[lane]) + 32);
    }
  }
  for (uint32_t lane = 0; lane < kLanes; ++lane)
    outRun.d[first + lane] = f32ToF16(d[lane]);
}

} // namespace axiom::quant
