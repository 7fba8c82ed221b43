// The tables of docs/serving-api.md. The page is checked against them (tools/lint/serving_docs.py).
#include "runtime/serve/openai/Fields.h"

namespace axiom::serve::openai {
namespace {

std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2)
    text.insert(at, "\\");
  return text;
}

/// Where a body's field is known, in few words.
std::string places(uint32_t in) {
  static constexpr std::pair<Scope, const char *> bodies[] = {{Scope::Chat, "chat"},
                                                              {Scope::Completion, "completions"},
                                                              {Scope::Embedding, "embeddings"},
                                                              {Scope::Tokenize, "tokenize"},
                                                              {Scope::Detokenize, "detokenize"},
                                                              {Scope::Template, "template"}};
  std::string out;
  size_t count = 0;
  for (auto [scope, name] : bodies)
    if (in & bit(scope)) {
      out += (count++ ? ", " : "") + std::string(name);
    }
  return count == std::size(bodies) ? "all" : out;
}

void row(std::string &out, const Field &field, bool body) {
  out += "| `" + std::string(field.name) + "` | ";
  if (body)
    out += places(field.in) + " | ";
  switch (field.handling) {
  case Handling::Honoured:
    out += cell(describe(field));
    if (field.needed)
      out += field.needed == field.in ? "; required" : "; required in " + places(field.needed);
    break;
  case Handling::Ignored:
    out += "ignored";
    break;
  case Handling::Refused:
    out += "refused";
    if (field.neutral) {
      std::string_view list = field.neutral;
      out += ", but for `" + cell(std::string(list.substr(1, list.size() - 2))) + "`";
    }
    break;
  }
  out += " | ";
  if (field.byDefault)
    out += "`" + std::string(field.byDefault) + "`";
  out += " | " + cell(field.doc);
  if (*field.reason)
    out += "; " + cell(field.reason);
  out += " |\n";
}

} // namespace

std::string fieldMarkdown() {
  std::string out = "## Endpoints\n\n| | path | what | body | answer |\n|---|---|---|---|---|\n";
  for (const EndpointInfo &info : endpointTable()) {
    out += "| " + std::string(info.method) + " | `" + info.path + "` | " + info.summary + " | ";
    out += info.body == Scope::None ? "" : scopeName(info.body);
    out += std::string(" | ") + (info.answer ? info.answer : "text");
    if (info.streamed)
      out += std::string(", or events of ") + info.streamed;
    out += " |\n";
  }
  out +=
      "\n## Fields of bodies\n\n| field | in | value | default | what |\n|---|---|---|---|---|\n";
  constexpr uint32_t bodies = bit(Scope::Message) - 1;
  for (const Field &field : fieldTable())
    if (field.in & bodies)
      row(out, field, true);
  for (size_t s = static_cast<size_t>(Scope::Message); s < kScopes; ++s) {
    auto scope = static_cast<Scope>(s);
    out += "\n## " + std::string(scopeName(scope)) +
           "\n\n| field | value | default | what |\n|---|---|---|---|\n";
    for (const Field *field : fieldsOf(scope))
      row(out, *field, false);
  }
  return out;
}

} // namespace axiom::serve::openai
