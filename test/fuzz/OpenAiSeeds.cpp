// Seeds for OpenAiFuzz: for each endpoint a body that is accepted, and one per field of the table;
// for each written form of tool calls a text.
#include "runtime/serve/openai/OpenApi.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace axiom::serve::openai;

namespace {

int count = 0;

void write(const std::filesystem::path &folder, char kind, const std::string &text) {
  std::ofstream(folder / std::to_string(count++), std::ios::binary) << kind << text;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fputs("usage: OpenAiSeeds FOLDER\n", stderr);
    return 2;
  }
  std::filesystem::path folder = std::filesystem::path(argv[1]) / "OpenAi";
  std::filesystem::create_directories(folder);
  ServerLimits limits;
  limits.models = {"tiny"};
  limits.vocab = 131;
  limits.context = 512;
  Json document = Json::parse(openApiDocument(limits, "0"), nullptr, false);
  for (const EndpointInfo &info : endpointTable()) {
    if (info.body == Scope::None)
      continue;
    auto kind = static_cast<char>(info.endpoint);
    Json body = document["paths"][info.path]["post"]["requestBody"]["content"]["application/json"]
                        ["example"];
    write(folder, kind, body.dump());
    for (const Field *field : fieldsOf(info.body)) {
      const char *value = field->example     ? field->example
                          : field->byDefault ? field->byDefault
                          : field->neutral   ? field->neutral
                                             : nullptr;
      Json with = body;
      with[field->name] = value ? Json::parse(value, nullptr, false) : Json(1);
      write(folder, kind, with.dump());
    }
  }
  write(folder, 0,
        R"({"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f",)"
        R"("arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":[{"type":"text",)"
        R"("text":"x"}]}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],)"
        R"("tool_choice":{"type":"function","function":{"name":"f"}},"stream":true,)"
        R"("stream_options":{"include_usage":true},"logit_bias":{"1":2}})");
  write(folder, 6, "a<tool_call>\n{\"name\":\"f\",\"arguments\":{\"a\":\"}\"}}\n</tool_call> b");
  write(folder, 7,
        "<|python_tag|>{\"name\":\"f\",\"parameters\":{}}; {\"name\":\"g\",\"parameters\":{}}");
  write(folder, 7, "{\"name\":\"f\",\"parameters\":{\"a\":[1,\"\\\"\"]}}");
  write(folder, 8, "[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{},\"id\":\"x\"}]");
  write(folder, 8, "[TOOL_CALLS]f[ARGS]{\"a\":1}[TOOL_CALLS]g{}");
  write(folder, 9, "[{\"name\":\"f\",\"arguments\":\"{}\"}]");
  return 0;
}
