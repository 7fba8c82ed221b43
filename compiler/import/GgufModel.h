// A .gguf file as a model: its keys and tensor names in Axiom's terms.
#ifndef AXIOM_COMPILER_IMPORT_GGUFMODEL_H
#define AXIOM_COMPILER_IMPORT_GGUFMODEL_H

#include "compiler/import/Gguf.h"
#include "compiler/import/models/Family.h"

namespace axiom {

/// Everything but the tensors' bytes, for the fuzz targets and tests: a parsed container as a
/// configuration, with the family that reads it.
struct GgufConfig {
  const FamilySpec *family = nullptr;
  bool permutedQK = false; ///< q and k rows are stored for interleaved rotary embedding
  ModelConfig config;
};
Result<GgufConfig> readGgufConfig(const GgufFile &file, std::vector<std::string> &notes);

/// The tokenizer keys, the chat template and the texts of the BOS and EOS tokens.
Status readGgufText(const GgufFile &file, const ModelConfig &config, TextSource &text);

/// token_embd.weight -> model.embed_tokens.weight and so on; empty for a name we do not know.
std::string canonicalGgufName(std::string_view name);

Result<std::unique_ptr<ModelSource>> openGguf(const std::string &path);

} // namespace axiom

#endif
