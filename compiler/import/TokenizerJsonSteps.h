// Normalizer, pre-tokenizer and decoder of a tokenizer.json as steps of the runtime.
#ifndef AXIOM_COMPILER_IMPORT_TOKENIZERJSONSTEPS_H
#define AXIOM_COMPILER_IMPORT_TOKENIZERJSONSTEPS_H

#include "compiler/import/TokenizerSpec.h"

#include <nlohmann/json.hpp>

#include <string>

namespace axiom {

/// The member `name` of an object, or null if there is none or `value` is no object.
const nlohmann::json &member(const nlohmann::json &value, const char *name);
/// member "type" as printable text, or "".
std::string typeOf(const nlohmann::json &value);
Result<bool> readBool(const nlohmann::json &value, const char *name, bool missing);

Status readNormalizer(const nlohmann::json &value, TokenizerSpec &spec);
/// Sets kByteLevel too.
Status readPretokenizer(const nlohmann::json &value, TokenizerSpec &spec);
/// After readPretokenizer.
Status readDecoder(const nlohmann::json &value, TokenizerSpec &spec);

} // namespace axiom

#endif
