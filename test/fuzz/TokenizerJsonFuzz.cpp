// libFuzzer: the input is a tokenizer.json, and its last line a tokenizer_config.json. What
// compiles must open and encode.
#include "compiler/import/TokenizerCompiler.h"
#include "runtime/text/Tokenizer.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace axiom;
  std::string_view text(reinterpret_cast<const char *>(data), size), config;
  if (size_t line = text.rfind('\n'); line != std::string_view::npos) {
    config = text.substr(line + 1);
    text = text.substr(0, line);
  }
  auto blob = compileTokenizerJson(text, config);
  if (!blob.ok()) {
    if (blob.status().code() == Code::Internal || blob.status().message().empty())
      std::abort();
    return 0;
  }
  auto tokenizer = Tokenizer::open(*blob);
  if (!tokenizer.ok())
    std::abort();
  tokenizer->encode("I'll e\u0301 12  \n <|end|> word\u4F60\xFF");
  return 0;
}
