#include "runtime/serve/grammar/NamedSchemas.h"

#include "runtime/schema/schemas_generated.h"
#include "runtime/serve/grammar/EbnfCheck.h"
#include "runtime/serve/grammar/Schema.h"

#include <algorithm>
#include <set>

namespace axiom::serve::grammar {

bool isSchemaName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxSchemaName && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
  });
}

Result<CheckedEbnf> schemaGrammar(std::string_view schema) {
  RuleBook rules(EbnfLimits{}.bytes);
  AXIOM_ASSIGN_OR_RETURN(std::string root, addSchema(rules, schema));
  return checkEbnf("root ::= " + root + "\n" + rules.text());
}

std::vector<uint8_t> writeNamedSchemas(const NamedSchemas &all) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<fb::NamedSchema>> rows;
  for (const NamedSchema &schema : all.schemas) {
    auto name = builder.CreateString(schema.name);
    auto text = builder.CreateString(schema.text);
    auto compiled = builder.CreateVector(reinterpret_cast<const uint8_t *>(schema.compiled.data()),
                                         schema.compiled.size());
    rows.push_back(fb::CreateNamedSchema(builder, name, text, compiled));
  }
  auto library = builder.CreateString(all.library);
  auto schemas = builder.CreateVector(rows);
  fb::FinishNamedSchemasBuffer(builder, fb::CreateNamedSchemas(builder, library, schemas));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

Result<NamedSchemas> readNamedSchemas(std::span<const uint8_t> segment) {
  auto bad = [](const std::string &why) {
    return Status(Code::BadInput, "the artifact's named schemas: " + why);
  };
  flatbuffers::Verifier verifier(segment.data(), segment.size(), 8,
                                 static_cast<flatbuffers::uoffset_t>(4 * kMaxNamedSchemas));
  if (segment.size() < 16 || !fb::NamedSchemasBufferHasIdentifier(segment.data()) ||
      !fb::VerifyNamedSchemasBuffer(verifier))
    return bad("the segment is damaged");
  const fb::NamedSchemas *from = fb::GetNamedSchemas(segment.data());
  if (from->schemas()->size() > kMaxNamedSchemas)
    return bad(
        format("%u of them; at most %zu are possible", from->schemas()->size(), kMaxNamedSchemas));
  NamedSchemas out;
  out.library = from->library()->str();
  std::set<std::string> names;
  for (const fb::NamedSchema *row : *from->schemas()) {
    NamedSchema schema{row->name()->str(), row->text()->str(),
                       std::string(row->compiled()->begin(), row->compiled()->end())};
    if (!isSchemaName(schema.name))
      return bad("a name has other characters than letters, digits, _ and -, or not 1 to 64");
    if (!names.insert(schema.name).second)
      return bad("two have the name \"" + schema.name + "\"");
    out.schemas.push_back(std::move(schema));
  }
  return out;
}

Result<std::shared_ptr<const Grammar>> openNamedSchema(Compiler &compiler,
                                                       const NamedSchema &schema,
                                                       const std::string &library, uint32_t vocab,
                                                       const ApartLimits &limits) {
  auto open = [&]() -> Result<std::shared_ptr<const Grammar>> {
    if (library == libraryName())
      return readApart(compiler, schema.compiled, vocab, limits);
    AXIOM_ASSIGN_OR_RETURN(CheckedEbnf ebnf, schemaGrammar(schema.text));
    return compileApart(compiler, ebnf, vocab, limits);
  };
  auto grammar = open();
  if (!grammar.ok())
    return grammar.status().withContext("the artifact's schema \"" + schema.name + "\"");
  return grammar;
}

} // namespace axiom::serve::grammar
