#include "tools/axiom-bench/LimitLoops.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace axiom::bench {

namespace {

/// Any architecture; on x86-64 the CPUs without AVX2.
uint64_t readPortable(const uint8_t *data, uint64_t size) {
  auto *words = reinterpret_cast<const uint64_t *>(data);
  uint64_t sum[8] = {};
  for (uint64_t i = 0; i < size / 8; i += 8)
    for (uint64_t j = 0; j < 8; ++j)
      sum[j] ^= words[i + j];
  return sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
}

uint64_t readPortableAhead(const uint8_t *data, uint64_t size) {
  auto *words = reinterpret_cast<const uint64_t *>(data);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < size / 8; i += 8) {
    __builtin_prefetch(reinterpret_cast<const char *>(words + i) + 2048);
    for (uint64_t j = 0; j < 8; ++j)
      sum ^= words[i + j];
  }
  return sum;
}

constexpr StreamLoop kPortableStreams[] = {{"plain", readPortable},
                                           {"prefetched", readPortableAhead}};

#if defined(__x86_64__)

enum class Hint { None, Cache, Levels, NonTemporal };
/// Bytes, into the first cache and the second; past the end a prefetch does nothing.
constexpr int kAhead = 2048, kFarAhead = 8192;

template <Hint H>
__attribute__((target("avx2"))) uint64_t readAvx2(const uint8_t *data, uint64_t size) {
  __m256i sum[8];
  for (__m256i &s : sum)
    s = _mm256_setzero_si256();
  for (uint64_t i = 0; i < size; i += 256) {
    auto *at = reinterpret_cast<const __m256i *>(data + i);
    if constexpr (H == Hint::Levels)
      for (int line = 0; line < 256; line += 64)
        _mm_prefetch(reinterpret_cast<const char *>(at) + kFarAhead + line, _MM_HINT_T1);
    if constexpr (H == Hint::Cache || H == Hint::Levels)
      for (int line = 0; line < 256; line += 64)
        _mm_prefetch(reinterpret_cast<const char *>(at) + kAhead + line, _MM_HINT_T0);
    if constexpr (H == Hint::NonTemporal)
      for (int line = 0; line < 256; line += 64)
        _mm_prefetch(reinterpret_cast<const char *>(at) + kAhead + line, _MM_HINT_NTA);
    for (int j = 0; j < 8; ++j)
      sum[j] = _mm256_xor_si256(sum[j], H == Hint::NonTemporal ? _mm256_stream_load_si256(at + j)
                                                               : _mm256_load_si256(at + j));
  }
  for (int j = 1; j < 8; ++j)
    sum[0] = _mm256_xor_si256(sum[0], sum[j]);
  alignas(32) uint64_t words[4];
  _mm256_store_si256(reinterpret_cast<__m256i *>(words), sum[0]);
  return words[0] ^ words[1] ^ words[2] ^ words[3];
}

constexpr StreamLoop kAvx2Streams[] = {{"plain", readAvx2<Hint::None>},
                                       {"prefetched", readAvx2<Hint::Cache>},
                                       {"prefetched twice", readAvx2<Hint::Levels>},
                                       {"non-temporal", readAvx2<Hint::NonTemporal>}};

/// Both operands of the products: bytes 3, which as floats are small normal numbers.
alignas(64) constexpr uint8_t kOperand[64] = {
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3};

// In assembly, so that every compiler gives the same loop and none needs to be told of the
// instruction set. Ten chains in registers 2 to 11 hide the latency; 0 and 1 are the operands.
constexpr int kChains = 10;
#define AXIOM_TEN(DO)                                                                              \
  DO("2") DO("3") DO("4") DO("5") DO("6") DO("7") DO("8") DO("9") DO("10") DO("11")
