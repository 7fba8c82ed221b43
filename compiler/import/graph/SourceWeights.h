// A WeightProvider over the tensors of a ModelSource, for modules whose matrices are stored as
// floats (f32, f16, bf16) and for modules before the quantize phase. Integer formats come from
// packed weights (dialects/axiom/interpreter/PackedWeights.h).
#ifndef AXIOM_COMPILER_IMPORT_GRAPH_SOURCEWEIGHTS_H
#define AXIOM_COMPILER_IMPORT_GRAPH_SOURCEWEIGHTS_H

#include "compiler/import/ModelSource.h"
#include "dialects/axiom/interpreter/WeightProvider.h"

namespace axiom {

class SourceWeights : public WeightProvider {
public:
  /// `source` must outlive the provider.
  explicit SourceWeights(const ModelSource &source) : source_(source) {}

  Result<LogicalWeight> matrix(const std::string &name, AxmFormat format, uint32_t rows,
                               uint32_t cols) override;
  Result<LogicalWeight> sourceMatrix(const std::string &name, uint32_t rows,
                                     uint32_t cols) override;
  Result<std::vector<float>> vector(const std::string &name, uint32_t size, float addend) override;

private:
  Result<const SourceTensor *> find(const std::string &name, uint64_t rows, uint64_t cols) const;
  const ModelSource &source_;
};

} // namespace axiom

#endif
