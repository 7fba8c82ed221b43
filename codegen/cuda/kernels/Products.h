// How a block shares out the products of its rows: the forms that a linear has by the number of
// tokens. Each leaves the sums of its rows and tokens in shared memory, where epilogues find them.
//
// A form's constants come from the emitter: `tokens` of a tile, `ranges` of rows that lie in a
// block (SwiGLU: gate and up), `stripes` of each, `warpsOfRange`, `stages`, `floatStages`,
// `areaBytes` of a warp; `areas`, `joins` and `results`: where in shared memory those begin.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_PRODUCTS_H
#define AXIOM_CODEGEN_CUDA_KERNELS_PRODUCTS_H

#include "codegen/cuda/kernels/Dots.h"
#include "codegen/cuda/kernels/Floats.h"
#include "codegen/cuda/kernels/Panel.h"
#include "codegen/cuda/kernels/Quads.h"
#include "codegen/cuda/kernels/Rows.h"
#include "codegen/cuda/kernels/Tiles.h"

namespace axiom::device {

/// The rows that quantized weights read, from a token on.
template <class S> AXIOM_DEVICE QuantizedRows<S> quantizedRows(const Launch &l, u32 token) {
  u32 tokens = tokensOf(l);
  const u8 *rows = S::quantizeIn ? l.scratch + scratchFloats<S>(tokens) : l.args[S::kInput];
  return {rows + static_cast<u64>(token) * S::qrowBytes, tokens - token};
}
/// Those that float weights read.
template <class S> AXIOM_DEVICE FloatRows floatRows(const Launch &l, u32 token) {
  static_assert(S::norm || !S::head, "the norm of a head picks its rows");
  return {S::norm ? l.scratch : l.args[S::kInput], 4 * S::inner, token, tokensOf(l) - 1};
}

/// The stripes of range R from `stripe` on that the tensor has, at most `most`.
template <class R> AXIOM_DEVICE u32 stripesFrom(u32 stripe, u32 most) {
  return stripe < R::packedRows / 8 ? smaller(R::packedRows / 8 - stripe, most) : 0;
}

/// Rows of a tensor from a stripe on; `range`: 0 or 1, of those whose rows lie in a block.
struct Rows {
  const u8 *tensor;
  u32 stripe, range;

