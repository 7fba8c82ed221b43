#include "compiler/package/RowQuantizer.h"

#include "compiler/package/QuantLanes.h"
#include "compiler/package/SixBitSearch.h"

#include <cstddef>
#include <limits>

namespace axiom {
using namespace quant;

namespace {

/// w = scale * q + min for one group of four rows, and its weighted squared error.
struct Affine {
  Floats scale, min, error;
};

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

/// The 16 levels of a group with the least error that the search finds. Scale and min are not
/// rounded: their rounding to f16, or to q4's pairs, comes after and is small.
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

/// Stores the levels of lanes [first, first + 4) for the final scale and min.
void storeLevels(const Group &group, Floats scale, Floats min, float lo, float hi, uint32_t first,
                 QuantGroup &out) {
  Floats inv = inverse(scale);
  for (uint32_t k = 0; k < kGroup; ++k) {
    Floats q = level((group.x[k] - min) * inv, lo, hi);
    for (uint32_t i = 0; i < kLanes; ++i)
      out.q[k][first + i] = static_cast<uint8_t>(static_cast<int32_t>(q[i]));
  }
}

void quantizeQ4F16(const Group &group, uint32_t first, QuantGroup &out) {
  Affine best = searchAffine(group, /*nonPositiveMin=*/false);
  best.scale = roundToHalf(best.scale);
  best.min = roundToHalf(best.min);
  storeLevels(group, best.scale, best.min, 0.0f, 15.0f, first, out);
  for (uint32_t i = 0; i < kLanes; ++i) {
    out.scale[first + i] = f32ToF16(best.scale[i]);
    out.min[first + i] = f32ToF16(best.min[i]);
  }
}

void quantizeQ8(const Group &group, uint32_t first, QuantGroup &out) {
  Floats amax = splat(0.0f), zero = splat(0.0f);
  for (uint32_t k = 0; k < kGroup; ++k)
    amax = maxOf(amax, maxOf(group.x[k], -group.x[k]));
  Affine best{amax * splat(1.0f / 127.0f), zero, splat(std::numeric_limits<float>::infinity())};
  // The top of the range lands near level 127 - step / 4, then least squares adjusts the scale.
  for (int step = -1; step <= 6; ++step) {
    Floats scale = amax * splat(1.0f / (127.0f - 0.25f * static_cast<float>(step)));
    Floats inv = inverse(scale), wqx = zero, wqq = zero;
    for (uint32_t k = 0; k < kGroup; ++k) {
      Floats q = level(group.x[k] * inv, -127.0f, 127.0f);
      wqx += group.w[k] * q * group.x[k];
      wqq += group.w[k] * q * q;
    }
    Mask solvable = wqq > zero;
    scale = roundToHalf(select(solvable, wqx / select(solvable, wqq, splat(1.0f)), scale));
    inv = inverse(scale);
    Floats error = zero;
    for (uint32_t k = 0; k < kGroup; ++k) {
      Floats e = group.x[k] - level(group.x[k] * inv, -127.0f, 127.0f) * scale;
      error += group.w[k] * e * e;
    }
    keepBetter(best, {scale, zero, error});
  }
  storeLevels(group, best.scale, zero, -127.0f, 127.0f, first, out);
  for (uint32_t i = 0; i < kLanes; ++i)
    out.scale[first + i] = f32ToF16(best.scale[i]);
}

/// A run of up to eight groups under one f16 pair, for four rows.
struct Run {
  Floats d, dm;                          // f16 values
  Floats sc[kRunGroups], mn[kRunGroups]; // 0..255
  Floats error;
};

/// Chooses the 8-bit scale and min of one group under a given pair: scales around the wanted one,
/// and for each the least-squares min.
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

Run searchRun(const Group *groups, uint32_t count) {
  Affine wanted[kRunGroups];
  Floats maxScale = splat(0.0f), minMin = splat(0.0f);
  for (uint32_t g = 0; g < count; ++g) {
    wanted[g] = searchAffine(groups[g], /*nonPositiveMin=*/true);
    maxScale = maxOf(maxScale, wanted[g].scale);
    minMin = minOf(minMin, wanted[g].min);
  }
  Run run;
  run.error = splat(0.0f);
  // Rounded up, so that 255 reaches the largest; small weights make these f16 numbers coarse
  // subnormals.
  run.d = halfAtLeast(maxScale * splat(1.0f / 255.0f));
  run.dm = -halfAtLeast(-minMin * splat(1.0f / 255.0f));
  for (uint32_t g = 0; g < count; ++g) {
    Floats error;
    fitUnderPair(groups[g], wanted[g], run.d, run.dm, run.sc[g], run.mn[g], error);
    run.error += error;
  }
  return run;
}

/// True where some group of the run has positive values only: there a min of the other sign may be
/// better, which is the same search on negated values.
Mask wantsPositiveMin(const Group *groups, uint32_t count) {
  Mask wants{};
  for (uint32_t g = 0; g < count; ++g) {
    Mask positive = groups[g].x[0] > splat(0.0f);
    for (uint32_t k = 1; k < kGroup; ++k)
      positive &= groups[g].x[k] > splat(0.0f);
    wants |= positive;
  }
  return wants;
}

void quantizeQ4(const Group *groups, uint32_t count, uint32_t first, QuantRun &outRun,
                QuantGroup *out) {
  Run best = searchRun(groups, count);
  Mask wants = wantsPositiveMin(groups, count);
  if (any(wants)) {
    Group negated[kRunGroups];
    for (uint32_t g = 0; g < count; ++g)
      for (uint32_t k = 0; k < kGroup; ++k) {
        negated[g].x[k] = -groups[g].x[k];
        negated[g].w[k] = groups[g].w[k];
      }
    Run other = searchRun(negated, count);
    Mask better = (other.error < best.error) & wants;
    best.d = select(better, -other.d, best.d);
    best.dm = select(better, -other.dm, best.dm);
    for (uint32_t g = 0; g < count; ++g) {
      best.sc[g] = select(better, other.sc[g], best.sc[g]);
      best.mn[g] = select(better, other.mn[g], best.mn[g]);
    }
  }
  for (uint32_t g = 0; g < count; ++g) {
    storeLevels(groups[g], best.d * best.sc[g], best.dm * best.mn[g], 0.0f, 15.0f, first, out[g]);
    for (uint32_t i = 0; i < kLanes; ++i) {
      out[g].sc[first + i] = static_cast<uint8_t>(best.sc[g][i]);
      out[g].mn[first + i] = static_cast<uint8_t>(best.mn[g][i]);
    }
  }
  for (uint32_t i = 0; i < kLanes; ++i) {
    outRun.d[first + i] = f32ToF16(best.d[i]);
    outRun.dm[first + i] = f32ToF16(best.dm[i]);
  }
}

/// Columns [begin, begin + 32) of rows first .. first + 3; padding repeats the group's first
/// column.
void loadGroup(const float *rows, uint32_t stride, uint32_t cols, uint32_t first, uint32_t begin,
               const float *importance, Group &group) {
  for (uint32_t k = 0; k < kGroup; ++k) {
    bool real = begin + k < cols;
    uint32_t col = real ? begin + k : begin;
    for (uint32_t i = 0; i < kLanes; ++i)
      group.x[k][i] = rows[(first + i) * size_t(stride) + col];
    group.w[k] = splat(!real ? 0.0f : importance ? importance[col] : 1.0f);
  }
}

} // namespace

void quantizeStripe(AxmFormat format, const float *rows, uint32_t cols, const float *importance,
                    QuantStripe &stripe) {
  auto numGroups = static_cast<uint32_t>(stripe.groups.size());
  uint32_t stride = numGroups * kGroup;
  Group groups[kRunGroups];
  for (uint32_t first = 0; first < kStripe; first += kLanes) {
    for (uint32_t begin = 0; begin < numGroups; begin += kRunGroups) {
      uint32_t count = numGroups - begin < kRunGroups ? numGroups - begin : kRunGroups;
      for (uint32_t g = 0; g < count; ++g)
        loadGroup(rows, stride, cols, first, (begin + g) * kGroup, importance, groups[g]);
      if (format == AXM_FORMAT_Q4)
        quantizeQ4(groups, count, first, stripe.runs[begin / kRunGroups], &stripe.groups[begin]);
      else if (format == AXM_FORMAT_Q6)
        quantizeSixBitRun(groups, count, first, stripe.runs[begin / kRunGroups],
                          &stripe.groups[begin]);
      else
        for (uint32_t g = 0; g < count; ++g)
          format == AXM_FORMAT_Q8 ? quantizeQ8(groups[g], first, stripe.groups[begin + g])
                                  : quantizeQ4F16(groups[g], first, stripe.groups[begin + g]);
    }
  }
  for (uint32_t col = cols; col < stride; ++col)
    for (uint32_t r = 0; r < kStripe; ++r)
      stripe.groups[col / kGroup].q[col % kGroup][r] = format == AXM_FORMAT_Q6 ? 32 : 0;
}

} // namespace axiom
