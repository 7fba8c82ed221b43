// --bits: the formats of a model's matrices under a byte budget.
#ifndef AXIOM_COMPILER_DRIVER_MIXFORMATS_H
#define AXIOM_COMPILER_DRIVER_MIXFORMATS_H

#include "compiler/calibrate/Calibration.h"
#include "compiler/driver/CompilerOptions.h"
#include "compiler/driver/Progress.h"
#include "compiler/import/ModelSource.h"
#include "compiler/package/WeightPacker.h"
#include "runtime/base/Status.h"

namespace axiom {

/// The matrices whose formats are to be chosen.
struct OpenMatrices {
  std::vector<plan::PlanWeight> list; ///< what no override of the user decides
  uint64_t weights = 0;               ///< of all matrices
  uint64_t decidedBytes = 0;          ///< of the others
};

/// Refuses options.bits that no choice can give.
Result<OpenMatrices> openMatrices(const ModelSource &source, const CompilerOptions &options);

/// `options` with an override for each open matrix, so that all matrices together have at most
/// options.bits bits a weight. `calibration` may be null.
Result<CompilerOptions> mixFormats(const OpenMatrices &matrices, const ModelSource &source,
                                   const CompilerOptions &options,
                                   calibrate::Calibration *calibration, Progress &progress);

} // namespace axiom

#endif
