// Compile, open and render in one step, for the template tests.
#ifndef AXIOM_TEST_UNIT_TEXT_TEMPLATETESTUTIL_H
#define AXIOM_TEST_UNIT_TEXT_TEMPLATETESTUTIL_H

#include "compiler/import/ChatTemplateCompiler.h"
#include "runtime/text/ChatTemplate.h"
#include "runtime/text/ValueJson.h"

namespace axiom::testing_template {

inline Result<ChatTemplate> openTemplate(std::string_view source) {
  AXIOM_ASSIGN_OR_RETURN(std::vector<uint8_t> blob, compileChatTemplate(source));
  return ChatTemplate::open(blob);
}

inline Result<RenderedText> renderMarked(std::string_view source, const Value &context,
                                         const TemplateLimits &limits = {},
                                         const std::optional<TemplateTime> &now = {}) {
  AXIOM_ASSIGN_OR_RETURN(ChatTemplate chat, openTemplate(source));
  return chat.renderMarked(context, limits, now);
}

/// The text, or "code: message".
inline std::string renderText(std::string_view source, const Value &context,
                              const TemplateLimits &limits = {},
                              const std::optional<TemplateTime> &now = {}) {
  auto out = renderMarked(source, context, limits, now);
  return out.ok() ? out->text
                  : std::string(codeName(out.status().code())) + ": " + out.status().message();
}

/// The value of a JSON text that is known to be right.
inline Value json(std::string_view text, bool untrusted = false) {
  JsonParseOptions options;
  options.untrusted = untrusted;
  return parseJson(text, options).value();
}

} // namespace axiom::testing_template

#endif
