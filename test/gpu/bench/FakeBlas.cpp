// A library with cuBLAS' names for tests of gpu-bench, beside the stand-in driver: it multiplies
// nothing, but refuses what cuBLAS refuses for products on tensor cores.
#include <cstdint>

#define FAKE_API extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kSuccess = 0, kInvalidValue = 7, kNotSupported = 15;
int handle = 0;
bool hasStream = false;

bool aligned(const void *address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

} // namespace

FAKE_API int cublasCreate_v2(void **out) {
  *out = &handle;
  return kSuccess;
}
FAKE_API int cublasDestroy_v2(void *which) { return which == &handle ? kSuccess : kInvalidValue; }
FAKE_API int cublasGetVersion_v2(void *, int *version) {
  *version = 130000;
  return kSuccess;
}
FAKE_API int cublasSetStream_v2(void *which, void *stream) {
  hasStream = which == &handle && stream;
  return hasStream ? kSuccess : kInvalidValue;
}

/// Types: 2 f16, 3 int8, 10 int32; computing: 68 f32, 72 int32.
FAKE_API int cublasGemmEx(void *which, int opA, int opB, int m, int n, int k, const void *alpha,
                          const void *a, int typeA, int lda, const void *b, int typeB, int ldb,
                          const void *beta, void *c, int typeC, int ldc, int compute,
                          int algorithm) {
  if (which != &handle || !hasStream || m < 1 || n < 1 || k < 1 || lda < k || ldb < k || ldc < m ||
      !a || !b || !c || algorithm != -1)
    return kInvalidValue;
  bool integers = compute == 72 && typeA == 3 && typeB == 3 && typeC == 10;
  bool halves = compute == 68 && typeA == 2 && typeB == 2 && typeC == 2;
  if (opA != 1 || opB != 0 || (!integers && !halves) || lda % 16 || ldb % 16 || ldc % 4 ||
      !aligned(a) || !aligned(b) || !aligned(c))
    return kInvalidValue;
  if (integers ? *static_cast<const int32_t *>(alpha) != 1 || *static_cast<const int32_t *>(beta)
               : *static_cast<const float *>(alpha) != 1 || *static_cast<const float *>(beta) != 0)
    return kInvalidValue;
  return integers && m > 200 ? kNotSupported : kSuccess; // so that tests see a refusal
}
