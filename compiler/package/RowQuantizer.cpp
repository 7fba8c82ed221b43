#include "compiler/package/RowQuantizer.h"

#include "compiler/package/AffineSearch.h"
#include "compiler/package/SymmetricSearch.h"

namespace axiom {
using namespace quant;

namespace {

/// How values become levels: q = the integer in [low, high] nearest to (x - min) / scale.
struct Levels {
  Floats scale, min;
  float low, high;
};

/// With feedback the scales of a run grow a little after its factors are chosen.
constexpr float kHeadroom = 1.06f;

/// Four rows of a stripe on their way through, run by run and group by group.
class FourRows {
public:
  FourRows(AxmFormat format, const float *rows, uint32_t cols, uint32_t first,
           const QuantGuide &guide, QuantStripe &stripe)
      : format_(format), rows_(rows), cols_(cols), first_(first), guide_(guide), stripe_(stripe),
        groups_(static_cast<uint32_t>(stripe.groups.size())) {
    if (guide.feedback)
      errors_.resize(size_t(groups_) * kGroup);
  }

  void quantize() {
    for (uint32_t begin = 0; begin < groups_; begin += kRunGroups)
      quantizeRun(begin, groups_ - begin < kRunGroups ? groups_ - begin : kRunGroups);
  }

private:
  void quantizeRun(uint32_t begin, uint32_t count);
  void quantizeQ4Run(uint32_t begin, uint32_t count);
  void quantizeQ6Run(uint32_t begin, uint32_t count);
  void load(uint32_t begin, uint32_t count);
  void addFeedback(uint32_t from, uint32_t until, uint32_t g, uint32_t numGroups);
  void beginGroup(uint32_t begin, uint32_t g);
  void store(uint32_t group, Group &values, uint32_t from, uint32_t until, const Levels &levels);

