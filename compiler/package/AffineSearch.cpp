#include "compiler/package/AffineSearch.h"

#include <limits>

namespace axiom::quant {

namespace {

/// Sums over a group of the levels q that `scale` and `min` give; y = x - shift.
struct Moments {
  Floats w, wq, wqq, wy, wqy;
};

Moments measure(const Group &group, Floats scale, Floats min, Floats shift) {
  Floats inv = inverse(scale), zero = splat(0.0f);
  Moments m{zero, zero, zero, zero, zero};
  for (uint32_t k = 0; k < kGroup; ++k) {
    Floats q = level((group.x[k] - min) * inv, 0.0f, 15.0f);
    Floats w = group.w[k], wq = w * q, y = group.x[k] - shift;
    m.w += w;
    m.wq += wq;
    m.wqq += wq * q;
    m.wy += w * y;
    m.wqy += wq * y;
  }
  return m;
}

/// The least-squares scale and min for fixed levels; unchanged where all levels are equal.
/// `nonPositiveMin` keeps min <= 0 (q4, where the mins of a run share their sign).
void refit(const Moments &m, Floats shift, bool nonPositiveMin, Affine &fit) {
  Floats det = m.w * m.wqq - m.wq * m.wq;
  Mask solvable = det > splat(0.0f);
  Floats inv = splat(1.0f) / select(solvable, det, splat(1.0f));
  Floats scale = (m.w * m.wqy - m.wq * m.wy) * inv;
  Floats min = (m.wqq * m.wy - m.wq * m.wqy) * inv + shift;
  if (nonPositiveMin) {
    // On the bound min = 0 the best scale is sum(wqx) / sum(wqq), with x = y + shift.
    Mask over = min > splat(0.0f);
    min = select(over, splat(0.0f), min);
    scale = select(over, (m.wqy + shift * m.wq) * inverse(m.wqq), scale);
  }
  fit.scale = select(solvable, scale, fit.scale);
  fit.min = select(solvable, min, fit.min);
}

/// The error of those levels under `fit`, from their moments and power = sum(wyy).
Floats errorOf(const Moments &m, Floats power, Floats shift, const Affine &fit) {
  Floats min = fit.min - shift, two = splat(2.0f);
  return power + fit.scale * (fit.scale * m.wqq + two * (min * m.wq - m.wqy)) +
         min * (min * m.w - two * m.wy);
}

Floats squaredError(const Group &group, Floats scale, Floats min) {
  Floats inv = inverse(scale), error = splat(0.0f);
  for (uint32_t k = 0; k < kGroup; ++k) {
    Floats q = level((group.x[k] - min) * inv, 0.0f, 15.0f);
    Floats e = group.x[k] - (q * scale + min);
    error += group.w[k] * e * e;
  }
  return error;
}

void keepBetter(Affine &best, const Affine &candidate) {
  Mask better = candidate.error < best.error;
  best.scale = select(better, candidate.scale, best.scale);
  best.min = select(better, candidate.min, best.min);
  best.error = select(better, candidate.error, best.error);
}

/// Shares of the range that are cut off below and above where the search starts; a negative share
/// widens the range.
constexpr float kClips[][2] = {{0.0f, 0.0f},    {-0.03f, -0.03f}, {0.03f, 0.03f}, {0.06f, 0.06f},
                               {0.0f, 0.05f},   {0.05f, 0.0f},    {0.0f, 0.1f},   {0.1f, 0.0f},
                               {-0.03f, 0.03f}, {0.03f, -0.03f},  {0.1f, 0.1f}};
/// Rounds of "levels for this scale and min, then least squares for these levels" from each start.
constexpr int kRounds = 3;
/// Factors on the scale around the best so far, about the middle of the range; two rounds each.
constexpr float kStretches[] = {0.985f, 1.015f, 0.97f, 1.03f};

} // namespace

Affine searchAffine(const Group &group, bool nonPositiveMin) {
  Floats lo = group.x[0], hi = group.x[0];
  for (uint32_t k = 1; k < kGroup; ++k) {
    lo = minOf(lo, group.x[k]);
    hi = maxOf(hi, group.x[k]);
  }
  if (nonPositiveMin)
    lo = minOf(lo, splat(0.0f));
  Floats range = hi - lo, power = splat(0.0f);
  for (uint32_t k = 0; k < kGroup; ++k)
    power += group.w[k] * (group.x[k] - lo) * (group.x[k] - lo);
  // Where squares overflow nothing is judged better than this, and its f16 scale is infinite: the
  // packer then refuses the value.
  Affine best{range * splat(1.0f / 15.0f), lo, splat(std::numeric_limits<float>::infinity())};
  auto improve = [&](Affine fit, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      Moments m = measure(group, fit.scale, fit.min, lo);
      refit(m, lo, nonPositiveMin, fit);
      fit.error = errorOf(m, power, lo, fit);
      keepBetter(best, fit);
    }
  };
  for (const auto &clip : kClips) {
    Floats min = lo + range * splat(clip[0]);
    if (nonPositiveMin)
      min = minOf(min, splat(0.0f));
    improve({(hi - range * splat(clip[1]) - min) * splat(1.0f / 15.0f), min, splat(0.0f)}, kRounds);
  }
  for (float stretch : kStretches) {
    Floats scale = best.scale * splat(stretch);
    Floats min = best.min + (best.scale - scale) * splat(7.5f);
    if (nonPositiveMin)
      min = minOf(min, splat(0.0f));
    improve({scale, min, splat(0.0f)}, 2);
  }
  return best;
}

void affinePair(const Affine *wanted, uint32_t count, float headroom, Floats &d, Floats &dm) {
  Floats maxScale = splat(0.0f), minMin = splat(0.0f);
  for (uint32_t g = 0; g < count; ++g) {
    maxScale = maxOf(maxScale, wanted[g].scale);
    minMin = minOf(minMin, wanted[g].min);
  }
  // Rounded up, so that 255 reaches the largest; small weights make these f16 numbers coarse
  // subnormals.
  d = halfAtLeast(maxScale * splat(headroom / 255.0f));
  dm = -halfAtLeast(-minMin * splat(headroom / 255.0f));
}

void fitUnderPair(const Group &group, const Affine &wanted, Floats d, Floats dm, Floats &sc,
                  Floats &mn, Floats &error) {
  Floats invD = inverse(d), invDm = inverse(dm);
  Floats center = level(wanted.scale * invD, 0.0f, 255.0f);
  sc = center;
  mn = splat(0.0f);
  error = splat(std::numeric_limits<float>::infinity());
  for (float offset : {0.0f, -1.0f, 1.0f}) {
    Floats trial = minOf(maxOf(center + splat(offset), splat(0.0f)), splat(255.0f));
    Floats scale = d * trial;
    Floats min = dm * level(wanted.min * invDm, 0.0f, 255.0f);
    // The best min for these levels is the mean of what they leave over.
    Moments m = measure(group, scale, min, splat(0.0f));
    Floats mean = (m.wy - scale * m.wq) * inverse(m.w);
    Floats trialMn = level(mean * invDm, 0.0f, 255.0f);
    Floats trialError = squaredError(group, scale, dm * trialMn);
    Mask better = trialError < error;
    sc = select(better, trial, sc);
    mn = select(better, trialMn, mn);
    error = select(better, trialError, error);
  }
}

} // namespace axiom::quant
