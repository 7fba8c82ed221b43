// Where the interpreter gets its weights: logical values, free of any storage layout.
#ifndef AXIOM_DIALECTS_AXIOM_INTERPRETER_WEIGHTPROVIDER_H
#define AXIOM_DIALECTS_AXIOM_INTERPRETER_WEIGHTPROVIDER_H

#include "runtime/abi/kernel_abi.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace axiom {

/// All values of one matrix. `groups` = ceil(cols / 32), padded = 32 * groups; padding is zero.
/// Quantized formats fill q and wscale (Q4 and Q4F16 wmin too, Q6 sub); float formats fill values.
struct LogicalWeight {
  AxmFormat format = AXM_FORMAT_F32;
  uint32_t rows = 0, cols = 0;
  std::vector<int8_t> q;     ///< [rows][padded]: -128..127 (Q8), 0..15, or code - 32 (Q6)
  std::vector<float> wscale; ///< [rows][groups]: w = wscale * q + wmin; Q6: the f16 factor d
  std::vector<float> wmin;   ///< [rows][groups]; empty for Q8 and Q6
  std::vector<int8_t> sub;   ///< Q6: [rows][groups][2], w = (wscale * sub) * q for 16 columns each
  std::vector<float> values; ///< [rows][padded], exact f32 of the stored value
};

class WeightProvider {
public:
  virtual ~WeightProvider() = default;

  /// The matrix `name`, stored in `format` with these logical sizes.
  virtual Result<LogicalWeight> matrix(const std::string &name, AxmFormat format, uint32_t rows,
                                       uint32_t cols) = 0;
  /// The matrix in f32 exactly as its source stores it, before any quantization; only modules that
  /// have not passed the quantize phase ask for it.
  virtual Result<LogicalWeight> sourceMatrix(const std::string &name, uint32_t rows,
                                             uint32_t cols) {
    (void)rows, (void)cols;
    return Status(Code::Unsupported, "weight '" + name +
                                         "' is asked for in its source format, which this weight "
                                         "provider does not have; run the quantize phase first");
  }
  /// The vector `name` of `size` elements. `addend` (gain forms 1 + w) is to be added to the stored
  /// source values, each sum rounded to f32; packed vectors have it added already.
  virtual Result<std::vector<float>> vector(const std::string &name, uint32_t size,
                                            float addend) = 0;
};

} // namespace axiom

#endif
