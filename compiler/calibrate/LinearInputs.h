// Where the linears of a plan read their inputs: what calibration has to watch, and in which parts
// a step can be run for that.
#ifndef AXIOM_COMPILER_CALIBRATE_LINEARINPUTS_H
#define AXIOM_COMPILER_CALIBRATE_LINEARINPUTS_H

#include "dialects/plan/ExecutionPlan.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace axiom::calibrate {

/// Rows that one or more weights are multiplied with, complete in `slot` before phase `phase`.
/// Phases are numbered with all repetitions written out, as the executor numbers them.
struct LinearInput {
  uint32_t phase = 0;
  uint32_t slot = 0;
  uint32_t width = 0; ///< features of a row; rows lie plan::rowStride(width) floats apart
  int64_t norm = -1;  ///< weight with the gains if the linear normalizes its rows first; -1: no
  float normEps = 0.0f;
  std::vector<std::string> tensors; ///< source names of the weights
};

/// The phases [first, end) of one repetition, which begin and end with nothing but the residual
/// slot (and what the leading phases have made) in use.
struct LayerPhases {
  uint32_t first = 0, end = 0;
  std::vector<LinearInput> inputs; ///< in the order of their phases
};

struct LinearInputs {
  uint32_t leadingPhases = 0; ///< before the first layer: embedding, rope angles
  std::vector<LayerPhases> layers;
  LinearInput head;
};

/// For a plan whose matrices are all stored in float formats, so that inputs are f32 rows.
Result<LinearInputs> findLinearInputs(const plan::ExecutionPlan &plan);

} // namespace axiom::calibrate

#endif
