// Every step of the recipes of docs/numerics.md, with a fault, over the floats: either one of
// RecipeArguments.h shows the fault, so that the kernel tests do, or no float does, and the fault
// test may count it as harmless. A model of its own: the recipes once more, with a step to spoil.
#include "test/unit/codegen/RecipeArguments.h"

#include "dialects/axiom/interpreter/Numerics.h"

#include "gtest/gtest.h"

#include <bit>
#include <cstdlib>
#include <set>
#include <utility>

// Every float a few dozen times: with the instructions that the kernels need anyway.
#define AXIOM_FAST __attribute__((target("avx2,fma")))
#define AXIOM_STEP AXIOM_FAST __attribute__((always_inline)) static inline

namespace axiom::test {
namespace {

constexpr float magic = 12582912.0f; // 1.5 * 2^23

constexpr uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
constexpr float fromBits(uint32_t b) { return std::bit_cast<float>(b); }

/// Faults 0 .. 19: fma number F is a product and a sum. 20 .. 39: constant number F - 20 is the
/// next float. 40: the two steps of the range reduction in the other order. 99: none.
constexpr int sound = 99;

template <int F, int N> AXIOM_STEP float step(float a, float b, float c) {
  if constexpr (F == N)
    return a * b + c;
  else
    return __builtin_fmaf(a, b, c);
}
template <int F, int N> constexpr float constant(float x) {
  return F == 20 + N ? fromBits(bits(x) + 1) : x;
}

/// exp as a softmax has it: of nothing above 0.
struct Exp {
  static constexpr int fmas = 10, constants = 13;
  static constexpr float highest = 0;
  template <int F> AXIOM_STEP uint64_t run(float x) {
    constexpr float high = constant<F, 11>(88.0f), one = constant<F, 1>(-0x1.62e430p-1f),
                    two = constant<F, 2>(0x1.05c610p-29f);
    float x1 = x > high ? high : x;
    float t = step<F, 0>(x1, constant<F, 0>(0x1.715476p+0f), magic), n = t - magic;
    float r = step<F, 1>(n, F == 40 ? two : one, x1);
    r = step<F, 2>(n, F == 40 ? one : two, r);
    float p = constant<F, 3>(0x1.a01a02p-13f);
    p = step<F, 3>(p, r, constant<F, 4>(0x1.6c16c2p-10f));
    p = step<F, 4>(p, r, constant<F, 5>(0x1.111112p-7f));
    p = step<F, 5>(p, r, constant<F, 6>(0x1.555556p-5f));
    p = step<F, 6>(p, r, constant<F, 7>(0x1.555556p-3f));
    p = step<F, 7>(p, r, constant<F, 8>(0.5f));
    p = step<F, 8>(p, r, constant<F, 9>(1.0f));
    p = step<F, 9>(p, r, constant<F, 10>(1.0f));
    float y = fromBits(bits(p) + ((bits(t) - bits(magic)) << 23));
    return bits(x < constant<F, 12>(-87.0f) ? 0.0f : y);
  }
  static uint64_t interpreter(float x) { return bits(numerics::exp(x)); }
};

struct Silu {
  static constexpr int fmas = 10, constants = 14;
  static constexpr float highest = 3e38f;
  template <int F> AXIOM_STEP uint64_t run(float x) {
    return bits(x / (constant<F, 13>(1.0f) + fromBits(uint32_t(Exp::run<F>(-x)))));
  }
  static uint64_t interpreter(float x) { return bits(numerics::silu(x)); }
};

struct Angle {
  static constexpr int fmas = 11, constants = 12;
  static constexpr float highest = 1 << 20;
  template <int F> AXIOM_STEP uint64_t run(float a) {
    constexpr float one = constant<F, 1>(-0x1.921fb6p+0f), two = constant<F, 2>(0x1.777a5cp-25f);
    float t = step<F, 0>(a, constant<F, 0>(0x1.45f306p-1f), magic), n = t - magic;
    float r = step<F, 1>(n, F == 40 ? two : one, a);
    r = step<F, 2>(n, F == 40 ? one : two, r);
    float r2 = r * r, p = constant<F, 3>(0x1.71de3ap-19f);
    p = step<F, 3>(p, r2, constant<F, 4>(-0x1.a01a02p-13f));
    p = step<F, 4>(p, r2, constant<F, 5>(0x1.111112p-7f));
    p = step<F, 5>(p, r2, constant<F, 6>(-0x1.555556p-3f));
    float s = step<F, 6>(p * r2, r, r);
    p = constant<F, 7>(0x1.a01a02p-16f);
    p = step<F, 7>(p, r2, constant<F, 8>(-0x1.6c16c2p-10f));
    p = step<F, 8>(p, r2, constant<F, 9>(0x1.555556p-5f));
    p = step<F, 9>(p, r2, constant<F, 10>(-0.5f));
    float c = step<F, 10>(p, r2, constant<F, 11>(1.0f));
    uint32_t q = bits(t), odd = q & 1;
    uint32_t cosine = bits(odd ? s : c) ^ ((q + 1) & 2) << 30;
    uint32_t sine = bits(odd ? c : s) ^ (q & 2) << 30;
    return uint64_t(cosine) << 32 | sine;
  }
  static uint64_t interpreter(float x) {
    float c, s;
    numerics::ropeAngle(1, x, c, s);
    return uint64_t(bits(c)) << 32 | bits(s);
  }
};

template <typename Recipe, int F> AXIOM_FAST bool shows(const std::vector<float> &arguments) {
  bool any = false;
  for (float x : arguments)
    any |= Recipe::template run<F>(x) != Recipe::template run<sound>(x);
  return any;
}

/// Whether any float shows fault F, or one of every `stride` runs of 4096 of them.
template <typename Recipe, int F> AXIOM_FAST bool anyFloatShows(uint32_t stride) {
  for (bool negative : {false, true})
    for (uint32_t first = 0; first <= bits(negative ? 3e38f : Recipe::highest);
         first += 4096 * stride) {
      uint64_t difference = 0;
      for (uint32_t i = 0; i < 4096; ++i) {
        float x = fromBits(first + i);
        x = negative ? -x : x;
        bool in = x <= Recipe::highest;
        difference |= in ? Recipe::template run<F>(x) ^ Recipe::template run<sound>(x) : 0;
      }
      if (difference)
        return true;
    }
  return false;
}

template <typename Recipe> AXIOM_FAST bool equalsInterpreter(const std::vector<float> &arguments) {
  bool all = true;
  for (float x : arguments)
    all &= Recipe::template run<sound>(x) == Recipe::interpreter(x);
  return all;
}

template <typename Recipe, int F>
void checkFault(const std::vector<float> &arguments, const std::set<int> &harmless) {
  if (!harmless.count(F)) {
    EXPECT_TRUE((shows<Recipe, F>(arguments))) << "no argument shows fault " << F;
    return;
  }
  uint32_t stride = std::getenv("AXIOM_TEST_LONG") ? 1 : 61;
  EXPECT_FALSE((anyFloatShows<Recipe, F>(stride))) << "fault " << F << " is not harmless";
}

template <typename Recipe, int First, int... N>
void checkFaults(std::integer_sequence<int, N...>, const std::vector<float> &arguments,
                 const std::set<int> &harmless) {
  (checkFault<Recipe, First + N>(arguments, harmless), ...);
}

template <typename Recipe>
void checkRecipe(const std::vector<float> &arguments, const std::set<int> &harmless) {
  EXPECT_TRUE(equalsInterpreter<Recipe>(arguments)) << "the model is wrong";
  checkFaults<Recipe, 0>(std::make_integer_sequence<int, Recipe::fmas>(), arguments, harmless);
  checkFaults<Recipe, 20>(std::make_integer_sequence<int, Recipe::constants>(), arguments,
                          harmless);
  checkFault<Recipe, 40>(arguments, harmless);
}

// Harmless are the second step of the reduction with the low part of ln 2 (fma 2, constant 2) and
// the first of the polynomial with 1/5040 (3, 3). A softmax never reaches exp's clamp at 88
// (constant 11), and in silu a 1 is added to what exp has near -87 (constant 12).
TEST(RecipeSteps, Exp) { checkRecipe<Exp>(expArguments, {2, 3, 22, 23, 31}); }
TEST(RecipeSteps, Silu) { checkRecipe<Silu>(siluArguments, {2, 3, 22, 23, 32}); }
TEST(RecipeSteps, Angle) { checkRecipe<Angle>(angleArguments, {}); }

} // namespace
} // namespace axiom::test
