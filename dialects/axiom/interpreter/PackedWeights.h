// A WeightProvider that reads a packed weights segment (layout: runtime/abi/kernel_abi.h).
#ifndef AXIOM_DIALECTS_AXIOM_INTERPRETER_PACKEDWEIGHTS_H
#define AXIOM_DIALECTS_AXIOM_INTERPRETER_PACKEDWEIGHTS_H

#include "dialects/axiom/interpreter/WeightProvider.h"

#include <map>
#include <span>

namespace axiom {

/// Where a tensor lies in the segment; the fields of the artifact's tensor table.
struct SegmentTensor {
  std::string name;
  bool vector = false;
  AxmFormat format = AXM_FORMAT_F32;
  uint32_t rows = 0, cols = 0; ///< logical; a vector has rows = 1
  uint32_t heads = 1, rowAlign = 8;
  std::vector<uint32_t> cuts; ///< inner boundaries of the K segments
  uint64_t offset = 0, size = 0;
};

class PackedWeights : public WeightProvider {
public:
  /// `segment` must outlive the provider. Every access is checked against it.
  PackedWeights(std::span<const uint8_t> segment, std::vector<SegmentTensor> tensors);

  Result<LogicalWeight> matrix(const std::string &name, AxmFormat format, uint32_t rows,
                               uint32_t cols) override;
  Result<std::vector<float>> vector(const std::string &name, uint32_t size, float addend) override;

private:
  Result<const SegmentTensor *> find(const std::string &name, bool vector, uint64_t rows,
                                     uint64_t cols) const;

  std::span<const uint8_t> segment_;
  std::map<std::string, SegmentTensor> tensors_;
};

} // namespace axiom

#endif