  AxmFormat format_;
  const float *rows_;
  uint32_t cols_, first_;
  const QuantGuide &guide_;
  QuantStripe &stripe_;
  uint32_t groups_;
  Group run_[kRunGroups];      ///< the columns of the current run, with the feedback so far
  std::vector<Floats> errors_; ///< feedback: source minus stored value of each column so far
};

/// Loads the groups of a run. Padding repeats the group's first column with weight 0.
void FourRows::load(uint32_t begin, uint32_t count) {
  uint32_t stride = groups_ * kGroup;
  const float *weights = guide_.feedback ? guide_.feedback->cost.data() : guide_.importance;
  for (uint32_t g = 0; g < count; ++g)
    for (uint32_t k = 0; k < kGroup; ++k) {
      uint32_t col = (begin + g) * kGroup + k;
      bool real = col < cols_;
      uint32_t from = real ? col : (begin + g) * kGroup;
      for (uint32_t i = 0; i < kLanes; ++i)
        run_[g].x[k][i] = rows_[(first_ + i) * size_t(stride) + from];
      run_[g].w[k] = splat(!real ? 0.0f : weights ? weights[col] : 1.0f);
    }
  if (guide_.feedback)
    addFeedback(0, begin * kGroup, begin, count);
}

/// Adds the feedback of the errors of columns [from, until) to `numGroups` groups of the run from
/// group g (counted from column 0) on.
void FourRows::addFeedback(uint32_t from, uint32_t until, uint32_t g, uint32_t numGroups) {
  for (uint32_t i = 0; i < numGroups; ++i) {
    Group &group = run_[(g + i) % kRunGroups];
    for (uint32_t block = 0; block < kGroup; block += 8) {
      Floats sum[8];
      for (uint32_t k = 0; k < 8; ++k)
        sum[k] = group.x[block + k];
      const float *u = guide_.feedback->row(from) + (g + i) * kGroup + block;
      for (uint32_t j = from; j < until; ++j, u += guide_.feedback->size) {
        Floats error = errors_[j];
        for (uint32_t k = 0; k < 8; ++k)
          sum[k] += error * splat(u[k]);
      }
      for (uint32_t k = 0; k < 8; ++k)
        group.x[block + k] = sum[k];
    }
  }
}

/// Brings group g of the run up to date with the errors of the groups before it in the run.
void FourRows::beginGroup(uint32_t begin, uint32_t g) {
  if (guide_.feedback && g > 0)
    addFeedback(begin * kGroup, (begin + g) * kGroup, begin + g, 1);
}

/// Stores the levels of columns [from, until) of a group; with feedback each column's error goes
/// on to the columns after it in the group.
void FourRows::store(uint32_t group, Group &values, uint32_t from, uint32_t until,
                     const Levels &levels) {
  Floats inv = inverse(levels.scale);
  int32_t code = format_ == AXM_FORMAT_Q6 ? 32 : 0;
  QuantGroup &out = stripe_.groups[group];
  for (uint32_t k = from; k < until; ++k) {
    Floats q = level((values.x[k] - levels.min) * inv, levels.low, levels.high);
    for (uint32_t i = 0; i < kLanes; ++i)
      out.q[k][first_ + i] = static_cast<uint8_t>(static_cast<int32_t>(q[i]) + code);
    uint32_t col = group * kGroup + k;
    if (!guide_.feedback || col >= cols_)
      continue;
    Floats error;
    for (uint32_t i = 0; i < kLanes; ++i)
      error[i] = rows_[(first_ + i) * size_t(groups_) * kGroup + col];
    error = error - (q * levels.scale + levels.min);
    errors_[col] = error;
    const float *u = guide_.feedback->row(col) + group * kGroup;
    for (uint32_t later = k + 1; later < kGroup; ++later)
      values.x[later] += error * splat(u[later]);
  }
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

Group times(const Group &group, Floats sign) {
  Group out = group;
  for (uint32_t k = 0; k < kGroup; ++k)
    out.x[k] = group.x[k] * sign;
  return out;
}

/// The factors of a q4 run, and what they give without feedback.
struct AffineRun {
  Floats d, dm; ///< f16 values
  Affine wanted[kRunGroups];
  Floats sc[kRunGroups], mn[kRunGroups]; ///< 0..255
  Floats error;
};

AffineRun searchRun(const Group *groups, uint32_t count, Floats sign, float headroom) {
  AffineRun run;
  run.error = splat(0.0f);
  Group values[kRunGroups];
  for (uint32_t g = 0; g < count; ++g)
    values[g] = times(groups[g], sign);
  searchAffine(values, count, /*nonPositiveMin=*/true, run.wanted);
  affinePair(run.wanted, count, headroom, run.d, run.dm);
  for (uint32_t g = 0; g < count; ++g) {
    Floats error;
    fitUnderPair(values[g], run.wanted[g], run.d, run.dm, run.sc[g], run.mn[g], error);
    run.error += error;
  }
  return run;
}

void FourRows::quantizeQ4Run(uint32_t begin, uint32_t count) {
  float headroom = guide_.feedback ? kHeadroom : 1.0f;
  Floats sign = splat(1.0f);
  AffineRun best = searchRun(run_, count, sign, headroom);
  Mask wants = wantsPositiveMin(run_, count);
  if (any(wants)) {
    AffineRun other = searchRun(run_, count, splat(-1.0f), headroom);
    Mask better = (other.error < best.error) & wants;
    sign = select(better, splat(-1.0f), sign);
    best.d = select(better, other.d, best.d);
    best.dm = select(better, other.dm, best.dm);
    for (uint32_t g = 0; g < count; ++g) {
      best.sc[g] = select(better, other.sc[g], best.sc[g]);
      best.mn[g] = select(better, other.mn[g], best.mn[g]);
    }
  }
  for (uint32_t g = 0; g < count; ++g) {
    QuantGroup &out = stripe_.groups[begin + g];
    beginGroup(begin, g);
    if (guide_.feedback) {
      Group mine = times(run_[g], sign);
      Affine wanted;
      searchAffine(&mine, 1, /*nonPositiveMin=*/true, &wanted);
      Floats error;
      fitUnderPair(mine, wanted, best.d, best.dm, best.sc[g], best.mn[g], error);
    }
    for (uint32_t i = 0; i < kLanes; ++i) {
      out.sc[first_ + i] = static_cast<uint8_t>(best.sc[g][i]);
      out.mn[first_ + i] = static_cast<uint8_t>(best.mn[g][i]);
    }
    store(begin + g, run_[g], 0, kGroup,
          {sign * best.d * best.sc[g], sign * best.dm * best.mn[g], 0.0f, 15.0f});
  }
  QuantRun &out = stripe_.runs[begin / kRunGroups];
  for (uint32_t i = 0; i < kLanes; ++i) {
    out.d[first_ + i] = f32ToF16(sign[i] * best.d[i]);
    out.dm[first_ + i] = f32ToF16(sign[i] * best.dm[i]);
  }
}

void FourRows::quantizeQ6Run(uint32_t begin, uint32_t count) {
  Floats wanted[2 * kRunGroups];
  for (uint32_t i = 0; i < 2 * count; ++i)
    wanted[i] = searchSixBitScale(run_[i / 2], i % 2 * kHalfGroup);
  Floats d = sixBitFactor(wanted, 2 * count, guide_.feedback ? kHeadroom : 1.0f);
  for (uint32_t i = 0; i < 2 * count; ++i) {
    uint32_t g = i / 2, from = i % 2 * kHalfGroup;
    QuantGroup &out = stripe_.groups[begin + g];
    if (from == 0)
      beginGroup(begin, g);
    if (guide_.feedback)
      wanted[i] = searchSixBitScale(run_[g], from);
    Floats s = fitSixBitScale(run_[g], from, wanted[i], d);
    for (uint32_t lane = 0; lane < kLanes; ++lane)
      (from ? out.mn : out.sc)[first_ + lane] = static_cast<uint8_t>(static_cast<int8_t>(s[lane]));
    store(begin + g, run_[g], from, from + kHalfGroup,
          {d * s, splat(0.0f), kSixBitLow, kSixBitHigh});
  }
  for (uint32_t lane = 0; lane < kLanes; ++lane)
    stripe_.runs[begin / kRunGroups].d[first_ + lane] = f32ToF16(d[lane]);
}

void FourRows::quantizeRun(uint32_t begin, uint32_t count) {
  load(begin, count);
  if (format_ == AXM_FORMAT_Q4)
    return quantizeQ4Run(begin, count);
  if (format_ == AXM_FORMAT_Q6)
    return quantizeQ6Run(begin, count);
  Affine found[kRunGroups];
  bool together =
      format_ == AXM_FORMAT_Q4F16 && !guide_.feedback; // else a group needs those before
  if (together)
    searchAffine(run_, count, /*nonPositiveMin=*/false, found);
  for (uint32_t g = 0; g < count; ++g) {
    beginGroup(begin, g);
    Levels levels{splat(0.0f), splat(0.0f), -127.0f, 127.0f};
    if (format_ == AXM_FORMAT_Q8) {
      levels.scale = searchEightBitScale(run_[g]);
    } else {
      if (!together)
        searchAffine(&run_[g], 1, /*nonPositiveMin=*/false, &found[g]);
      levels = {roundToHalf(found[g].scale), roundToHalf(found[g].min), 0.0f, 15.0f};
    }
    QuantGroup &out = stripe_.groups[begin + g];
    for (uint32_t i = 0; i < kLanes; ++i) {
      out.scale[first_ + i] = f32ToF16(levels.scale[i]);
      out.min[first_ + i] = format_ == AXM_FORMAT_Q8 ? 0 : f32ToF16(levels.min[i]);
    }
    store(begin + g, run_[g], 0, kGroup, levels);
  }
}

} // namespace

void quantizeStripe(AxmFormat format, const float *rows, uint32_t cols, const QuantGuide &guide,
                    QuantStripe &stripe) {
  for (uint32_t first = 0; first < kStripe; first += kLanes)
    FourRows(format, rows, cols, first, guide, stripe).quantize();
  for (uint32_t col = cols; col < stripe.groups.size() * kGroup; ++col)
    for (uint32_t r = 0; r < kStripe; ++r)
      stripe.groups[col / kGroup].q[col % kGroup][r] = format == AXM_FORMAT_Q6 ? 32 : 0;
}

} // namespace axiom
