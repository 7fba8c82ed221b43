#include "compiler/driver/MixFormats.h"

#include "compiler/driver/Frontend.h"
#include "compiler/mix/FormatTrial.h"
#include "runtime/base/Threads.h"

#include <cctype>
#include <iterator>

namespace axiom {

using plan::PlanWeight;

namespace {

Result<std::vector<PlanWeight>> matricesWith(const ModelSource &source, CompilerOptions options,
                                             const char *quant) {
  options.quant = quant;
  options.emit = Emit::Artifact;
  options.stopAfter = options.dumpIrDir = "";
  AXIOM_ASSIGN_OR_RETURN(FrontendResult front, runFrontend(source, options, [](const char *) {}));
  std::erase_if(front.plan->weights, [](const PlanWeight &weight) { return weight.vector; });
  return std::move(front.plan->weights);
}

/// A regular expression that matches `name` and nothing else.
std::string exactly(const std::string &name) {
  std::string pattern = "^";
  for (char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_')
      pattern += '\\';
    pattern += c;
  }
  return pattern + "$";
}

/// Bytes that the open matrices may take.
double budgetOf(const OpenMatrices &matrices, const CompilerOptions &options) {
  return options.bits * static_cast<double>(matrices.weights) / 8 -
         static_cast<double>(matrices.decidedBytes);
}

Result<uint64_t> bytesIn(AxmFormat format, std::vector<PlanWeight> matrices,
                         const ModelSource &source) {
  for (PlanWeight &weight : matrices)
    weight.format = format;
  AXIOM_ASSIGN_OR_RETURN(WeightLayout layout, layoutWeights(matrices, source));
  uint64_t bytes = 0;
  for (const WeightLayout::Place &place : layout.places)
    bytes += place.size;
  return bytes;
}

Status checkBits(const OpenMatrices &matrices, const ModelSource &source,
                 const CompilerOptions &options) {
  AxmFormat small = mix::kMixFormats[0], large = std::end(mix::kMixFormats)[-1];
  AXIOM_ASSIGN_OR_RETURN(uint64_t least, bytesIn(small, matrices.list, source));
  AXIOM_ASSIGN_OR_RETURN(uint64_t most, bytesIn(large, matrices.list, source));
  auto bitsOf = [&](uint64_t bytes) {
    return 8 * static_cast<double>(matrices.decidedBytes + bytes) /
           static_cast<double>(matrices.weights);
  };
  constexpr double kHalfDigit = 0.0005; // the bounds are said with three digits, on the safe side
  if (budgetOf(matrices, options) >= static_cast<double>(least) &&
      options.bits <= bitsOf(most) + kHalfDigit)
    return Status();
  return Status(Code::InvalidArgument,
                format("--bits %g is not possible: the matrices of this model take %.3f bits a "
                       "weight if all that can be chosen is %s, and %.3f in %s; give a number "
                       "between them, or --quant FORMAT",
                       options.bits, bitsOf(least) + kHalfDigit, plan::formatName(small),
                       bitsOf(most), plan::formatName(large)));
}

} // namespace

// What the user's overrides leave open changes with --quant.
Result<OpenMatrices> openMatrices(const ModelSource &source, const CompilerOptions &options) {
  AXIOM_ASSIGN_OR_RETURN(std::vector<PlanWeight> six, matricesWith(source, options, "q6"));
  AXIOM_ASSIGN_OR_RETURN(std::vector<PlanWeight> eight, matricesWith(source, options, "q8"));
  if (six.size() != eight.size())
    return Status(Code::Internal, "the matrices of a model depend on its formats");
  OpenMatrices matrices;
  std::vector<PlanWeight> decided;
  for (size_t i = 0; i < six.size(); ++i) {
    matrices.weights += uint64_t(six[i].rows) * six[i].cols;
    (six[i].format == eight[i].format ? decided : matrices.list).push_back(std::move(six[i]));
  }
  if (matrices.list.empty())
    return Status(Code::InvalidArgument, "--bits has nothing to choose: --quant-override decides "
                                         "every matrix; leave one of them out");
  AXIOM_ASSIGN_OR_RETURN(WeightLayout layout, layoutWeights(decided, source));
  for (const WeightLayout::Place &place : layout.places)
    matrices.decidedBytes += place.size;
  AXIOM_RETURN_IF_ERROR(checkBits(matrices, source, options));
  return matrices;
}

Result<CompilerOptions> mixFormats(const OpenMatrices &matrices, const ModelSource &source,
                                   const CompilerOptions &options,
                                   calibrate::Calibration *calibration, Progress &progress) {
  progress.stage("mix", format("%zu matrices", matrices.list.size()));
  mix::TrialOptions trial;
  trial.threads = options.jobs > 0 ? options.jobs : usableCores();
  if (calibration) {
    trial.feedback = [&](const std::string &tensor) { return calibration->feedback(tensor); };
    trial.weight = [&](const std::string &tensor) { return calibration->share(tensor); };
  }
  trial.progress = [&](uint64_t done, uint64_t total) { progress.advance(done, total); };
  AXIOM_ASSIGN_OR_RETURN(std::vector<mix::TensorChoices> tensors,
                         mix::tryFormats(matrices.list, source, trial));
  auto budget = static_cast<uint64_t>(budgetOf(matrices, options));
  std::vector<uint32_t> chosen = mix::chooseFormats(tensors, budget);
  CompilerOptions mixed = options;
  mixed.quant = "q4"; // decides no matrix, but the KV cache of a quantized model
  for (size_t i = 0; i < chosen.size(); ++i)
    mixed.overrides.emplace_back(exactly(matrices.list[i].source),
                                 plan::formatName(tensors[i][chosen[i]].format));
  return mixed;
}

} // namespace axiom
