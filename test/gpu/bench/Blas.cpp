// cuBLAS, if this machine has one: its functions are those of its documentation, declared here.
#include "runtime/base/SharedLibrary.h"
#include "test/gpu/bench/Bench.h"

#include <algorithm>
#include <cstring>

namespace axiom::bench {

using cuda::DeviceMemory;

namespace {

using Handle = struct CublasContext *;
// cublasOperation_t, cudaDataType_t, cublasComputeType_t, cublasGemmAlgo_t.
constexpr int kNone = 0, kTransposed = 1, kHalf = 2, kByte = 3, kWord = 10, kCompute32F = 68,
              kCompute32I = 72, kDefault = -1;
constexpr int kNotSupported = 15;

struct Functions {
  int (*create)(Handle *);
  int (*destroy)(Handle);
  int (*version)(Handle, int *);
  int (*setStream)(Handle, cuda::StreamHandle);
  int (*gemm)(Handle, int opA, int opB, int m, int n, int k, const void *alpha, const void *a,
              int typeA, int lda, const void *b, int typeB, int ldb, const void *beta, void *c,
              int typeC, int ldc, int compute, int algorithm);
};

template <typename F> bool find(const SharedLibrary &library, const char *name, F &function) {
  void *address = library.symbol(name);
  std::memcpy(&function, &address, sizeof function);
  return address != nullptr;
}

/// Weights are read from memory, not from the cache of level 2: as many copies as that takes.
constexpr uint64_t kColdBytes = 512ull << 20;

struct Kind {
  const char *name;
  int type, result, compute;
  uint64_t bytes;
};
constexpr Kind kKinds[] = {{"int8", kByte, kWord, kCompute32I, 1},
                           {"f16", kHalf, kHalf, kCompute32F, 2}};

Result<Json> measure(const Bench &bench, const Functions &blas, Handle handle, const Kind &kind,
                     const Shape &shape, const Effort &effort) {
  // As the library wants them for its tensor cores: multiples of 16.
  auto padded = [](uint32_t n) { return (n + 15) / 16 * 16; };
  uint32_t rows = padded(shape.rows), cols = padded(shape.cols), tokens = padded(shape.tokens);
  uint64_t weightBytes = uint64_t(rows) * cols * kind.bytes;
  uint64_t cold = bench.silicon() ? kColdBytes : 0;
  auto copies =
      static_cast<uint32_t>(std::max<uint64_t>(1, std::min<uint64_t>(4096, cold / weightBytes)));
  AXIOM_ASSIGN_OR_RETURN(DeviceMemory a,
                         allocateDevice(bench.context(), weightBytes * copies, "weights"));
  AXIOM_ASSIGN_OR_RETURN(
      DeviceMemory b,
      allocateDevice(bench.context(), uint64_t(cols) * tokens * kind.bytes, "inputs"));
  AXIOM_ASSIGN_OR_RETURN(DeviceMemory c,
                         allocateDevice(bench.context(), uint64_t(rows) * tokens * 4, "results"));
  // 0x11: small numbers in both types.
  AXIOM_CUDA(bench.gpu(), cuMemsetD8Async, a.get(), 0x11, weightBytes * copies, bench.stream());
  AXIOM_CUDA(bench.gpu(), cuMemsetD8Async, b.get(), 0x11, uint64_t(cols) * tokens * kind.bytes,
             bench.stream());
  float one = 1, zero = 0;
  int32_t intOne = 1, intZero = 0;
  bool integers = kind.compute == kCompute32I;
  const void *alpha = integers ? static_cast<const void *>(&intOne) : &one;
  const void *beta = integers ? static_cast<const void *>(&intZero) : &zero;
  int error = 0;
  uint32_t turn = 0;
  auto times = bench.time(effort.warm, effort.count, [&] {
    cuda::DevicePointer weights = a.get() + weightBytes * (turn++ % copies);
    // Column by column: C [rows x tokens] = A^T [rows x cols] * B [cols x tokens].
    error = blas.gemm(handle, kTransposed, kNone, static_cast<int>(rows), static_cast<int>(tokens),
                      static_cast<int>(cols), alpha, reinterpret_cast<const void *>(weights),
                      kind.type, static_cast<int>(cols), reinterpret_cast<const void *>(b.get()),
                      kind.type, static_cast<int>(cols), beta, reinterpret_cast<void *>(c.get()),
                      kind.result, static_cast<int>(rows), kind.compute, kDefault);
    return error ? Status(Code::Internal, format("cublasGemmEx: status %d", error))
                 : Status::okStatus();
  });
  Json row = {{"type", kind.name},
              {"rows", shape.rows},
              {"cols", shape.cols},
              {"tokens", shape.tokens},
              {"padded", {rows, cols, tokens}}};
  if (error == kNotSupported) {
    row["skipped"] = "cublasGemmEx does not have it (status 15)";
    return row;
  }
  if (!times.ok())
    return times.status();
  row["best_us"] = times->best;
  row["median_us"] = times->median;
  row["cold"] = copies > 1 && weightBytes * copies >= kColdBytes / 2;
  return row;
}

} // namespace

Result<Json> measureBlas(const Bench &bench, const std::vector<std::string> &names,
                         const std::vector<Shape> &shapes, const Effort &effort) {
  std::string tried;
  for (const std::string &name : names) {
    auto library = SharedLibrary::open(name.c_str());
    Functions blas{};
    if (!library.ok() || !find(*library, "cublasCreate_v2", blas.create) ||
        !find(*library, "cublasDestroy_v2", blas.destroy) ||
        !find(*library, "cublasGetVersion_v2", blas.version) ||
        !find(*library, "cublasSetStream_v2", blas.setStream) ||
        !find(*library, "cublasGemmEx", blas.gemm)) {
      tried += (tried.empty() ? "" : "; ") + name + ": " +
               (library.ok() ? "it lacks a function" : library.status().message());
      continue;
    }
    cuda::Current current(*bench.context());
    AXIOM_RETURN_IF_ERROR(bench.check("cuCtxPushCurrent", current.error()));
    Handle handle = nullptr;
    if (int error = blas.create(&handle)) {
      tried += (tried.empty() ? "" : "; ") + name + format(": cublasCreate gives %d", error);
      continue;
    }
    int version = 0;
    (void)blas.version(handle, &version);
    Json result = {{"library", name}, {"version", version}, {"products", Json::array()}};
    int error = blas.setStream(handle, bench.stream());
    Status status = error ? Status(Code::Internal, format("cublasSetStream: status %d", error))
                          : Status::okStatus();
    for (const Shape &shape : shapes)
      for (const Kind &kind : kKinds) {
        if (!status.ok())
          break;
        auto row = measure(bench, blas, handle, kind, shape, effort);
        if (row.ok())
          result["products"].push_back(std::move(*row));
        else
          status = row.status().withContext(
              format("%s, %u x %u x %u", kind.name, shape.rows, shape.cols, shape.tokens));
      }
    (void)blas.destroy(handle);
    if (!status.ok())
      return status;
    return result;
  }
  return Json{{"skipped", "no cuBLAS: " + tried}};
}

} // namespace axiom::bench
