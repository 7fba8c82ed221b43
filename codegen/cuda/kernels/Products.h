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
  // Without a norm they are read in place, where a head picks.
  const u8 *picks = nullptr;
  if constexpr (S::head && !S::norm)
    picks = l.args[S::kRows];
  return {S::norm ? l.scratch : l.args[S::kInput], 4 * S::inner, picks, token, tokensOf(l) - 1};
}

/// The stripes of range R from `stripe` on that the tensor has, at most `most`.
template <class R> AXIOM_DEVICE u32 stripesFrom(u32 stripe, u32 most) {
  return stripe < R::packedRows / 8 ? smaller(R::packedRows / 8 - stripe, most) : 0;
}
template <class R> AXIOM_DEVICE const u8 *stripeAt(const Launch &l, u32 stripe) {
  return l.args[R::kWeights] + static_cast<u64>(stripe) * R::stripeBytes;
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

  /// Rows of one or two ranges from a stripe on, tokens from a token on. All threads of the block.
  template <class R0, class R1>
  static AXIOM_DEVICE void products(const Launch &l, u32 stripe, u32 token) {
    if (Form::ranges == 1 || warpIndex() < Form::warpsOfRange)
      part<R0, 0>(l, stripe, token);
    else
      part<R1, 1>(l, stripe, token);
    blockSync();
  }
  static AXIOM_DEVICE float result(u32 token, u32 row) {
    return joined<0, Spec::segments>(
        [&](u32 segment) { return loadShared<float>(Form::at(segment, token, row)); });
  }

private:
  template <class R, u32 range>
  static AXIOM_DEVICE void part(const Launch &l, u32 stripe, u32 token) {
    u32 warp = warpIndex() - range * Form::warpsOfRange, area = warpIndex() * Form::areaBytes;
    u32 stripes = stripesFrom<R>(stripe, Form::stripes), firstRow = range * Form::rangeRows;
    const u8 *weights = stripeAt<R>(l, stripe);
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
  static AXIOM_DEVICE void products(const Launch &l, u32 stripe, u32 token) {
    // Float weights first: a warp on its own.
    if constexpr (!isQuantized(R0::format))
      floatPart<R0, 0>(l, stripe, token);
    if constexpr (Form::ranges == 2 && !isQuantized(R1::format))
      floatPart<R1, 1>(l, stripe, token);
    if constexpr (isQuantized(R0::format) && (Form::ranges == 1 || isQuantized(R1::format))) {
      if (Form::ranges == 1 || warpIndex() < Form::warpsOfRange)
        panelPart<R0, 0>(l, stripe, token);
      else
        panelPart<R1, 1>(l, stripe, token);
    } else if constexpr (isQuantized(R0::format)) {
      blockSync(); // the panel's copies are to where the float weights were read
      panelPart<R0, 0>(l, stripe, token);
    } else if constexpr (Form::ranges == 2 && isQuantized(R1::format)) {
      blockSync();
      panelPart<R1, 1>(l, stripe, token);
    }
    blockSync();
  }
  static AXIOM_DEVICE float result(u32 token, u32 row) {
    return loadShared<float>(Form::at(0, token, row));
  }

private:
  template <class R, u32 range>
  static AXIOM_DEVICE void panelPart(const Launch &l, u32 stripe, u32 token) {
    u32 warp = warpIndex() - range * Form::warpsOfRange, first = stripe + 2 * warp;
    u32 stripes = warp < Form::warpsOfRange ? stripesFrom<R>(first, 2) : 0;
    panel<Spec, R, Form>(quantizedRows<Spec>(l, token), stripes ? stripeAt<R>(l, first) : nullptr,
                         stripes, Form::areas + warpIndex() * Form::areaBytes,
                         range * Form::rangeRows + 16 * warp);
  }
  /// All warps: a warp for four stripes and 16 tokens.
  template <class R, u32 range>
  static AXIOM_DEVICE void floatPart(const Launch &l, u32 stripe, u32 token) {
    constexpr u32 quads = (Form::stripes + kFloatStripes - 1) / kFloatStripes;
    constexpr u32 parts = quads * (Form::tokens / kFloatTokens);
    u32 stripes = stripesFrom<R>(stripe, Form::stripes);
    FloatRows input = floatRows<Spec>(l, token);
    for (u32 i = warpIndex(); i < parts; i += Form::warps) {
      u32 first = kFloatStripes * (i % quads), tokens = i / quads * kFloatTokens;
      if (first >= stripes || token + tokens > input.last)
        continue;
      warpSync(kAllLanes); // the copies may be to where others were read
      floats<Spec, R, Form, kFloatTokens, Spec::segments>(
          input, stripeAt<R>(l, stripe + first), stripes - first, 0,
          Form::areas + warpIndex() * Form::areaBytes, range * Form::rangeRows + 8 * first, tokens);
    }
  }
};

} // namespace axiom::device

#endif