#define AXIOM_ZERO(n) "vpxor %%xmm" n ", %%xmm" n ", %%xmm" n "\n\t" // of the whole register
#define AXIOM_COMPUTE_LOOP(NAME, REG, STEP)                                                        \
  void NAME(uint64_t iterations) {                                                                 \
    asm volatile("vmovups %1, %%" REG "0\n\t"                                                      \
                 "vmovups %1, %%" REG                                                              \
                 "1\n\t" AXIOM_TEN(AXIOM_ZERO) ".p2align 5\n"                                      \
                                               "1:\n\t" AXIOM_TEN(STEP) "decq %0\n\t"              \
                                                                        "jnz 1b\n\t"               \
                                                                        "vzeroupper"               \
                 : "+r"(iterations)                                                                \
                 : "m"(kOperand)                                                                   \
                 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",   \
                   "xmm9", "xmm10", "xmm11", "xmm12");                                             \
  }
#define AXIOM_THREE(OP, REG, n) OP " %%" REG "1, %%" REG "0, %%" REG n "\n\t"
#define AXIOM_MADDUBS(n)                                                                           \
  "vpmaddubsw %%ymm1, %%ymm0, %%ymm12\n\t"                                                         \
  "vpaddw %%ymm12, %%ymm" n ", %%ymm" n "\n\t"
#define AXIOM_DPBUSD_EVEX(n) AXIOM_THREE("%{evex%} vpdpbusd", "ymm", n)
#define AXIOM_DPBUSD_VEX(n) AXIOM_THREE("%{vex%} vpdpbusd", "ymm", n)
#define AXIOM_DPBUSD_ZMM(n) AXIOM_THREE("vpdpbusd", "zmm", n)
#define AXIOM_FMA_YMM(n) AXIOM_THREE("vfmadd231ps", "ymm", n)
#define AXIOM_FMA_ZMM(n) AXIOM_THREE("vfmadd231ps", "zmm", n)

AXIOM_COMPUTE_LOOP(maddubs, "ymm", AXIOM_MADDUBS)
AXIOM_COMPUTE_LOOP(dpbusdEvex, "ymm", AXIOM_DPBUSD_EVEX)
AXIOM_COMPUTE_LOOP(dpbusdVex, "ymm", AXIOM_DPBUSD_VEX)
AXIOM_COMPUTE_LOOP(dpbusdZmm, "zmm", AXIOM_DPBUSD_ZMM)
AXIOM_COMPUTE_LOOP(fmaYmm, "ymm", AXIOM_FMA_YMM)
AXIOM_COMPUTE_LOOP(fmaZmm, "zmm", AXIOM_FMA_ZMM)

#endif

} // namespace

#if defined(__x86_64__)

std::span<const StreamLoop> streamLoops() {
  static const bool avx2 = __builtin_cpu_supports("avx2");
  return avx2 ? std::span<const StreamLoop>(kAvx2Streams) : kPortableStreams;
}

std::span<const ComputeLoop> computeLoops() {
  static const bool avx2 = __builtin_cpu_supports("avx2"),
                    fma = avx2 && __builtin_cpu_supports("fma"),
                    avx512 = __builtin_cpu_supports("avx512f"),
                    vnni512 = avx512 && __builtin_cpu_supports("avx512vnni"),
                    vnniVl = vnni512 && avx2 && __builtin_cpu_supports("avx512vl"),
                    vnniAvx = avx2 && __builtin_cpu_supports("avxvnni");
  static const ComputeLoop loops[] = {
      {"vpmaddubsw + vpaddw, ymm", "maddubs", 32 * kChains, avx2, avx2 ? maddubs : nullptr},
      {"vpdpbusd, ymm", "dpbusd_ymm", 32 * kChains, vnniVl || vnniAvx,
       vnniVl    ? dpbusdEvex
       : vnniAvx ? dpbusdVex
                 : nullptr},
      {"vpdpbusd, zmm", "dpbusd_zmm", 64 * kChains, vnni512, vnni512 ? dpbusdZmm : nullptr},
      {"f32 FMA, ymm", "fma_ymm", 8 * kChains, fma, fma ? fmaYmm : nullptr},
      {"f32 FMA, zmm", "fma_zmm", 16 * kChains, avx512, avx512 ? fmaZmm : nullptr},
  };
  return loops;
}

#else

std::span<const StreamLoop> streamLoops() { return kPortableStreams; }
std::span<const ComputeLoop> computeLoops() { return {}; }

#endif

} // namespace axiom::bench
