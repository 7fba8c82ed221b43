// What axiomc says about a compilation.
#ifndef AXIOM_COMPILER_DRIVER_REPORT_H
#define AXIOM_COMPILER_DRIVER_REPORT_H

#include "compiler/driver/CompilerOptions.h"
#include "compiler/package/WeightPacker.h"

#include <string>
#include <vector>

namespace axiom {

/// Mean bits of a matrix weight in the source and as stored.
struct BitsPerWeight {
  double source = 0, stored = 0;
  uint64_t weights = 0;
};
BitsPerWeight bitsPerWeight(const std::vector<plan::PlanWeight> &weights,
                            const WeightLayout &layout, const ModelSource &source);

/// The one line on success.
std::string summaryLine(const std::string &output, uint64_t fileBytes,
                        const CompilerOptions &options,
                        const std::vector<plan::PlanWeight> &weights, const BitsPerWeight &bits,
                        const std::vector<PackedTensor> &tensors);

/// A line for every pair of source type and stored format that lost something, with the worst
/// tensor.
std::string lossLines(const std::vector<plan::PlanWeight> &weights,
                      const std::vector<PackedTensor> &tensors);

/// For CUDA targets: a line about the matrices that are multiplied and not quantized; empty if
/// there are none.
std::string unquantizedNote(const plan::ExecutionPlan &plan);

/// A line per tensor: source, format, bytes, errors, time (-v).
std::string tensorTable(const std::vector<plan::PlanWeight> &weights, const WeightLayout &layout,
                        const std::vector<PackedTensor> &tensors);
/// The same as JSON (--report).
std::string tensorReport(const std::vector<plan::PlanWeight> &weights, const WeightLayout &layout,
                         const std::vector<PackedTensor> &tensors);

/// --dry-run: size of the artifact's parts and memory of a run.
std::string dryRunReport(const plan::ExecutionPlan &plan, const WeightLayout &layout,
                         const BitsPerWeight &bits, const ModelConfig &config);

const char *kvCacheTypeName(AxmKvType type);
/// "12.3 MB", powers of ten.
std::string byteText(uint64_t bytes);

} // namespace axiom

#endif
