// The flatbuffer of an artifact (runtime/schema/axm.fbs) from the compiler's own structures.
#ifndef AXIOM_COMPILER_PACKAGE_METADATA_H
#define AXIOM_COMPILER_PACKAGE_METADATA_H

#include "compiler/package/ArtifactWriter.h"
#include "compiler/package/WeightPacker.h"

#include <string>
#include <vector>

namespace axiom {

struct MetadataInput {
  const ModelConfig &config;
  const TextSource &text;
  const plan::ExecutionPlan &plan;
  const WeightLayout &layout;
  const std::vector<PackedTensor> &tensors;
  const std::vector<SegmentRecord> &segments;
  std::string compiler, llvm; ///< versions
  std::vector<std::string> options;
  const std::vector<InputDigest> &inputs;
  std::string sourceFormat;
  float sourceBits = 0, storedBits = 0; ///< mean bits of a matrix weight
};

/// Deterministic: equal inputs give equal bytes.
Result<std::vector<uint8_t>> buildMetadata(const MetadataInput &input);

} // namespace axiom

#endif
