// The weights segment: each PlanWeight of a plan as packed bytes, streamed stripe by stripe from
// the mapped source, so that never more than a few chunks of it are in memory.
#ifndef AXIOM_COMPILER_PACKAGE_WEIGHTPACKER_H
#define AXIOM_COMPILER_PACKAGE_WEIGHTPACKER_H

#include "compiler/import/ModelSource.h"
#include "compiler/package/Feedback.h"
#include "dialects/plan/ExecutionPlan.h"
#include "runtime/base/Sha256.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace axiom {

/// Where each weight lies in the segment, in the order of the plan's weights.
struct WeightLayout {
  struct Place {
    uint64_t offset, size;
  };
  std::vector<Place> places;
  uint64_t size = 0; ///< of the whole segment
};

/// What packing one weight found out.
struct PackedTensor {
  std::string sourceType; ///< "Q4_1", "F32", ...; "computed" for constants
  float maxError = 0;     ///< largest |packed - source|; 0: exact
  double errorPower = 0;  ///< sum of squared differences
  double power = 0;       ///< sum of squared source values
  /// With feedback: the relative squared error of the outputs that typical inputs give, measured on
  /// some of the rows; negative: unknown.
  double outputError = -1;
  double seconds = 0;       ///< of all threads; the only thing here that differs from run to run
  uint64_t weights = 0;     ///< logical elements
  uint64_t sourceBytes = 0; ///< of the tensor in the source; 0 for constants
  Sha256Digest sha256{};    ///< of the packed bytes
};

/// What is known of the inputs of a weight, by the name of its source; null: nothing. Called from
/// several threads; what it returns is held while parts of that weight are packed.
using FeedbackSource =
    std::function<Result<std::shared_ptr<const Feedback>>(const std::string &source)>;

struct PackOptions {
  uint32_t threads = 1;    ///< never changes a byte
  FeedbackSource feedback; ///< guides the search of quantized weights; empty: nothing is known
  /// Called from the calling thread after every chunk.
  std::function<void(uint64_t doneBytes, uint64_t totalBytes)> progress;
};

using ByteSink = std::function<Status(std::span<const uint8_t>)>;

/// Sizes and places; checks that every weight's source exists and has the plan's shape.
Result<WeightLayout> layoutWeights(const std::vector<plan::PlanWeight> &weights,
                                   const ModelSource &source);

/// Streams the segment's bytes, padding included, to `sink` in order from the calling thread.
/// A value that is not finite, or that its format can't hold, is an error that names it.
Result<std::vector<PackedTensor>> packWeights(const std::vector<plan::PlanWeight> &weights,
                                              const ModelSource &source, const WeightLayout &layout,
                                              const PackOptions &options, const ByteSink &sink);

/// One weight in memory, for tests and the interpreter.
Result<std::vector<uint8_t>> packWeight(const plan::PlanWeight &weight, const ModelSource &source,
                                        PackedTensor *report = nullptr);

} // namespace axiom

#endif
