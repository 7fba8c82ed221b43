// The products of a linear: 16 rows (two stripes) of a weight tensor by 8 * tiles tokens for each
// warp, as integer matrix products of a group of 32 along K and the f32 step behind each
// (docs/numerics.md, linear). The stripes' bytes are fragments as they lie: a lane's word of a
// group is at 32 * (lane % 4) + 4 * (lane / 4).
//
// A lane's results are those of a C fragment: [0], [1]: row lane / 4, tokens 2 * (lane % 4) and the
// next; [2], [3]: row lane / 4 + 8.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_PRODUCTS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_PRODUCTS_H

#include "codegen/cuda/kernels/Launch.h"
#include "codegen/cuda/kernels/Recipes.h"
#include "codegen/cuda/kernels/Rows.h"

namespace axiom::device {

template <u32 tiles> struct Results {
  float v[tiles][4];
};

/// Where a warp reads: two stripes (the same one twice where a tensor ends with a single one), and
/// rows of the input, of which those past the last token repeat it.
template <u32 tiles> struct Sources {
  const u8 *stripes[2];
  const u8 *columns[tiles];  ///< the row of token lane / 4 of each tile, for the B fragment
  const u8 *pairs[tiles][2]; ///< the rows of the lane's two tokens
};

/// A group of two stripes: A fragments and the scales of the lane's two rows.
struct GroupWeights {
  Words4 a;
  float scale[2], min[2];
  i32 second[2]; ///< Q6: the small scales of the last 16 columns
  i32 first[2];
};

template <Format format>
AXIOM_DEVICE GroupWeights loadGroup(const u8 *const (&stripes)[2], u32 offset, GroupPlace place) {
  u32 g = laneIndex() / 4, t = laneIndex() % 4, word = 32 * t + 4 * g;
  GroupWeights w = {};
  u32 low[2], high[2];
  for (u32 s = 0; s < 2; ++s) {
    const u8 *run = stripes[s] + offset + place.run, *at = stripes[s] + offset + place.group;
    if constexpr (format == Format::Q8) {
      low[s] = loadOnce<u32>(at + 16 + word);
      high[s] = loadOnce<u32>(at + 16 + 128 + word);
      w.scale[s] = loadHalf(at + 2 * g);
    } else {
      constexpr u32 header = format == Format::Q4F16 ? 32 : 16;
      u32 nibbles = loadOnce<u32>(at + header + word);
      low[s] = nibbles & 0x0f0f0f0fu;
      high[s] = nibbles >> 4 & 0x0f0f0f0fu;
      if constexpr (format == Format::Q4F16) {
        w.scale[s] = loadHalf(at + 2 * g);
        w.min[s] = loadHalf(at + 16 + 2 * g);
      } else if constexpr (format == Format::Q4) {
        w.scale[s] = mul(loadHalf(run + 2 * g), toFloat(loadConstant<u8>(at + g)));
        w.min[s] = mul(loadHalf(run + 16 + 2 * g), toFloat(loadConstant<u8>(at + 8 + g)));
      } else {
        w.scale[s] = loadHalf(run + 2 * g);
        w.first[s] = loadConstant<i8>(at + g);
        w.second[s] = loadConstant<i8>(at + 8 + g);
        // The codes' high bits; then code - 32 as signed bytes, without a borrow between them.
        u32 firstHigh = loadConstant<u32>(at + 144 + 4 * g) >> 2 * t & 0x03030303u;
        u32 lastHigh = loadConstant<u32>(at + 176 + 4 * g) >> 2 * t & 0x03030303u;
        auto signedBytes = [](u32 codes) {
          return ((codes | 0x80808080u) - 0x20202020u) ^ 0x80808080u;
        };
        low[s] = signedBytes(low[s] | firstHigh << 4);
        high[s] = signedBytes(high[s] | lastHigh << 4);
      }
    }
  }
  w.a = {low[0], low[1], high[0], high[1]};
  return w;
}

template <class S, class R, u32 segment, u32 tiles>
AXIOM_DEVICE void quantizedSegment(Results<tiles> &out, const Sources<tiles> &from) {
  constexpr Format format = R::format;
  constexpr u32 first = S::bounds[segment] / 32, end = S::bounds[segment + 1] / 32;
  constexpr u32 offset = R::segmentBegin[segment];
  u32 t = laneIndex() % 4;
  for (u32 k = first; k < end; ++k) {
    GroupWeights w = loadGroup<format>(from.stripes, offset, placeOf<R>(k, first));
    for (u32 tile = 0; tile < tiles; ++tile) {
      const u8 *column = from.columns[tile] + 32 * k + 4 * t;
      Words2 b = {loadConstant<u32>(column), loadConstant<u32>(column + 16)};
      float dots[4];
      if constexpr (format == Format::Q6) {
        i32 c0[4] = {}, c1[4] = {};
        mmaS8S8(c0, {w.a.x, w.a.y, 0, 0}, b);
        mmaS8S8(c1, {0, 0, w.a.z, w.a.w}, b);
        for (u32 i = 0; i < 4; ++i)
          dots[i] = toFloat(w.first[i / 2] * c0[i] + w.second[i / 2] * c1[i]);
      } else {
        // From this number on, the integer's bits are those of the float kMagic + dot.
        i32 c[4] = {static_cast<i32>(kMagicBits), static_cast<i32>(kMagicBits),
                    static_cast<i32>(kMagicBits), static_cast<i32>(kMagicBits)};
        if constexpr (format == Format::Q8)
          mmaS8S8(c, w.a, b);
        else
          mmaU8S8(c, w.a, b);
        for (u32 i = 0; i < 4; ++i)
          dots[i] = sub(asFloat(static_cast<u32>(c[i])), kMagic);
      }
      for (u32 i = 0; i < 4; ++i) {
        Words2 pair = loadConstant<Words2>(from.pairs[tile][i % 2] + S::inner + 8 * k);
        float &acc = out.v[tile][i];
        acc = fma(dots[i], mul(w.scale[i / 2], asFloat(pair.x)), acc);
        if constexpr (hasMin(format))
          acc = fma(w.min[i / 2], asFloat(pair.y), acc);
      }
    }
  }
}

template <class S, class R, u32 segment, u32 tiles>
AXIOM_DEVICE void floatSegment(Results<tiles> &out, const Sources<tiles> &from) {
  constexpr u32 begin = S::bounds[segment], end = S::bounds[segment + 1];
  constexpr u32 offset = R::segmentBegin[segment];
  u32 g = laneIndex() / 4;
  for (u32 k = begin; k < end; ++k) {
    float w[2];
    for (u32 s = 0; s < 2; ++s) {
      const u8 *at = from.stripes[s] + offset + (k - begin) * (R::groupBytes / 32);
      w[s] = R::format == Format::F32   ? loadConstant<float>(at + 4 * g)
             : R::format == Format::F16 ? loadHalf(at + 2 * g)
                                        : loadBf16(at + 2 * g);
    }
    for (u32 tile = 0; tile < tiles; ++tile)
      for (u32 i = 0; i < 4; ++i) {
        float x = loadConstant<float>(from.pairs[tile][i % 2] + 4 * k);
        out.v[tile][i] = fma(w[i / 2], x, out.v[tile][i]);
      }
  }
}

/// join(low, high) of the segments.
template <class S, class R, u32 low, u32 high, u32 tiles>
AXIOM_DEVICE void joinSegments(Results<tiles> &out, const Sources<tiles> &from) {
  if constexpr (high - low == 1) {
    out = {};
    if constexpr (isQuantized(R::format))
      quantizedSegment<S, R, low, tiles>(out, from);
    else
      floatSegment<S, R, low, tiles>(out, from);
  } else {
    constexpr u32 span = high - low;
    constexpr u32 half = span <= 2 ? 1 : span <= 4 ? 2 : span <= 8 ? 4 : span <= 16 ? 8 : 16;
    static_assert(span <= 32, "K is cut at every 1024: more than 32 segments are not planned for");
    joinSegments<S, R, low, low + half, tiles>(out, from);
    Results<tiles> right;
    joinSegments<S, R, low + half, high, tiles>(right, from);
    for (u32 tile = 0; tile < tiles; ++tile)
      for (u32 i = 0; i < 4; ++i)
        out.v[tile][i] = add(out.v[tile][i], right.v[tile][i]);
  }
}

/// Rows 8 * stripe to 8 * stripe + 15 of range R, tokens from `token` on, with the range's bias.
template <class S, class R, u32 tiles>
AXIOM_DEVICE void products(Results<tiles> &out, const Launch &l, u32 stripe, u32 token) {
  constexpr u32 last = R::packedRows / 8 - 1;
  Sources<tiles> from;
  for (u32 s = 0; s < 2; ++s)
    from.stripes[s] =
        l.args[R::kWeights] + static_cast<u64>(smaller(stripe + s, last)) * R::stripeBytes;
  constexpr bool quantized = isQuantized(R::format);
  const u8 *rows =
      quantized ? (S::quantizeIn ? l.scratch + scratchFloats<S>(tokensOf(l)) : l.args[S::kInput])
                : (S::norm ? l.scratch : l.args[S::kInput]);
  constexpr u32 rowBytes = quantized ? S::qrowBytes : 4 * S::inner;
  auto rowOf = [&](u32 t) {
    t = smaller(t, tokensOf(l) - 1);
    // Float weights without a norm read the rows in place, which a head picks.
    u64 source = t;
    if constexpr (S::head && !quantized && !S::norm)
      source = loadConstant<u32>(l.args[S::kRows] + 4 * t);
    return rows + source * rowBytes;
  };
  for (u32 tile = 0; tile < tiles; ++tile) {
    from.columns[tile] = rowOf(token + 8 * tile + laneIndex() / 4);
    for (u32 i = 0; i < 2; ++i)
      from.pairs[tile][i] = rowOf(token + 8 * tile + 2 * (laneIndex() % 4) + i);
  }
  joinSegments<S, R, 0, S::segments, tiles>(out, from);
  if constexpr (R::hasBias)
    for (u32 s = 0; s < 2; ++s) {
      u32 row = 8 * smaller(stripe + s, last) + laneIndex() / 4;
      float bias = loadConstant<float>(l.args[R::kBias] + 4 * row);
      for (u32 tile = 0; tile < tiles; ++tile)
        for (u32 i = 2 * s; i < 2 * s + 2; ++i)
          out.v[tile][i] = add(out.v[tile][i], bias);
    }
}

/// Calls body(row, token, value) for each of the lane's results that exist.
template <class R, u32 tiles, typename Body>
AXIOM_DEVICE void eachResult(const Results<tiles> &r, u32 stripe, u32 token, u32 tokens,
                             Body body) {
  for (u32 tile = 0; tile < tiles; ++tile)
    for (u32 i = 0; i < 4; ++i) {
      u32 row = 8 * stripe + laneIndex() / 4 + i / 2 * 8;
      u32 t = token + 8 * tile + 2 * (laneIndex() % 4) + i % 2;
      if (row < R::packedRows && t < tokens)
        body(row, t, r.v[tile][i]);
    }
}

} // namespace axiom::device

#endif
