#include "compiler/driver/Schemas.h"

#include "runtime/base/MappedFile.h"
#include "runtime/base/Sha256.h"
#include "runtime/serve/grammar/NamedSchemas.h"

#include <set>

namespace axiom {
namespace {

namespace grammar = serve::grammar;

/// Nobody waits for an answer here: more than a server gives.
constexpr grammar::ApartLimits kLimits = {.cpuMs = 60000, .mostMs = 600000};
constexpr size_t kMostBytes = 256u << 20; ///< of all compiled grammars

struct SchemaCompiler {
  std::unique_ptr<grammar::Compiler> compiler;
  uint32_t vocab = 0;

  Result<grammar::NamedSchema> compile(const std::string &name, std::string_view text) {
    AXIOM_ASSIGN_OR_RETURN(grammar::CheckedEbnf ebnf, grammar::schemaGrammar(text));
    AXIOM_ASSIGN_OR_RETURN(auto compiled, grammar::compileApart(*compiler, ebnf, vocab, kLimits));
    return grammar::NamedSchema{name, std::string(text), compiled->serialized()};
  }
};

Result<SchemaCompiler> makeCompiler(std::span<const uint8_t> tokenizer, const ModelConfig &config) {
  if (tokenizer.empty())
    return {Code::Unsupported, "the model has no tokenizer, so no schema can be compiled for it"};
  AXIOM_ASSIGN_OR_RETURN(Tokenizer words, Tokenizer::open(tokenizer));
  SchemaCompiler made;
  made.vocab = config.vocabSize;
  AXIOM_ASSIGN_OR_RETURN(made.compiler, grammar::makeCompiler(grammar::vocabularyOf(
                                            words, config.vocabSize, config.eosIds)));
  return made;
}

} // namespace

Result<SchemaSegment> compileSchemas(const std::vector<std::pair<std::string, std::string>> &files,
                                     std::span<const uint8_t> tokenizer,
                                     const ModelConfig &config) {
  SchemaSegment out;
  if (files.empty())
    return out;
  if (files.size() > grammar::kMaxNamedSchemas)
    return {Code::InvalidArgument, format("--schema: %zu schemas; at most %zu are possible",
                                          files.size(), grammar::kMaxNamedSchemas)};
  grammar::NamedSchemas all;
  all.library = grammar::libraryName();
  std::set<std::string> names;
  for (const auto &[name, path] : files) {
    if (!grammar::isSchemaName(name))
      return {Code::InvalidArgument,
              "--schema: '" + name + "' is no name: 1 to 64 letters, digits, _ and - are possible"};
    if (!names.insert(name).second)
      return {Code::InvalidArgument, "--schema: two have the name '" + name + "'"};
  }
  AXIOM_ASSIGN_OR_RETURN(SchemaCompiler compiler, makeCompiler(tokenizer, config));
  size_t bytes = 0;
  for (const auto &[name, path] : files) {
    AXIOM_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
    std::string_view text(reinterpret_cast<const char *>(file.bytes().data()), file.size());
    auto schema = compiler.compile(name, text);
    if (!schema.ok())
      return schema.status().withContext("--schema " + name + " ('" + path + "')");
    bytes += schema->compiled.size() + schema->text.size();
    if (bytes > kMostBytes)
      return {Code::Resource, format("--schema: the grammars up to '%s' take %zu bytes; at most "
                                     "%zu are possible: leave some out",
                                     name.c_str(), bytes, kMostBytes)};
    all.schemas.push_back(std::move(schema).value());
    out.digests.push_back({file.name(), sha256Hex(Sha256::of(file.bytes())), file.size()});
  }
  out.bytes = grammar::writeNamedSchemas(all);
  return out;
}

} // namespace axiom
