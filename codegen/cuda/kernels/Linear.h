// Linear kernels by epilogue: B is how a block computes its products (kernels/Products.h).
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_LINEAR_H
#define AXIOM_CODEGEN_CUDA_KERNELS_LINEAR_H

#include "codegen/cuda/kernels/Products.h"

namespace axiom::device {

/// The unit and the first token of a block: units lie side by side for each tile of tokens.
struct Work {
  u32 unit, token;
};
template <class B> AXIOM_DEVICE Work workOf(u32 units) {
  return {blockIndex() % units, blockIndex() / units * B::Form::tokens};
}

/// Whether there is such a token. The first one there is always, which need not be asked for.
AXIOM_DEVICE bool exists(const Launch &l, u32 token) { return token == 0 || token < tokensOf(l); }

/// The bias of a row of range R, which is number `row` of the tensor.
template <class R> AXIOM_DEVICE float withBias(const Launch &l, float value, u32 row) {
  if constexpr (R::hasBias)
    return add(value, loadConstant<float>(l.args[R::kBias] + 4 * row));
  else
    return value;
}

/// y = linear, or x += linear.
template <class B> AXIOM_DEVICE void storeLinear(const Launch &l) {
  using S = typename B::Spec;
  using F = typename B::Form;
  using R = typename S::Range0;
  constexpr u32 count = F::rows * F::tokens, rounds = (count + F::threads - 1) / F::threads;
  Work work = workOf<B>((R::packedRows + F::rows - 1) / F::rows);
  if (!exists(l, work.token))
    return;
  u32 tokens = tokensOf(l), first = work.unit * F::rows;
  float *out = reinterpret_cast<float *>(l.args[S::kOut]);
  struct Place {
    bool exists;
    u32 token, row; ///< of the block
    float *at;
  };
  auto place = [&](u32 round) {
    u32 i = round * F::threads + threadIndex(), row = i % F::rows, t = i / F::rows;
    bool exists = i < count && first + row < R::packedRows && work.token + t < tokens;
    return Place{exists, t, row,
                 out + static_cast<u64>(work.token + t) * S::outStride + first + row};
  };
  // What is added to is under way beside the products, if it is little.
  constexpr bool early = S::residual && rounds <= 2;
  float before[early ? rounds : 1];
  if constexpr (early)
    for (u32 round = 0; round < rounds; ++round)
      if (Place p = place(round); p.exists)
        before[round] = load<float>(p.at);
  B::template products<R, R>(l, work.unit * F::stripes, 0, work.token);
  AXIOM_UNROLL
  for (u32 round = 0; round < rounds; ++round) {
    Place p = place(round);
    if (!p.exists)
      continue;
    float value = withBias<R>(l, B::result(p.token, p.row), first + p.row);
    if constexpr (S::residual)
      value = add(early ? before[early ? round : 0] : load<float>(p.at), value);
    store(p.at, value);
  }
}

/// silu(gate) * up: a warp for 32 features, a group of the next linear's activations.
template <class B> AXIOM_DEVICE void swiGlu(const Launch &l) {
  using S = typename B::Spec;
  using F = typename B::Form;
  using G = typename S::Range0;
  using U = typename S::Range1;
  constexpr u32 groups = F::rangeRows / 32;
  Work work = workOf<B>((G::packedRows + F::rangeRows - 1) / F::rangeRows);
  if (!exists(l, work.token))
    return;
  B::template products<G, U>(l, work.unit * F::stripes, work.unit * F::stripes, work.token);
  u32 here = smaller(F::tokens, tokensOf(l) - work.token);
  for (u32 i = warpIndex(); i < groups * here; i += F::warps) {
    u32 t = i / groups, row = i % groups * 32 + laneIndex();
    u32 group = work.unit * groups + i % groups, feature = 32 * group + laneIndex();
    if (32 * group >= G::packedRows)
      continue;
    float gate = withBias<G>(l, B::result(t, row), feature);
    float up = withBias<U>(l, B::result(t, F::rangeRows + row), feature);
    float x = mul(silu(gate), up);
    u8 *out = l.args[S::kOut] + static_cast<u64>(work.token + t) * S::outBytes;
    if constexpr (S::quantizeOut)
      storeGroup(out, S::outInner, group, x);
    else
      store(out + 4 * feature, x);
  }
}

} // namespace axiom::device

#endif