  template <class R> AXIOM_DEVICE const u8 *at(u32 number) const {
    return tensor + static_cast<u64>(stripe + number) * R::stripeBytes;
  }
};
AXIOM_DEVICE Rows eitherOf(bool first, const Rows &a, const Rows &b) {
  return {first ? a.tensor : b.tensor, first ? a.stripe : b.stripe, first ? a.range : b.range};
}
/// Whether tensors lie in the same way, so that one code does for both.
template <class R0, class R1> AXIOM_DEVICE constexpr bool sameLayout() {
  return R0::format == R1::format && R0::packedRows == R1::packedRows;
}

/// What the constants F of a form come to.
template <class S, class F> struct FormOf : F {
  static constexpr u32 rangeRows = 8 * F::stripes, rows = F::ranges * rangeRows;
  static constexpr u32 warps = F::ranges * F::warpsOfRange, threads = kWarp * warps;
  static constexpr u32 pitch = resultPitch(rows);
};

/// Up to 8 tokens: a warp has a segment of K of some rows, and works on its own.
template <class S_, class F_> struct Few {
  using Spec = S_;
  struct Form : FormOf<S_, F_> {
    using Base = FormOf<S_, F_>;
    static constexpr u32 results = Base::warps * Base::areaBytes;
    static_assert(results + resultBytes(Spec::segments, Base::tokens, Base::rows) ==
                  Base::sharedBytes);
    /// Where a part of a sum lies.
    static AXIOM_DEVICE u32 at(u32 segment, u32 token, u32 row) {
      return results + 4 * ((segment * Base::tokens + token) * Base::pitch + row);
    }
  };

  /// Rows from stripe `stripe` of R0 on and, if there are two ranges, from `second` of R1 on,
  /// tokens from a token on. All threads of the block.
  template <class R0, class R1>
  static AXIOM_DEVICE void products(const Launch &l, u32 stripe, u32 second, u32 token) {
    const Rows rows0 = {l.args[R0::kWeights], stripe, 0}, rows1 = {l.args[R1::kWeights], second, 1};
    bool inFirst = Form::ranges == 1 || warpIndex() < Form::warpsOfRange;
    if constexpr (Form::ranges == 1 || sameLayout<R0, R1>()) {
      part<R0>(l, eitherOf(inFirst, rows0, rows1), token);
    } else {
      if (inFirst)
        part<R0>(l, rows0, token);
      else
        part<R1>(l, rows1, token);
    }
    blockSync();
  }
  static AXIOM_DEVICE float result(u32 token, u32 row) {
    return joined<0, Spec::segments>(
        [&](u32 segment) { return loadShared<float>(Form::at(segment, token, row)); });
  }

private:
  template <class R> static AXIOM_DEVICE void part(const Launch &l, const Rows &rows, u32 token) {
    u32 warp = warpIndex() - rows.range * Form::warpsOfRange, area = warpIndex() * Form::areaBytes;
    u32 stripes = stripesFrom<R>(rows.stripe, Form::stripes);
    u32 firstRow = rows.range * Form::rangeRows;
    const u8 *weights = rows.at<R>(0);
    if constexpr (!isQuantized(R::format)) {
      u32 units = (stripes + kFloatStripes - 1) / kFloatStripes * Spec::segments;
      for (u32 unit = warp; unit < units; unit += Form::warpsOfRange) {
        u32 first = unit / Spec::segments * kFloatStripes;
        if (unit != warp)
          warpSync(kAllLanes); // the copies are to where others were read
        floats<Spec, R, Form, Form::tokens, 1>(
            floatRows<Spec>(l, token), weights + first * R::stripeBytes, stripes - first,
            unit % Spec::segments, area, firstRow + 8 * first, 0);
      }
    } else if constexpr (Form::quads) {
      quads<Spec, R, Form>(quantizedRows<Spec>(l, token), weights, stripes, warp, area, firstRow);
    } else if constexpr (Form::tokens <= 4) {
      dots<Spec, R, Form>(quantizedRows<Spec>(l, token), weights, stripes, warp, area, firstRow);
    } else {
      tiles<Spec, R, Form>(quantizedRows<Spec>(l, token), weights, stripes, warp, area, firstRow);
    }
  }
};

/// Many tokens: a warp has 16 rows of quantized weights and all of K, or 32 of float weights and a
/// part of the tokens.
template <class S_, class F_> struct Many {
  using Spec = S_;
  struct Form : FormOf<S_, F_> {
    using Base = FormOf<S_, F_>;
    static AXIOM_DEVICE u32 at(u32, u32 token, u32 row) {
      return Base::results + 4 * (token * Base::pitch + row);
    }
  };

  template <class R0, class R1>
  static AXIOM_DEVICE void products(const Launch &l, u32 stripe, u32 second, u32 token) {
    constexpr bool two = Form::ranges == 2;
    constexpr bool first = isQuantized(R0::format), other = two && isQuantized(R1::format);
    const Rows rows0 = {l.args[R0::kWeights], stripe, 0}, rows1 = {l.args[R1::kWeights], second, 1};
    bool inFirst = !two || warpIndex() < Form::warpsOfRange;
    // Float weights first: a warp on its own.
    if constexpr (!first)
      floatPart<R0>(l, rows0, token);
    if constexpr (two && !other)
      floatPart<R1>(l, rows1, token);
    if constexpr (two && first != other)
      blockSync(); // the panel's copies are to where the float weights were read
    if constexpr (first && (!two || (other && sameLayout<R0, R1>()))) {
      panelPart<R0>(l, eitherOf(inFirst, rows0, rows1), token);
    } else if constexpr (first && other) {
      if (inFirst)
        panelPart<R0>(l, rows0, token);
      else
        panelPart<R1>(l, rows1, token);
    } else if constexpr (first) {
      panelPart<R0>(l, rows0, token);
    } else if constexpr (other) {
      panelPart<R1>(l, rows1, token);
    }
    blockSync();
  }
  static AXIOM_DEVICE float result(u32 token, u32 row) {
    return loadShared<float>(Form::at(0, token, row));
  }

private:
  /// All warps: two stripes for each of the range's.
  template <class R>
  static AXIOM_DEVICE void panelPart(const Launch &l, const Rows &rows, u32 token) {
    u32 warp = warpIndex() - rows.range * Form::warpsOfRange;
    u32 stripes = warp < Form::warpsOfRange ? stripesFrom<R>(rows.stripe + 2 * warp, 2) : 0;
    panel<Spec, R, Form>(quantizedRows<Spec>(l, token), stripes ? rows.at<R>(2 * warp) : nullptr,
                         stripes, Form::areas + warpIndex() * Form::areaBytes,
                         rows.range * Form::rangeRows + 16 * warp);
  }
  /// The first F::floatWarps warps: a warp for four stripes and 16 tokens.
  template <class R>
  static AXIOM_DEVICE void floatPart(const Launch &l, const Rows &rows, u32 token) {
    constexpr u32 quads = (Form::stripes + kFloatStripes - 1) / kFloatStripes;
    constexpr u32 parts = quads * (Form::tokens / kFloatTokens);
    u32 stripes = stripesFrom<R>(rows.stripe, Form::stripes);
    FloatRows input = floatRows<Spec>(l, token);
    if (Form::floatWarps < Form::warps && warpIndex() >= Form::floatWarps)
      return;
    for (u32 i = warpIndex(); i < parts; i += Form::floatWarps) {
      u32 first = kFloatStripes * (i % quads), tokens = i / quads * kFloatTokens;
      if (first >= stripes || token + tokens > input.last)
        continue;
      warpSync(kAllLanes); // the copies may be to where others were read
      floats<Spec, R, Form, kFloatTokens, Spec::segments>(
          input, rows.at<R>(first), stripes - first, 0,
          Form::areas + warpIndex() * Form::floatAreaBytes,
          rows.range * Form::rangeRows + 8 * first, tokens);
    }
  }
};

} // namespace axiom::device

#endif
