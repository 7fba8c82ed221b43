// One weight of the plan, packed a range of stripes at a time; used by several threads at once.
#ifndef AXIOM_COMPILER_PACKAGE_STRIPEPACKER_H
#define AXIOM_COMPILER_PACKAGE_STRIPEPACKER_H

#include "compiler/import/ModelSource.h"
#include "compiler/package/RowQuantizer.h"
#include "dialects/plan/ExecutionPlan.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <vector>

namespace axiom {

/// Differences between packed and source values over a part of a tensor.
struct PackStats {
  float maxError = 0;
  double errorPower = 0;
  double power = 0;
  /// With feedback: the same of the outputs that typical inputs give, over sampled units.
  double outputErrorPower = 0;
  double outputPower = 0;

  void add(const PackStats &other);
};

class StripePacker {
public:
  /// Checks the weight against its source. Both must outlive the packer.
  static Result<StripePacker> create(const plan::PlanWeight &weight, const ModelSource &source);

  /// Units that can be packed on their own: stripes of a matrix, 1 for a vector.
  uint32_t units() const { return units_; }
  uint64_t unitBytes() const { return unitBytes_; }
  uint64_t totalBytes() const { return units_ * unitBytes_; }
  const SourceTensor *tensor() const { return tensor_; }
  /// False where values are stored as they are or rounded one by one: nothing can guide that.
  bool searches() const;

  /// The errors of the outputs are measured on every so many units, from unit 0 on: 16 units of a
  /// large matrix, or every fourth.
  uint32_t sampleStep() const;

  /// Packs units [first, first + count) to `out`, which holds count * unitBytes() bytes.
  Status pack(uint32_t first, uint32_t count, const QuantGuide &guide, uint8_t *out,
              PackStats &stats) const;

private:
  StripePacker(const plan::PlanWeight &weight, const SourceTensor *tensor);
  int64_t logicalRow(uint32_t packedRow) const;
  Status packVector(uint8_t *out, PackStats &stats) const;
  void quantize(const float *rows, const int64_t *rowIds, const QuantGuide &guide,
                QuantStripe &stripe) const;
  Status judge(const float *rows, const int64_t *rowIds, const QuantStripe &stripe,
               PackStats &stats) const;
  void judgeOutputs(const float *rows, const int64_t *rowIds, const QuantStripe &stripe,
                    const Feedback &feedback, PackStats &stats) const;
  Status judgeValue(float source, float packed, int64_t row, uint32_t col, PackStats &stats) const;

  const plan::PlanWeight *weight_;
  const SourceTensor *tensor_; ///< null for computed values
  uint32_t headRows_;          ///< rows of a head, without padding
  uint32_t packedHeadRows_;    ///< with padding
  uint32_t paddedCols_;
  uint32_t units_;
  uint64_t unitBytes_;
};

} // namespace axiom

#endif
