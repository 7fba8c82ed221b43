// The weights segment: each PlanWeight of a plan as packed bytes, streamed stripe by stripe from
// the mapped source, so that never more than a few chunks of it are in memory.
#ifndef AXIOM_COMPILER_PACKAGE_WEIGHTPACKER_H
#define AXIOM_COMPILER_PACKAGE_WEIGHTPACKER_H

#include "compiler/import/ModelSource.h"
#include "dialects/plan/ExecutionPlan.h"
#include "runtime/base/Sha256.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
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
  std::string sourceType;   ///< "Q4_1", "F32", ...; "computed" for constants
  float maxError = 0;       ///< largest |packed - source|; 0: exact
  double errorPower = 0;    ///< sum of squared differences
  double power = 0;         ///< sum of squared source values
  uint64_t weights = 0;     ///< logical elements
  uint64_t sourceBytes = 0; ///< of the tensor in the source; 0 for constants
  Sha256Digest sha256{};    ///< of the packed bytes
};

struct PackOptions {
  uint32_t threads = 1; ///< never changes a byte
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
