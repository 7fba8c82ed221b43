#include "compiler/package/AffineSearch.h"

#include <cstring>
#include <limits>

namespace axiom::quant {

namespace {

using Wide = float __attribute__((vector_size(2 * sizeof(Floats))));

// The search is written once for vectors of one group (Floats) and of two (Wide).

/// 32 columns; y = x - shift, and what sums over a group do not depend on the levels.
template <class V> struct Columns {
  V x[kGroup], w[kGroup], y[kGroup];
  V shift, sumW, sumWy;
};

/// Sums over a group of the levels q that a scale and a min give.
template <class V> struct Moments {
  V wq, wqq, wqy;
};

AXIOM_ANY_WIDTH void setShift(const V &shift, Columns<V> &c) {
  c.shift = shift;
  c.sumW = c.sumWy = V{};
  for (uint32_t k = 0; k < kGroup; ++k) {
    c.y[k] = c.x[k] - shift;
    c.sumW += c.w[k];
    c.sumWy += c.w[k] * c.y[k];
  }
}

AXIOM_ANY_WIDTH void measure(const Columns<V> &c, const V &scale, const V &min, Moments<V> &m) {
  V inv;
  invert(scale, inv);
  m.wq = m.wqq = m.wqy = V{};
  for (uint32_t k = 0; k < kGroup; ++k) {
    V q = (c.x[k] - min) * inv;
    toLevel(q, 0.0f, 15.0f);
    V wq = c.w[k] * q;
    m.wq += wq;
    m.wqq += wq * q;
    m.wqy += wq * c.y[k];
  }
}

/// The least-squares scale and min for fixed levels; unchanged where all levels are equal.
/// `nonPositiveMin` keeps min <= 0 (q4, where the mins of a run share their sign).
AXIOM_ANY_WIDTH void refit(const Columns<V> &c, const Moments<V> &m, bool nonPositiveMin,
                           AffineFit<V> &fit) {
  const V zero{};
  V det = c.sumW * m.wqq - m.wq * m.wq;
  auto solvable = det > zero;
  V inv = 1.0f / (solvable ? det : zero + 1.0f);
  V scale = (c.sumW * m.wqy - m.wq * c.sumWy) * inv;
  V min = (m.wqq * c.sumWy - m.wq * m.wqy) * inv + c.shift;
  if (nonPositiveMin) {
    // On the bound min = 0 the best scale is sum(wqx) / sum(wqq), with x = y + shift.
    auto over = min > zero;
    min = over ? zero : min;
    V invWqq;
    invert(m.wqq, invWqq);
    scale = over ? (m.wqy + c.shift * m.wq) * invWqq : scale;
  }
  fit.scale = solvable ? scale : fit.scale;
  fit.min = solvable ? min : fit.min;
}

/// Sets the error of those levels under `fit`, from their moments and power = sum(wyy).
AXIOM_ANY_WIDTH void judge(const Columns<V> &c, const Moments<V> &m, const V &power,
                           AffineFit<V> &fit) {
  V min = fit.min - c.shift;
  fit.error = power + fit.scale * (fit.scale * m.wqq + 2.0f * (min * m.wq - m.wqy)) +
              min * (min * c.sumW - 2.0f * c.sumWy);
}

AXIOM_ANY_WIDTH void keepBetter(const AffineFit<V> &candidate, AffineFit<V> &best) {
  auto better = candidate.error < best.error;
  best.scale = better ? candidate.scale : best.scale;
  best.min = better ? candidate.min : best.min;
  best.error = better ? candidate.error : best.error;
}

/// Rounds of "levels for this scale and min, then least squares for these levels".
AXIOM_ANY_WIDTH void improve(const Columns<V> &c, const V &power, bool nonPositiveMin, int rounds,
                             AffineFit<V> &fit, AffineFit<V> &best) {
  for (int round = 0; round < rounds; ++round) {
    Moments<V> m;
    measure(c, fit.scale, fit.min, m);
    refit(c, m, nonPositiveMin, fit);
    judge(c, m, power, fit);
    keepBetter(fit, best);
  }
}

/// Shares of the range that are cut off below and above where the search starts; a negative share
/// widens the range.
constexpr float kClips[][2] = {{0.0f, 0.0f},    {-0.03f, -0.03f}, {0.03f, 0.03f}, {0.06f, 0.06f},
                               {0.0f, 0.05f},   {0.05f, 0.0f},    {0.0f, 0.1f},   {0.1f, 0.0f},
                               {-0.03f, 0.03f}, {0.03f, -0.03f},  {0.1f, 0.1f}};
constexpr int kRounds = 3; ///< from each of them
/// Factors on the scale around the best so far, about the middle of the range; two rounds each.
constexpr float kStretches[] = {0.985f, 1.015f, 0.97f, 1.03f};

/// Searches the columns' x and w.
AXIOM_ANY_WIDTH void search(Columns<V> &c, bool nonPositiveMin, AffineFit<V> &best) {
  const V zero{};
  V lo = c.x[0], hi = c.x[0];
  for (uint32_t k = 1; k < kGroup; ++k) {
    lo = lo < c.x[k] ? lo : c.x[k];
    hi = hi > c.x[k] ? hi : c.x[k];
  }
  if (nonPositiveMin)
    lo = lo < zero ? lo : zero;
  setShift(lo, c);
  V range = hi - lo, power = zero;
  for (uint32_t k = 0; k < kGroup; ++k)
    power += c.w[k] * c.y[k] * c.y[k];
  // Where squares overflow nothing is judged better than this, and its f16 scale is infinite: the
  // packer then refuses the value.
  best = {range * (1.0f / 15.0f), lo, zero + std::numeric_limits<float>::infinity()};
  for (const auto &clip : kClips) {
    V min = lo + range * clip[0];
    if (nonPositiveMin)
      min = min < zero ? min : zero;
    AffineFit<V> fit{(hi - range * clip[1] - min) * (1.0f / 15.0f), min, zero};
    improve(c, power, nonPositiveMin, kRounds, fit, best);
  }
  for (float stretch : kStretches) {
    V scale = best.scale * stretch;
    V min = best.min + (best.scale - scale) * 7.5f;
    if (nonPositiveMin)
      min = min < zero ? min : zero;
    AffineFit<V> fit{scale, min, zero};
    improve(c, power, nonPositiveMin, 2, fit, best);
  }
}

void searchOne(const Group &group, bool nonPositiveMin, Affine &out) {
  Columns<Floats> c;
  std::memcpy(c.x, group.x, sizeof c.x);
  std::memcpy(c.w, group.w, sizeof c.w);
  search(c, nonPositiveMin, out);
}

#if defined(__x86_64__)
/// Two groups side by side.
__attribute__((target("avx2"))) void searchTwo(const Group *groups, bool nonPositiveMin,
                                               Affine *out) {
  Columns<Wide> c;
  for (uint32_t k = 0; k < kGroup; ++k)
    for (uint32_t g = 0; g < 2; ++g) {
      std::memcpy(reinterpret_cast<char *>(&c.x[k]) + g * sizeof(Floats), &groups[g].x[k],
                  sizeof(Floats));
      std::memcpy(reinterpret_cast<char *>(&c.w[k]) + g * sizeof(Floats), &groups[g].w[k],
                  sizeof(Floats));
    }
  AffineFit<Wide> best;
  search(c, nonPositiveMin, best);
  for (uint32_t g = 0; g < 2; ++g)
    for (uint32_t i = 0; i < kLanes; ++i) {
      out[g].scale[i] = best.scale[g * kLanes + i];
      out[g].min[i] = best.min[g * kLanes + i];
      out[g].error[i] = best.error[g * kLanes + i];
    }
}
const bool kWide = __builtin_cpu_supports("avx2");
#endif

Floats squaredError(const Group &group, Floats scale, Floats min) {
  Floats inv = inverse(scale), error = splat(0.0f);
  for (uint32_t k = 0; k < kGroup; ++k) {
    Floats q = level((group.x[k] - min) * inv, 0.0f, 15.0f);
    Floats e = group.x[k] - (q * scale + min);
    error += group.w[k] * e * e;
  }
  return error;
}

} // namespace

void searchAffine(const Group *groups, uint32_t count, bool nonPositiveMin, Affine *out) {
  uint32_t g = 0;
#if defined(__x86_64__)
  for (; kWide && g + 2 <= count; g += 2)
    searchTwo(groups + g, nonPositiveMin, out + g);
#endif
  for (; g < count; ++g)
    searchOne(groups[g], nonPositiveMin, out[g]);
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
  Columns<Floats> c;
  std::memcpy(c.x, group.x, sizeof c.x);
  std::memcpy(c.w, group.w, sizeof c.w);
  setShift(splat(0.0f), c);
  Floats invW = inverse(c.sumW);
  sc = center;
  mn = splat(0.0f);
  error = splat(std::numeric_limits<float>::infinity());
  for (float offset : {0.0f, -1.0f, 1.0f}) {
    Floats trial = minOf(maxOf(center + splat(offset), splat(0.0f)), splat(255.0f));
    Floats scale = d * trial;
    Floats min = dm * level(wanted.min * invDm, 0.0f, 255.0f);
    // The best min for these levels is the mean of what they leave over.
    Moments<Floats> m;
    measure(c, scale, min, m);
    Floats mean = (c.sumWy - scale * m.wq) * invW;
    Floats trialMn = level(mean * invDm, 0.0f, 255.0f);
    Floats trialError = squaredError(group, scale, dm * trialMn);
    Mask better = trialError < error;
    sc = select(better, trial, sc);
    mn = select(better, trialMn, mn);
    error = select(better, trialError, error);
  }
}

} // namespace axiom::quant
