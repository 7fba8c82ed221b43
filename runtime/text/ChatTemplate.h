// The chat template of an artifact: turns messages into the prompt's text.
//
// A ChatTemplate is immutable; render may run on any number of threads at once. Nothing that a
// template or a message says can read the clock, files or memory outside of the context, and the
// work of a render is bounded.
#ifndef AXIOM_RUNTIME_TEXT_CHATTEMPLATE_H
#define AXIOM_RUNTIME_TEXT_CHATTEMPLATE_H

#include "runtime/base/Status.h"
#include "runtime/text/TemplateBudget.h"
#include "runtime/text/TemplateTime.h"
#include "runtime/text/Value.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace axiom {

class TemplateProgram;

struct RenderedText {
  std::string text;
  /// Bytes that came from untrusted strings, sorted and disjoint: a tokenizer must not read a
  /// special token out of a range that touches one of them.
  ///
  /// Marks follow text through output, `+`, `~`, %, format, join, slices, loops over characters,
  /// strip, split, replace, indent, reverse and macros. Conversions that make new text (upper,
  /// lower, title, tojson and repr of a string) mark their whole result if any of the source was
  /// marked. Numbers made from text, and choices made by comparing it, are not marked.
  std::vector<TextSpan> untrusted;
};

class ChatTemplate {
public:
  using Limits = TemplateLimits;

  /// `blob` as compileChatTemplate made it; it is fully checked and not kept.
  static Result<ChatTemplate> open(std::span<const uint8_t> blob);

  /// Renders with the variables of `context` (a dict). InvalidArgument: the template refused the
  /// conversation (raise_exception). BadInput: an operation of the template failed, as jinja2
  /// would; the message has the line. Resource: a limit. `now` answers strftime_now.
  Result<RenderedText> renderMarked(const Value &context, const Limits &limits = {},
                                    const std::optional<TemplateTime> &now = {}) const;
  /// The text alone.
  Result<std::string> render(const Value &context, const Limits &limits = {},
                             const std::optional<TemplateTime> &now = {}) const;

private:
  std::shared_ptr<const TemplateProgram> program_;
};

struct ChatMessage {
  std::string role;
  std::string content;
};

/// The variables that Hugging Face's apply_chat_template gives to a template.
struct ChatContext {
  /// The simple form: role and content, both marked as untrusted.
  std::vector<ChatMessage> messages;
  /// Used instead of `messages` when defined: a list of dicts (tool calls, parts of content, ...).
  Value messageValues;
  bool addGenerationPrompt = true;
  /// Empty: undefined in the template.
  std::string bosToken, eosToken;
  Value tools = Value::none();
  Value documents = Value::none();
  /// More variables (enable_thinking, ...); they win over the ones above.
  std::vector<std::pair<std::string, Value>> extra;
};

Value makeChatContext(const ChatContext &chat);

} // namespace axiom

#endif
