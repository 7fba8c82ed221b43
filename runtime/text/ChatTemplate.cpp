#include "runtime/text/ChatTemplate.h"

#include "runtime/text/TemplateInterpreter.h"
#include "runtime/text/TemplateProgram.h"

namespace axiom {

Result<ChatTemplate> ChatTemplate::open(std::span<const uint8_t> blob) {
  try {
    AXIOM_ASSIGN_OR_RETURN(TemplateProgram program, TemplateProgram::parse(blob));
    ChatTemplate chat;
    chat.program_ = std::make_shared<const TemplateProgram>(std::move(program));
    return chat;
  } catch (const std::bad_alloc &) {
    return Status(Code::Resource, "out of memory while opening the chat template");
  }
}

Result<RenderedText> ChatTemplate::renderMarked(const Value &context, const Limits &limits,
                                                const std::optional<TemplateTime> &now) const {
  if (!context.isDict())
    return Status(Code::InvalidArgument, "the context of a chat template must be a dict");
  uint32_t line = 0;
  try {
    TemplateInterpreter interpreter(*program_, context.dictionary(), limits, now);
    try {
      MarkedText text = interpreter.run();
      RenderedText out;
      out.untrusted = text.marks();
      out.text = text.takeBytes();
      return out;
    } catch (...) {
      line = interpreter.line();
      throw;
    }
  } catch (const TemplateFailure &failure) {
    if (failure.code == Code::InvalidArgument)
      return Status(failure.code, "the chat template refuses the conversation: " + failure.message);
    return Status(failure.code, format("chat template, line %u: ", line) + failure.message);
  } catch (const std::bad_alloc &) {
    return Status(Code::Resource, "out of memory while rendering the chat template");
  }
}

Result<std::string> ChatTemplate::render(const Value &context, const Limits &limits,
                                         const std::optional<TemplateTime> &now) const {
  AXIOM_ASSIGN_OR_RETURN(RenderedText out, renderMarked(context, limits, now));
  return std::move(out.text);
}

Value makeChatContext(const ChatContext &chat) {
  ValueDict context;
  Value messages = chat.messageValues;
  if (messages.isUndefined()) {
    std::vector<Value> list;
    for (const ChatMessage &m : chat.messages) {
      ValueDict message;
      message.set("role", Value::string(m.role, true));
      message.set("content", Value::string(m.content, true));
      list.push_back(Value::dict(std::move(message)));
    }
    messages = Value::list(std::move(list));
  }
  context.set("messages", std::move(messages));
  context.set("tools", chat.tools);
  context.set("documents", chat.documents);
  context.set("add_generation_prompt", Value::boolean(chat.addGenerationPrompt));
  if (!chat.bosToken.empty())
    context.set("bos_token", Value::string(chat.bosToken));
  if (!chat.eosToken.empty())
    context.set("eos_token", Value::string(chat.eosToken));
  for (const auto &[name, value] : chat.extra)
    context.set(name, value);
  return Value::dict(std::move(context));
}

} // namespace axiom
