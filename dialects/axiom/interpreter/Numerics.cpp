#include "dialects/axiom/interpreter/Numerics.h"

#include "runtime/base/Half.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

// Hot loops are compiled a second time for CPUs with AVX2 and FMA. std::fma rounds once in either
// form and nothing is contracted, so the bits are the same; only the speed differs.
#if defined(__x86_64__)
#define AXIOM_HOT(RESULT, NAME, PARAMS, ARGS)                                                      \
  __attribute__((target("avx2,fma"))) static RESULT NAME##Fast PARAMS { return NAME##Body ARGS; }  \
  static RESULT NAME PARAMS { return kFastCpu ? NAME##Fast ARGS : NAME##Body ARGS; }
static const bool kFastCpu = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
#define AXIOM_HOT(RESULT, NAME, PARAMS, ARGS)                                                      \
  static RESULT NAME PARAMS { return NAME##Body ARGS; }
#endif
#define AXIOM_BODY __attribute__((always_inline)) static inline

namespace axiom::numerics {

static constexpr float kMagic = 12582912.0f; // 1.5 * 2^23
static constexpr uint32_t kGroup = AXM_GROUP;

static uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
/// int(t): the integer to which adding kMagic rounded.
static uint32_t magicInt(float t) { return bits(t) - bits(kMagic); }

//===----------------------------------------------------------------------===//
// Elementary functions
//===----------------------------------------------------------------------===//

AXIOM_BODY float expHotBody(float x) {
  float x1 = x > 88.0f ? 88.0f : x;
  float t = std::fma(x1, 0x1.715476p+0f, kMagic);
  float n = t - kMagic;
  float r = std::fma(n, -0x1.62e430p-1f, x1);
  r = std::fma(n, 0x1.05c610p-29f, r);
  float p = 0x1.a01a02p-13f;
  p = std::fma(p, r, 0x1.6c16c2p-10f);
  p = std::fma(p, r, 0x1.111112p-7f);
  p = std::fma(p, r, 0x1.555556p-5f);
  p = std::fma(p, r, 0x1.555556p-3f);
  p = std::fma(p, r, 0.5f);
  p = std::fma(p, r, 1.0f);
  p = std::fma(p, r, 1.0f);
  float y = std::bit_cast<float>(bits(p) + (magicInt(t) << 23));
  if (x != x)
    return x;
  return x < -87.0f ? 0.0f : y;
}
AXIOM_HOT(float, expHot, (float x), (x))

float exp(float x) { return expHot(x); }

float silu(float x) { return x / (1.0f + numerics::exp(-x)); }

void ropeAngle(uint32_t position, float invFreq, float &cosine, float &sine) {
  float a = static_cast<float>(position) * invFreq;
  float t = std::fma(a, 0x1.45f306p-1f, kMagic);
  float n = t - kMagic;
  uint32_t quadrant = bits(t) & 3;
  float r = std::fma(n, -0x1.921fb6p+0f, a);
  r = std::fma(n, 0x1.777a5cp-25f, r);
  float r2 = r * r;
  float p = 0x1.71de3ap-19f;
  p = std::fma(p, r2, -0x1.a01a02p-13f);
  p = std::fma(p, r2, 0x1.111112p-7f);
  p = std::fma(p, r2, -0x1.555556p-3f);
  float s = std::fma(p * r2, r, r);
  p = 0x1.a01a02p-16f;
  p = std::fma(p, r2, -0x1.6c16c2p-10f);
  p = std::fma(p, r2, 0x1.555556p-5f);
  p = std::fma(p, r2, -0.5f);
  float c = std::fma(p, r2, 1.0f);
  switch (quadrant) {
  case 0:
    cosine = c, sine = s;
    break;
  case 1:
    cosine = -s, sine = c;
    break;
  case 2:
    cosine = -c, sine = -s;
    break;
  default:
    cosine = s, sine = -c;
    break;
  }
}

//===----------------------------------------------------------------------===//
// Norm, quantization
//===----------------------------------------------------------------------===//

float joinLanes(float *lanes) {
  for (int w = 32; w >= 1; w /= 2)
    for (int i = 0; i < w; ++i)
      lanes[i] = lanes[i] + lanes[i + w];
  return lanes[0];
}

AXIOM_BODY void squareLanesBody(const float *x, uint32_t n, float *lanes) {
  for (uint32_t i = 0; i < n; ++i)
    lanes[i % 64] = std::fma(x[i], x[i], lanes[i % 64]);
}
AXIOM_HOT(void, squareLanes, (const float *x, uint32_t n, float *lanes), (x, n, lanes))

void rmsNorm(const float *x, const float *gain, uint32_t n, float eps, float *y) {
  float lanes[64] = {};
  squareLanes(x, n, lanes);
  float mean = joinLanes(lanes) / static_cast<float>(n);
  float r = 1.0f / std::sqrt(mean + eps);
  for (uint32_t i = 0; i < n; ++i)
    y[i] = (x[i] * r) * gain[i];
}

float quantizeGroup(const float *x, uint32_t n, int8_t *q) {
  uint32_t most = 0;
  for (uint32_t i = 0; i < n; ++i) {
    uint32_t magnitude = bits(x[i]) & 0x7fffffffu;
    most = magnitude > most ? magnitude : most;
  }
  std::memset(q, 0, n);
  if (most >= 0x7f800000u)
    return std::numeric_limits<float>::quiet_NaN();
  float scale = std::bit_cast<float>(most) / 127.0f;
  if (bits(scale) < 0x00800000u) // zero or subnormal
    return 0.0f;
  for (uint32_t i = 0; i < n; ++i)
    q[i] = static_cast<int8_t>(magicInt((x[i] / scale) + kMagic));
  return scale;
}

QuantizedRows quantizeRows(const float *x, uint32_t rows, uint32_t cols) {
  QuantizedRows out;
  out.rows = rows;
  out.cols = cols;
  out.groups = (cols + kGroup - 1) / kGroup;
  out.q.resize(size_t(rows) * out.groups * kGroup);
  out.scale.resize(size_t(rows) * out.groups);
  out.ssum.resize(size_t(rows) * out.groups);
  for (uint32_t r = 0; r < rows; ++r)
    for (uint32_t g = 0; g < out.groups; ++g) {
      size_t at = size_t(r) * out.groups + g;
      uint32_t n = std::min(kGroup, cols - g * kGroup);
      int8_t *q = out.q.data() + at * kGroup;
      float scale = quantizeGroup(x + size_t(r) * cols + g * kGroup, n, q);
      int32_t asum = 0;
      for (uint32_t i = 0; i < n; ++i)
        asum += q[i];
      out.scale[at] = scale;
      out.ssum[at] = scale * static_cast<float>(asum);
    }
  return out;
}

//===----------------------------------------------------------------------===//
// Linear
//===----------------------------------------------------------------------===//

/// The fixed binary tree over segments [lo, hi).
static float join(const float *segments, size_t lo, size_t hi) {
  if (hi - lo == 1)
    return segments[lo];
  size_t half = std::bit_floor(hi - lo - 1); // the largest power of two below hi - lo
  return join(segments, lo, lo + half) + join(segments, lo + half, hi);
}

/// Boundaries with both ends: 0, cuts, padded K.
static std::vector<uint32_t> boundaries(std::span<const int64_t> cuts, uint32_t padded) {
  std::vector<uint32_t> all{0};
  for (int64_t cut : cuts)
    all.push_back(static_cast<uint32_t>(cut));
  all.push_back(padded);
  return all;
}

/// One segment of one output: groups [begin, end) in order.
AXIOM_BODY float integerSegmentBody(const int8_t *wq, const float *wscale, const float *wmin,
                                    const int8_t *aq, const float *ascale, const float *ssum,
                                    uint32_t begin, uint32_t end) {
  float acc = 0.0f;
  for (uint32_t g = begin; g < end; ++g) {
    int32_t dot = 0;
    for (uint32_t i = 0; i < kGroup; ++i)
      dot += static_cast<int32_t>(wq[g * kGroup + i]) * static_cast<int32_t>(aq[g * kGroup + i]);
    acc = std::fma(static_cast<float>(dot), wscale[g] * ascale[g], acc);
    if (wmin)
      acc = std::fma(wmin[g], ssum[g], acc);
  }
  return acc;
}
AXIOM_HOT(float, integerSegment,
          (const int8_t *wq, const float *wscale, const float *wmin, const int8_t *aq,
           const float *ascale, const float *ssum, uint32_t begin, uint32_t end),
          (wq, wscale, wmin, aq, ascale, ssum, begin, end))

/// The same for q6: the sums of 16 products are weighted by integers.
AXIOM_BODY float sixBitSegmentBody(const int8_t *wq, const int8_t *sub, const float *d,
                                   const int8_t *aq, const float *ascale, uint32_t begin,
                                   uint32_t end) {
  float acc = 0.0f;
  for (uint32_t g = begin; g < end; ++g) {
    int32_t dot[2] = {};
    for (uint32_t i = 0; i < kGroup; ++i)
      dot[i / 16] +=
          static_cast<int32_t>(wq[g * kGroup + i]) * static_cast<int32_t>(aq[g * kGroup + i]);
    int32_t weighted = sub[2 * g] * dot[0] + sub[2 * g + 1] * dot[1]; // below 2^24: exact in f32
    acc = std::fma(static_cast<float>(weighted), d[g] * ascale[g], acc);
  }
  return acc;
}
AXIOM_HOT(float, sixBitSegment,
          (const int8_t *wq, const int8_t *sub, const float *d, const int8_t *aq,
           const float *ascale, uint32_t begin, uint32_t end),
          (wq, sub, d, aq, ascale, begin, end))

void linear(const QuantizedRows &x, const LogicalWeight &w, std::span<const int64_t> cuts,
            const float *bias, float *y) {
  uint32_t groups = x.groups;
  std::vector<uint32_t> bounds = boundaries(cuts, groups * kGroup);
  std::vector<float> segments(bounds.size() - 1);
  for (uint32_t n = 0; n < w.rows; ++n) {
    const int8_t *wq = w.q.data() + size_t(n) * groups * kGroup;
    const float *wscale = w.wscale.data() + size_t(n) * groups;
    const float *wmin = w.wmin.empty() ? nullptr : w.wmin.data() + size_t(n) * groups;
    const int8_t *sub = w.sub.empty() ? nullptr : w.sub.data() + size_t(n) * groups * 2;
    for (uint32_t t = 0; t < x.rows; ++t) {
      size_t row = size_t(t) * groups;
      const int8_t *aq = x.q.data() + row * kGroup;
      const float *ascale = x.scale.data() + row, *ssum = x.ssum.data() + row;
      for (size_t s = 0; s < segments.size(); ++s) {
        uint32_t begin = bounds[s] / kGroup, end = bounds[s + 1] / kGroup;
        segments[s] = sub ? sixBitSegment(wq, sub, wscale, aq, ascale, begin, end)
                          : integerSegment(wq, wscale, wmin, aq, ascale, ssum, begin, end);
      }
      float sum = join(segments.data(), 0, segments.size());
      y[size_t(t) * w.rows + n] = bias ? sum + bias[n] : sum;
    }
  }
}

/// One segment of `count` <= 8 neighbouring outputs, each a serial chain over k.
AXIOM_BODY void floatSegmentBody(const float *w, size_t stride, uint32_t count, const float *x,
                                 uint32_t begin, uint32_t end, float *out) {
  if (count == 8) {
    float acc[8] = {};
    for (uint32_t k = begin; k < end; ++k)
      for (int r = 0; r < 8; ++r)
        acc[r] = std::fma(w[r * stride + k], x[k], acc[r]);
    std::memcpy(out, acc, sizeof acc);
    return;
  }
  for (uint32_t r = 0; r < count; ++r) {
    float acc = 0.0f;
    for (uint32_t k = begin; k < end; ++k)
      acc = std::fma(w[r * stride + k], x[k], acc);
    out[r] = acc;
  }
}
AXIOM_HOT(void, floatSegment,
          (const float *w, size_t stride, uint32_t count, const float *x, uint32_t begin,
           uint32_t end, float *out),
          (w, stride, count, x, begin, end, out))

void linear(const float *x, uint32_t rows, const LogicalWeight &w, std::span<const int64_t> cuts,
            const float *bias, float *y) {
  uint32_t padded = (w.cols + kGroup - 1) / kGroup * kGroup;
  std::vector<uint32_t> bounds = boundaries(cuts, padded);
  size_t count = bounds.size() - 1;
  std::vector<float> bySegment(count * 8), segments(count), input(padded);
  for (uint32_t n = 0; n < w.rows; n += 8) {
    uint32_t some = std::min(8u, w.rows - n);
    for (uint32_t t = 0; t < rows; ++t) {
      std::memcpy(input.data(), x + size_t(t) * w.cols, w.cols * sizeof(float));
      for (size_t s = 0; s < count; ++s)
        floatSegment(w.values.data() + size_t(n) * padded, padded, some, input.data(), bounds[s],
                     bounds[s + 1], bySegment.data() + s * 8);
      for (uint32_t r = 0; r < some; ++r) {
        for (size_t s = 0; s < count; ++s)
          segments[s] = bySegment[s * 8 + r];
        float sum = join(segments.data(), 0, count);
        y[size_t(t) * w.rows + n + r] = bias ? sum + bias[n + r] : sum;
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Embedding, rope
//===----------------------------------------------------------------------===//

void embedding(const LogicalWeight &table, uint32_t id, float *out) {
  uint32_t groups = (table.cols + kGroup - 1) / kGroup;
  for (uint32_t i = 0; i < table.cols; ++i) {
    size_t at = size_t(id) * groups * kGroup + i, group = size_t(id) * groups + i / kGroup;
    if (!table.values.empty())
      out[i] = table.values[at];
    else if (!table.sub.empty())
      out[i] = (table.wscale[group] * static_cast<float>(table.sub[2 * group + i % kGroup / 16])) *
               static_cast<float>(table.q[at]);
    else if (table.wmin.empty())
      out[i] = static_cast<float>(table.q[at]) * table.wscale[group];
    else
      out[i] = std::fma(static_cast<float>(table.q[at]), table.wscale[group], table.wmin[group]);
  }
}

void rope(float *row, uint32_t width, std::span<const float> invFreq, uint32_t position) {
  size_t half = invFreq.size();
  for (size_t i = 0; i < half; ++i) {
    float c, s;
    ropeAngle(position, invFreq[i], c, s);
    for (size_t head = 0; head < width; head += 2 * half) {
      float a = row[head + i], b = row[head + i + half];
      row[head + i] = (a * c) - (b * s);
      row[head + i + half] = (b * c) + (a * s);
    }
  }
}

//===----------------------------------------------------------------------===//
// KV, attention
//===----------------------------------------------------------------------===//

void KvStore::write(uint32_t position, const float *keys, const float *values) {
  size_t width = size_t(heads) * dim;
  if (position >= length()) {
    k.resize((position + size_t(1)) * width);
    v.resize(k.size());
    kscale.resize((position + size_t(1)) * heads);
    vscale.resize(kscale.size());
  }
  std::vector<int8_t> q(dim);
  auto store = [&](const float *in, float *out, float *scale) {
    for (uint32_t h = 0; h < heads; ++h) {
      if (type == AXM_KV_INT8)
        scale[h] = quantizeGroup(in + h * dim, dim, q.data());
      for (uint32_t d = 0; d < dim; ++d) {
        float value = in[h * dim + d];
        out[h * dim + d] = type == AXM_KV_INT8  ? static_cast<float>(q[d])
                           : type == AXM_KV_F16 ? f16ToF32(f32ToF16(value))
                                                : value;
      }
    }
  };
  store(keys, k.data() + position * width, kscale.data() + size_t(position) * heads);
  store(values, v.data() + position * width, vscale.data() + size_t(position) * heads);
}

/// A serial chain over d.
AXIOM_BODY float dotChainBody(const float *a, const float *b, uint32_t n) {
  float acc = 0.0f;
  for (uint32_t d = 0; d < n; ++d)
    acc = std::fma(a[d], b[d], acc);
  return acc;
}
AXIOM_HOT(float, dotChain, (const float *a, const float *b, uint32_t n), (a, b, n))

/// One link of n chains.
AXIOM_BODY void addWeightedBody(float weight, const float *value, uint32_t n, float *acc) {
  for (uint32_t d = 0; d < n; ++d)
    acc[d] = std::fma(weight, value[d], acc[d]);
}
AXIOM_HOT(void, addWeighted, (float weight, const float *value, uint32_t n, float *acc),
          (weight, value, n, acc))

namespace {
/// (M, L, O) of the blocks or spans folded so far.
struct Fold {
  explicit Fold(uint32_t dim) : output(dim, 0.0f) {}
  void add(float m, float l, const std::vector<float> &o) {
    float joint = m > max ? m : max;
    float a = numerics::exp(max - joint), b = numerics::exp(m - joint);
    sum = std::fma(sum, a, l * b);
    for (size_t d = 0; d < output.size(); ++d)
      output[d] = std::fma(output[d], a, o[d] * b);
    max = joint;
  }
  float max = -std::numeric_limits<float>::infinity(), sum = 0.0f;
  std::vector<float> output;
};
} // namespace

static void attentionHead(const float *q, const KvStore &kv, uint32_t kvHead, uint32_t position,
                          uint32_t window, float *out) {
  constexpr uint32_t kBlock = AXM_KV_BLOCK, kSpan = AXM_ATTENTION_SPAN;
  const float kInf = std::numeric_limits<float>::infinity();
  uint32_t dim = kv.dim;
  size_t width = size_t(kv.heads) * dim;
  bool int8 = kv.type == AXM_KV_INT8;
  uint32_t first = window != 0 && position >= window ? position - window + 1 : 0;
  std::vector<float> fresh(dim);
  Fold whole(dim);
  for (uint32_t span = first / kSpan; span <= position / kSpan; ++span) {
    Fold inner(dim);
    uint32_t from = std::max(first / kBlock, span * (kSpan / kBlock));
    uint32_t until = std::min(position / kBlock + 1, (span + 1) * (kSpan / kBlock));
    for (uint32_t block = from; block < until; ++block) {
      float s[kBlock], w[kBlock] = {};
      float most = -kInf;
      uint32_t begin = std::max(first, block * kBlock);
      uint32_t end = std::min(position + 1, block * kBlock + kBlock);
      for (uint32_t j = begin; j < end; ++j) {
        const float *key = kv.k.data() + j * width + kvHead * dim;
        float acc = dotChain(q, key, dim);
        if (int8)
          acc = acc * kv.kscale[size_t(j) * kv.heads + kvHead];
        s[j % kBlock] = acc;
        most = acc > most ? acc : most;
      }
      std::fill(fresh.begin(), fresh.end(), 0.0f);
      for (uint32_t j = begin; j < end; ++j) {
        float weight = numerics::exp(s[j % kBlock] - most);
        w[j % kBlock] = weight;
        if (int8)
          weight = weight * kv.vscale[size_t(j) * kv.heads + kvHead];
        addWeighted(weight, kv.v.data() + j * width + kvHead * dim, dim, fresh.data());
      }
      inner.add(most, joinLanes(w), fresh);
    }
    whole.add(inner.max, inner.sum, inner.output);
  }
  float r = 1.0f / whole.sum;
  for (uint32_t d = 0; d < dim; ++d)
    out[d] = std::fma(whole.output[d], r, 0.0f);
}

void attention(const float *q, uint32_t heads, const KvStore &kv, uint32_t position,
               uint32_t window, float *out) {
  uint32_t share = heads / kv.heads;
  for (uint32_t h = 0; h < heads; ++h)
    attentionHead(q + size_t(h) * kv.dim, kv, h / share, position, window,
                  out + size_t(h) * kv.dim);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void tiles(const float *logits, uint32_t vocab, AxmTile *out) {
  for (uint32_t begin = 0; begin < vocab; begin += AXM_TILE_IDS, ++out) {
    uint32_t end = std::min(vocab, begin + AXM_TILE_IDS);
    uint32_t best = begin;
    for (uint32_t i = begin + 1; i < end; ++i)
      if (logits[i] > logits[best])
        best = i;
    float lanes[64] = {};
    for (uint32_t i = begin; i < end; ++i)
      lanes[i % 64] = lanes[i % 64] + numerics::exp(logits[i] - logits[best]);
    *out = {logits[best], static_cast<int32_t>(best), joinLanes(lanes), 0};
    if (std::any_of(logits + begin, logits + end, [](float l) { return !std::isfinite(l); })) {
      float nan = std::bit_cast<float>(0x7fc00000u);
      *out = {nan, static_cast<int32_t>(begin), nan, 0};
    }
  }
}

} // namespace axiom::numerics
