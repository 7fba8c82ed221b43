// Runs a model on a text and keeps what the inputs of its linears look like.
#ifndef AXIOM_COMPILER_CALIBRATE_CALIBRATION_H
#define AXIOM_COMPILER_CALIBRATE_CALIBRATION_H

#include "compiler/calibrate/CalibrationText.h"
#include "compiler/calibrate/FactorFile.h"
#include "compiler/import/ModelSource.h"
#include "dialects/plan/ExecutionPlan.h"
#include "runtime/artifact/Artifact.h"

#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace axiom::calibrate {

struct CalibrationJob {
  const plan::ExecutionPlan &plan;          ///< with float weights only
  const ModelSource &source;                ///< what the plan's weights come from
  std::shared_ptr<const Artifact> artifact; ///< of that plan
  const CalibrationText &text;
  std::string folder;   ///< for the temporary file
  uint32_t threads = 1; ///< never changes a bit
  /// Called from the calling thread, with work done and all there is.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

/// What is known of the inputs of each weight. Used by several threads at once.
class Calibration {
public:
  /// Layer after layer: all chunks of the text pass a layer, then its moments are factored and
  /// written away. So memory holds the moments of one layer and the hidden states of the text.
  static Result<std::unique_ptr<Calibration>> run(const CalibrationJob &job);

  /// For a weight by its source's name; null where nothing is known (an embedding without a head).
  Result<std::shared_ptr<const Feedback>> feedback(const std::string &tensor);
  /// How much an error in the outputs of a weight counts: the part of the residual, relative and
  /// squared, that its block adds; 1 for the head. The mean of all where nothing is known.
  double share(const std::string &tensor) const;
  /// What the temporary file takes.
  uint64_t fileBytes() const { return file_.bytes(); }

private:
  friend class Calibrator;
  explicit Calibration(FactorFile file) : file_(std::move(file)) {}

  FactorFile file_;
  struct Known {
    uint32_t factors; ///< number in the file
    double share;
  };
  std::map<std::string, Known> known_; ///< by tensor
  std::mutex mutex_;
  std::vector<std::weak_ptr<const Feedback>> loaded_;
  std::shared_ptr<const Feedback> last_; ///< weights of one input follow each other
};

} // namespace axiom::calibrate

#endif
