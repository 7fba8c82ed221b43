// libFuzzer: the input is a blob; what opens is used on texts.
//   clang++ -fsanitize=fuzzer,address,undefined; corpus: test/unit/text/data/*.tok
#include "runtime/text/Detokenizer.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Unicode.h"

#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace axiom;
  std::vector<uint8_t> blob(data, data + size);
  // The size field is set right: a mutation would hardly ever keep it.
  if (blob.size() >= 12)
    for (size_t i = 0; i < 4; ++i)
      blob[8 + i] = static_cast<uint8_t>(size >> 8 * i);
  auto tokenizer = Tokenizer::open(blob);
  if (!tokenizer.ok())
    return 0;
  // The blob's own bytes are a text too: they hold its tokens.
  size_t length = size < 600 ? size : 600;
  std::string_view text(reinterpret_cast<const char *>(data) + (size - length), length);
  for (std::string_view t :
       {text, std::string_view("I'll e\u0301 12  \n <|end|> word\u4F60\xFF")}) {
    std::vector<int32_t> ids = tokenizer->encode(t);
    for (int32_t id : ids)
      if (id < 0 || id >= tokenizer->vocabSize())
        std::abort();
    StreamDetokenizer stream(*tokenizer);
    std::string streamed;
    for (int32_t id : ids)
      streamed += stream.add(id);
    streamed += stream.flush();
    if (!unicode::isValid(streamed) || !unicode::isValid(tokenizer->decode(ids, true)))
      std::abort();
  }
  return 0;
}
