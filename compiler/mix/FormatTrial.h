// What storing a weight in each format would cost and spoil, from a sample of its rows.
#ifndef AXIOM_COMPILER_MIX_FORMATTRIAL_H
#define AXIOM_COMPILER_MIX_FORMATTRIAL_H

#include "compiler/mix/FormatMix.h"
#include "compiler/package/WeightPacker.h"

#include <functional>
#include <span>

namespace axiom::mix {

/// The formats that a mix is made of, from small to large.
inline constexpr AxmFormat kMixFormats[] = {AXM_FORMAT_Q4, AXM_FORMAT_Q4F16, AXM_FORMAT_Q6,
                                            AXM_FORMAT_Q8};

struct TrialOptions {
  uint32_t threads = 1;                                        ///< never changes a number
  FeedbackSource feedback;                                     ///< as in PackOptions
  std::function<double(const std::string &source)> weight;     ///< of a matrix' error; empty: 1
  std::function<void(uint64_t done, uint64_t total)> progress; ///< from the calling thread
};

/// For each of the matrices, each of kMixFormats. The error is relative and squared: of the outputs
/// that typical inputs give where the feedback knows them, else of the weights; times the weight.
Result<std::vector<TensorChoices>> tryFormats(std::span<const plan::PlanWeight> matrices,
                                              const ModelSource &source,
                                              const TrialOptions &options);

} // namespace axiom::mix

#endif
