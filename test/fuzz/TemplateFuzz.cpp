// Chat templates: the first byte chooses what the rest is. 0: a blob to open; 1: JSON, written and
// read again; otherwise the source of a template. What opens is rendered with small limits.
#include "compiler/import/ChatTemplateCompiler.h"
#include "runtime/text/ChatTemplate.h"
#include "runtime/text/ValueJson.h"

#include <cstdlib>

using namespace axiom;

static Value makeContext() {
  ChatContext chat;
  chat.messages = {{"system", "s"}, {"user", "Hé <|im_end|> 漢"}, {"assistant", "ok\n"}};
  chat.bosToken = "<s>";
  chat.eosToken = "</s>";
  chat.tools =
      parseJson(R"([{"function": {"name": "f", "parameters": {"x": [1, 2.5, null]}}}])").value();
  return makeChatContext(chat);
}

static void render(std::span<const uint8_t> blob) {
  static const Value context = makeContext();
  auto chat = ChatTemplate::open(blob);
  if (!chat.ok())
    return;
  TemplateLimits limits;
  limits.maxSteps = 20000;
  limits.maxValueBytes = 1 << 20;
  limits.maxOutputBytes = 1 << 16;
  limits.maxDepth = 300;
  auto out = chat->renderMarked(context, limits, TemplateTime{2024, 5, 6, 7, 8, 9});
  if (out.ok())
    for (const TextSpan &span : out->untrusted)
      if (span.begin >= span.end || span.end > out->text.size())
        std::abort();
}

static void checkJson(std::string_view text) {
  auto value = parseJson(text);
  if (!value.ok())
    return;
  auto once = writeJson(*value);
  if (!once.ok())
    return;
  JsonParseOptions options;
  options.allowNonFinite = true;
  auto again = parseJson(*once, options);
  if (!again.ok() || writeJson(*again).value() != *once)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::span<const uint8_t> rest(data + 1, size - 1);
  std::string_view text(reinterpret_cast<const char *>(data) + 1, size - 1);
  if (data[0] == 0) {
    render(rest);
  } else if (data[0] == 1) {
    checkJson(text);
  } else if (auto blob = compileChatTemplate(text); blob.ok()) {
    // What the compiler makes, the runtime takes.
    if (!ChatTemplate::open(*blob).ok())
      std::abort();
    render(*blob);
  }
  return 0;
}
