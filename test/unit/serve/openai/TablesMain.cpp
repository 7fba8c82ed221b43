// What the table makes, for scripts:
//   openai-tables markdown   the tables of docs/serving-api.md
//   openai-tables openapi    the OpenAPI document of a small model
//   openai-tables samples    [[schema, answer], ...]
//   openai-tables parse      lines "PATH BODY" on stdin; per line {"status":200} or the error
#include "runtime/serve/openai/OpenApi.h"
#include "runtime/serve/openai/ParseRequest.h"
#include "test/unit/serve/openai/SampleAnswers.h"

#include <cstdio>
#include <iostream>
#include <string>

using namespace axiom::serve::openai;

namespace {

ServerLimits smallModel() {
  ServerLimits limits;
  limits.models = {"tiny"};
  limits.vocab = 131;
  limits.context = 512;
  limits.embeddingSize = 96;
  return limits;
}

int parseLines() {
  for (std::string line; std::getline(std::cin, line);) {
    size_t space = line.find(' ');
    const EndpointInfo *found = nullptr;
    for (const EndpointInfo &info : endpointTable())
      if (line.substr(0, space) == info.path)
        found = &info;
    if (!found || space == line.npos) {
      std::fprintf(stderr, "no endpoint: %s\n", line.substr(0, 80).c_str());
      return 2;
    }
    ParseResult result = parseRequest(found->endpoint, line.substr(space + 1), smallModel());
    std::puts(result.ok() ? "{\"status\":200}" : errorBody(*result.error).c_str());
  }
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  std::string what = argc == 2 ? argv[1] : "";
  if (what == "markdown")
    std::fputs(fieldMarkdown().c_str(), stdout);
  else if (what == "openapi")
    std::puts(openApiDocument(smallModel(), "0").c_str());
  else if (what == "samples") {
    std::string out;
    JsonWriter writer(out);
    writer.beginArray();
    for (const auto &[schema, json] : axiom::test::sampleAnswers())
      writer.beginArray().string(schema).raw(json).endArray();
    writer.endArray();
    std::puts(out.c_str());
  } else if (what == "parse") {
    return parseLines();
  } else {
    std::fputs("usage: openai-tables markdown|openapi|samples|parse\n", stderr);
    return 2;
  }
  return 0;
}
