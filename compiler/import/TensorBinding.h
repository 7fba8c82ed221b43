// The tensors that were found in the files, held against what the model's family needs.
#ifndef AXIOM_COMPILER_IMPORT_TENSORBINDING_H
#define AXIOM_COMPILER_IMPORT_TENSORBINDING_H

#include "compiler/import/ModelSource.h"
#include "compiler/import/models/Family.h"

#include <map>

namespace axiom {

/// A tensor of an input file under its canonical name, before anyone decided that it is needed.
struct FoundTensor {
  std::string sourceName;      ///< as the file spells it
  std::vector<uint64_t> shape; ///< outermost dimension first
  std::string typeName;        ///< as the file spells it
  bool typeSupported = false;
  SourceType type = SourceType::F32; ///< valid if typeSupported
  std::span<const uint8_t> bytes;
  uint32_t permutedHeads = 0;
};
using FoundTensors = std::map<std::string, FoundTensor>;

/// Checks that every tensor of the model is there with the right shape and a usable type, and moves
/// them into `tensors`. What is left over becomes notes. Settles config.tiedEmbedding: a tied model
/// whose head is stored and differs is treated as untied, and a head equal to the embedding is
/// dropped.
Status bindTensors(FoundTensors found, const FamilySpec &family, const BiasUse &biases,
                   ModelConfig &config, std::map<std::string, SourceTensor> &tensors,
                   std::vector<std::string> &notes);

} // namespace axiom

#endif
