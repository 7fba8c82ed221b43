// The tokenizer and chat template keys of a GGUF file.
#include "compiler/import/GgufModel.h"
#include "compiler/import/TokenizerCompiler.h"

namespace axiom {

namespace {

constexpr const char *kPrefix = "tokenizer.ggml.";

Status readId(const GgufFile &file, const char *name, size_t tokens, int64_t &out) {
  std::string key = kPrefix + std::string(name);
  AXIOM_ASSIGN_OR_RETURN(auto id, file.signedInt(key));
  if (!id || *id == -1 || *id == 0xffffffffll) // -1 in either width: none
    return Status::okStatus();
  if (*id < 0 || static_cast<uint64_t>(*id) >= tokens)
    return Status(Code::BadInput, format("metadata key '%s' is %lld; there are %zu tokens",
                                         key.c_str(), static_cast<long long>(*id), tokens));
  out = *id;
  return Status::okStatus();
}

Status readTokenizer(const GgufFile &file, uint32_t vocab, GgufTokenizer &t) {
  auto key = [](const char *name) { return kPrefix + std::string(name); };
  AXIOM_ASSIGN_OR_RETURN(auto model, file.string(key("model")));
  AXIOM_ASSIGN_OR_RETURN(auto pre, file.string(key("pre")));
  t.model = model.value_or("");
  t.pre = pre.value_or("");
  AXIOM_ASSIGN_OR_RETURN(t.tokens, file.stringArray(key("tokens")));
  AXIOM_ASSIGN_OR_RETURN(t.scores, file.floatArray(key("scores")));
  AXIOM_ASSIGN_OR_RETURN(t.tokenTypes, file.intArray(key("token_type")));
  AXIOM_ASSIGN_OR_RETURN(t.merges, file.stringArray(key("merges")));
  size_t count = t.tokens.size();
  if (count != vocab)
    return Status(
        Code::BadInput,
        format("tokenizer.ggml.tokens has %zu entries; the embedding has %u rows", count, vocab));
  if (!t.scores.empty() && t.scores.size() != count)
    return Status(Code::BadInput, format("tokenizer.ggml.scores has %zu entries for %zu tokens",
                                         t.scores.size(), count));
  if (!t.tokenTypes.empty() && t.tokenTypes.size() != count)
    return Status(Code::BadInput, format("tokenizer.ggml.token_type has %zu entries for %zu tokens",
                                         t.tokenTypes.size(), count));
  AXIOM_RETURN_IF_ERROR(readId(file, "bos_token_id", count, t.bosId));
  AXIOM_RETURN_IF_ERROR(readId(file, "eos_token_id", count, t.eosId));
  AXIOM_RETURN_IF_ERROR(readId(file, "unknown_token_id", count, t.unkId));
  AXIOM_RETURN_IF_ERROR(readId(file, "padding_token_id", count, t.padId));
  AXIOM_ASSIGN_OR_RETURN(t.addBos, file.boolean(key("add_bos_token")));
  AXIOM_ASSIGN_OR_RETURN(t.addEos, file.boolean(key("add_eos_token")));
  AXIOM_ASSIGN_OR_RETURN(t.addSpacePrefix, file.boolean(key("add_space_prefix")));
  return Status::okStatus();
}

} // namespace

Status readGgufText(const GgufFile &file, const ModelConfig &config, TextSource &text) {
  AXIOM_ASSIGN_OR_RETURN(auto chat, file.string("tokenizer.chat_template"));
  text.chatTemplate = chat.value_or("");
  if (!file.has("tokenizer.ggml.tokens"))
    return Status::okStatus();
  auto tokenizer = std::make_shared<GgufTokenizer>();
  AXIOM_RETURN_IF_ERROR(readTokenizer(file, config.vocabSize, *tokenizer));
  if (tokenizer->bosId >= 0)
    text.bosToken = tokenizer->tokens[static_cast<size_t>(tokenizer->bosId)];
  if (tokenizer->eosId >= 0)
    text.eosToken = tokenizer->tokens[static_cast<size_t>(tokenizer->eosId)];
  text.gguf = std::move(tokenizer);
  return Status::okStatus();
}

} // namespace axiom
