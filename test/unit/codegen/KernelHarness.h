// Runs generated kernels in the test process: images are mapped executable, every operand lies
// flush against an inaccessible page, and the units of a launch are split over several calls as
// threads would.
#ifndef AXIOM_TEST_UNIT_CODEGEN_KERNELHARNESS_H
#define AXIOM_TEST_UNIT_CODEGEN_KERNELHARNESS_H

#include "codegen/cpu/CodeImage.h"
#include "dialects/axiom/interpreter/Numerics.h"
#include "dialects/plan/KernelSpec.h"
#include "test/kernels/Guarded.h"
#include "test/kernels/Sweep.h"

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace axiom::test {

Guarded guardedCopy(const std::vector<float> &values);

class KernelImage {
public:
  /// Compiles; a failure ends the test program with its message. `edit` may change the emitted
  /// module.
  explicit KernelImage(const std::vector<plan::KernelSpec> &specs,
                       const codegen::ModuleEdit &edit = {},
                       const std::string &level = "x86-64-v3");
  ~KernelImage();
  KernelImage(const KernelImage &) = delete;

  /// Runs kernel `index` for T tokens over all its units, split at random places into `calls`
  /// parts (or one a unit) that run in random order, each with a scratch of its own that holds NaNs
  /// at first. `parts`: records them instead.
  void run(size_t index, const std::vector<void *> &args, uint32_t tokens, uint32_t calls = 1,
           uint32_t seed = 0, std::vector<SweepPart> *parts = nullptr) const;
  std::vector<uint8_t> bytes() const { return {base_, base_ + size_}; }

private:
  std::vector<plan::KernelSpec> specs_;
  std::vector<AxmKernelRow> rows_;
  uint8_t *base_ = nullptr;
  size_t size_ = 0;
};

enum class Fill { Random, Extreme, Steps };

/// A random packed matrix together with its logical values; packed by the words of kernel_abi.h.
struct Matrix {
  LogicalWeight logical;
  std::vector<uint8_t> packed;
};
/// heads and rowAlign as in plan::LinearRange. Extreme: all weights at the end of their range.
/// Steps: the weights of column k are 1 + k % 8.
Matrix randomMatrix(const plan::LinearRange &range, uint32_t inner,
                    const std::vector<uint32_t> &cuts, Fill fill, std::mt19937 &rng);
/// f32 weights from [rows][inner].
Matrix givenMatrix(uint32_t rows, uint32_t inner, const std::vector<float> &values);

/// Rows of `inner` values with stride rowStride(inner), padding zero. Random: every fourth row is
/// small, so that a norm's eps counts. Extreme: all +-1.
std::vector<float> randomRows(uint32_t rows, uint32_t inner, Fill fill, std::mt19937 &rng);
std::vector<float> randomVector(uint32_t n, uint32_t padded, float low, float high,
                                std::mt19937 &rng);

/// linear() of the interpreter on strided rows: quantizes first where the format asks for it.
std::vector<float> oracleLinear(const std::vector<float> &x, uint32_t rows, const Matrix &matrix,
                                const std::vector<uint32_t> &cuts, const float *bias);

extern const AxmFormat allFormats[7];
using plan::formatName;

} // namespace axiom::test

#endif
