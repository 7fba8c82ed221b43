// Renders chat templates for test/template/differential.py.
//
// Reads lines from stdin, each a JSON object {"template": text, "context": object, "now": [year,
// month, day, hour, minute, second] (optional)}; answers each with a line {"text": ...,
// "marks": [[begin, end], ...]} or {"error": message, "code": name}. Strings of the context are
// untrusted when "untrusted" is true.
#include "compiler/import/ChatTemplateCompiler.h"
#include "runtime/text/ChatTemplate.h"
#include "runtime/text/ValueJson.h"

#include <iostream>

using namespace axiom;

static Value answer(const Status &status) {
  ValueDict out;
  out.set("error", Value::string(status.message()));
  out.set("code", Value::string(codeName(status.code())));
  return Value::dict(std::move(out));
}

static Value render(const Value &request) {
  if (!request.isDict())
    return answer(Status(Code::InvalidArgument, "the request is no object"));
  const ValueDict &fields = request.dictionary();
  const Value *source = fields.find("template"), *context = fields.find("context");
  if (!source || !source->isString() || !context)
    return answer(Status(Code::InvalidArgument, "template or context is missing"));
  std::optional<TemplateTime> now;
  if (const Value *time = fields.find("now"); time && time->hasItems()) {
    int part[6] = {};
    for (size_t i = 0; i < 6 && i < time->items().size(); ++i)
      part[i] = static_cast<int>(time->items()[i].asInt());
    now = TemplateTime{part[0], part[1], part[2], part[3], part[4], part[5]};
  }
  auto blob = compileChatTemplate(source->text().bytes());
  if (!blob.ok())
    return answer(blob.status());
  auto chat = ChatTemplate::open(*blob);
  if (!chat.ok())
    return answer(chat.status());
  auto text = chat->renderMarked(*context, {}, now);
  if (!text.ok())
    return answer(text.status());
  std::vector<Value> marks;
  for (const TextSpan &span : text->untrusted)
    marks.push_back(Value::list({Value::integer(static_cast<int64_t>(span.begin)),
                                 Value::integer(static_cast<int64_t>(span.end))}));
  ValueDict out;
  out.set("text", Value::string(text->text));
  out.set("marks", Value::list(std::move(marks)));
  return Value::dict(std::move(out));
}

int main() {
  std::string line;
  JsonParseOptions options;
  options.allowNonFinite = true;
  while (std::getline(std::cin, line)) {
    auto request = parseJson(line, options);
    auto out = writeJson(request.ok() ? render(*request) : answer(request.status()));
    std::cout << (out.ok() ? *out : "{}") << std::endl;
  }
  return 0;
}
