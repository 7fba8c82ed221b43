// Kernel tests as values: kernels, the operands of each launch, and the memory that the
// interpreter's rules (dialects/axiom/interpreter/Numerics.h) leave behind. The kernel tests expect
// every case to hold; the fault test plants a fault in a case's module and expects a difference.
#ifndef AXIOM_TEST_UNIT_CODEGEN_KERNELCASES_H
#define AXIOM_TEST_UNIT_CODEGEN_KERNELCASES_H

#include "test/unit/codegen/KernelHarness.h"

#include <functional>

namespace axiom::test {

template <typename T> Bytes bytesOf(const std::vector<T> &values) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(values.size() * sizeof(T));
  std::memcpy(bytes->data(), values.data(), bytes->size());
  return bytes;
}
/// What an operand holds that the kernel writes whole; read as a float it is a NaN.
Bytes unwritten(size_t bytes);

/// One argument of a launch: all its bytes before, and after as far as they are known. An input
/// stays as it is.
struct Operand {
  Operand(std::string name, Bytes same) : name(std::move(name)), before(same), after(same) {}
  Operand(std::string name, Bytes before, Bytes after, size_t rowBytes, bool floats = true)
      : name(std::move(name)), before(std::move(before)), after(std::move(after)),
        rowBytes(rowBytes), floats(floats) {}
  std::string name;
  Bytes before, after;
  size_t rowBytes = 4; ///< for the report
  bool floats = false; ///< f32 words, where one NaN is as good as another
};

struct KernelLaunch {
  size_t kernel; ///< index of the case's specs
  std::string what;
  std::vector<Operand> operands;
  uint32_t tokens, calls = 1;
};

struct KernelCase {
  std::string name;
  std::vector<plan::KernelSpec> specs;
  std::vector<KernelLaunch> launches;

  static constexpr size_t kAll = SIZE_MAX;
  /// Compiles all kernels or one, with `edit` planted, and runs its launches, each from its own
  /// `before`. Gives the first difference in any byte of any operand, or nothing.
  std::string check(const codegen::ModuleEdit &edit = {}, size_t kernel = kAll,
                    const std::string &level = "x86-64-v3") const;
  /// The same launches of all kernels, to be run on another machine.
  SweepCase record(const std::string &level) const;
};

struct Shape {
  uint32_t inner, rows;
  std::vector<uint32_t> cuts = {};
};

/// Plain linears: kernels 2i and 2i + 1 store the products of shape i and add them, with a bias, to
/// a residual.
KernelCase plainCase(AxmFormat format, const std::vector<Shape> &shapes);
/// A plain linear of quantized weights behind a kernel that leaves quantized rows.
KernelCase quantizedRowsCase(AxmFormat format, const Shape &shape);
/// `format` is that of the gate.
KernelCase swiGluCase(AxmFormat format, bool quantizeOut, const std::vector<Shape> &shapes,
                      AxmFormat up = AXM_FORMAT_Q8);
/// With a bias where a shape has cuts.
KernelCase headCase(AxmFormat format, const std::vector<Shape> &shapes);
/// Tile statistics of chosen logits, so that a last bit of any exp is a bit of the sum.
KernelCase chosenLogitsCase();
/// Tiles with a logit that is infinite.
KernelCase infiniteLogitsCase();
/// Activations that the quantization rule treats apart: zeros, subnormal scales, infinities, NaN.
KernelCase specialActivationsCase();

struct Heads {
  uint32_t heads, kvHeads, dim, window;
  AxmKvType type;
  bool qkNorm, bias;
};
/// Rope angles, QKV (rope, QK-norm, KV write) and attention for one shape of heads.
KernelCase headsCase(const Heads &heads);
/// Attention alone, both forms: contexts around the borders of blocks and spans, several sequences
/// in a step, in few and in many parts.
KernelCase contextsCase(const Heads &heads);
KernelCase embedCase(AxmFormat format);

extern const std::vector<Shape> plainShapes, swiGluShapes, headShapes;
extern const std::vector<Heads> headsShapes, contextShapes;
extern const Heads largeHeads; ///< of which a GPU's threads have fewer rows

/// An x between low and high (0 < low) with f(x) == target, for an f that rises but for its
/// roundings; 0 if there is none near where f passes the target.
float solve(const std::function<float(float)> &f, float target, float low, float high);

} // namespace axiom::test

#endif
