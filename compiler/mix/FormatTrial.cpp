#include "compiler/mix/FormatTrial.h"

#include "compiler/calibrate/Workers.h"
#include "compiler/package/StripePacker.h"

#include <algorithm>

namespace axiom::mix {

namespace {

/// Packs the sampled units of a weight, and keeps nothing but what that says.
Result<FormatChoice> tryFormat(const plan::PlanWeight &weight, const ModelSource &source,
                               const Feedback *feedback) {
  AXIOM_ASSIGN_OR_RETURN(StripePacker packer, StripePacker::create(weight, source));
  std::vector<uint8_t> bytes(packer.unitBytes());
  PackStats stats;
  for (uint32_t unit = 0; unit < packer.units(); unit += packer.sampleStep())
    AXIOM_RETURN_IF_ERROR(packer.pack(unit, 1, {nullptr, feedback}, bytes.data(), stats));
  FormatChoice choice{weight.format, packer.totalBytes(), 0};
  if (stats.outputPower > 0)
    choice.error = stats.outputErrorPower / stats.outputPower;
  else if (stats.power > 0)
    choice.error = stats.errorPower / stats.power;
  return choice;
}

Result<TensorChoices> tryWeight(plan::PlanWeight weight, const ModelSource &source,
                                const TrialOptions &options) {
  std::shared_ptr<const Feedback> known;
  if (options.feedback) {
    AXIOM_ASSIGN_OR_RETURN(known, options.feedback(weight.source));
  }
  double factor = options.weight ? options.weight(weight.source) : 1;
  TensorChoices choices;
  for (AxmFormat format : kMixFormats) {
    weight.format = format;
    AXIOM_ASSIGN_OR_RETURN(FormatChoice choice, tryFormat(weight, source, known.get()));
    choice.error *= factor;
    choices.push_back(choice);
  }
  return choices;
}

} // namespace

Result<std::vector<TensorChoices>> tryFormats(std::span<const plan::PlanWeight> matrices,
                                              const ModelSource &source,
                                              const TrialOptions &options) {
  AXIOM_ASSIGN_OR_RETURN(calibrate::Workers workers, calibrate::Workers::create(options.threads));
  std::vector<TensorChoices> found(matrices.size());
  std::vector<Status> statuses(matrices.size());
  // A few at a time, so that progress shows and a failure ends it.
  uint32_t some = 4 * options.threads;
  for (size_t first = 0; first < matrices.size(); first += some) {
    size_t count = std::min<size_t>(some, matrices.size() - first);
    workers.each(static_cast<uint32_t>(count), [&](uint32_t i) {
      auto choices = tryWeight(matrices[first + i], source, options);
      statuses[first + i] = choices.status();
      if (choices.ok())
        found[first + i] = std::move(choices).value();
    });
    for (const Status &status : statuses)
      AXIOM_RETURN_IF_ERROR(status);
    if (options.progress)
      options.progress(first + count, matrices.size());
  }
  return found;
}

} // namespace axiom::mix
