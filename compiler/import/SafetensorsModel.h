// A Hugging Face folder, or one of its safetensors or index files, as a model.
#ifndef AXIOM_COMPILER_IMPORT_SAFETENSORSMODEL_H
#define AXIOM_COMPILER_IMPORT_SAFETENSORSMODEL_H

#include "compiler/import/ModelSource.h"

namespace axiom {

/// `path` is a directory, a .safetensors file or an index; the other files are taken from beside
/// it.
Result<std::unique_ptr<ModelSource>> openSafetensors(const std::string &path);

/// The name without `model.`, `model.language_model.` and so on in its canonical spelling.
std::string canonicalTensorName(const std::string &name);

/// chat_template of tokenizer_config.json: a string, or a list of named ones of which "default" is
/// taken. Also the texts of bos_token and eos_token.
Status readTokenizerConfig(const std::string &text, TextSource &out,
                           std::vector<std::string> &notes);

} // namespace axiom

#endif
