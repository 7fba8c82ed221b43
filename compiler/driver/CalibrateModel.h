// --calibrate: the model is compiled with float weights, run on a text, and forgotten; what stays
// is what its linears' inputs look like.
#ifndef AXIOM_COMPILER_DRIVER_CALIBRATEMODEL_H
#define AXIOM_COMPILER_DRIVER_CALIBRATEMODEL_H

#include "compiler/calibrate/Calibration.h"
#include "compiler/driver/CompilerOptions.h"
#include "compiler/driver/Progress.h"
#include "compiler/import/ModelSource.h"
#include "runtime/base/Status.h"

#include <memory>
#include <string>
#include <vector>

namespace axiom {

/// Refuses a compilation in which nothing is searched, so that a text could guide nothing.
Status checkCalibrates(const std::vector<plan::PlanWeight> &weights, const ModelSource &source);

/// Temporary files lie beside `output` and are gone however this ends.
Result<std::unique_ptr<calibrate::Calibration>>
calibrateModel(const ModelSource &source, const CompilerOptions &options,
               const calibrate::CalibrationText &text, const std::string &output,
               Progress &progress);

} // namespace axiom

#endif
