#include "compiler/driver/TextSegments.h"

#include "compiler/import/ChatTemplateCompiler.h"
#include "compiler/import/TokenizerCompiler.h"

namespace axiom {

Result<TextSegments> compileText(const TextSource &text) {
  TextSegments segments;
  if (text.gguf) {
    AXIOM_ASSIGN_OR_RETURN(segments.tokenizer, compileGgufTokenizer(*text.gguf));
  } else if (!text.tokenizerJson.empty()) {
    AXIOM_ASSIGN_OR_RETURN(segments.tokenizer,
                           compileTokenizerJson(text.tokenizerJson, text.tokenizerConfigJson));
  }
  if (!text.chatTemplate.empty()) {
    AXIOM_ASSIGN_OR_RETURN(segments.chatTemplate, compileChatTemplate(text.chatTemplate));
  }
  return segments;
}

} // namespace axiom
