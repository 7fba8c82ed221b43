#include "runtime/serve/grammar/OutputGrammar.h"

#include "runtime/serve/grammar/EbnfCheck.h"
#include "runtime/serve/grammar/Regex.h"
#include "runtime/serve/grammar/Schema.h"
#include "runtime/serve/openai/Json.h"

#include <algorithm>
#include <vector>

namespace axiom::serve::grammar {
namespace {

using namespace openai;

constexpr size_t kMaxGrammar = 256 << 10;

/// One call of one of the functions, as JSON, with its arguments at `arguments`.
Result<std::string> callRule(RuleBook &rules, const Request &request, const char *arguments) {
  std::vector<std::string> calls;
  for (const Tool &tool : request.tools) {
    const Function &function = tool.function;
    if (request.toolChoice.kind == ToolChoice::Named && function.name != request.toolChoice.name)
      continue;
    std::string value;
    bool free = guardsCalls(request) && !function.strict;
    if (free || function.parameters.text.empty() || function.parameters.text == "{}") {
      value = addAnyObject(rules);
    } else {
      auto rule = addSchema(rules, function.parameters.text);
      if (!rule.ok())
        return rule.status().withContext("the parameters of the function \"" + function.name +
                                         "\"");
      value = *rule;
    }
    std::string begin = "{\"name\": \"" + function.name + "\", \"" + arguments + "\": ";
    calls.push_back(rules.add("call", literal(begin) + " " + value + " \"}\""));
  }
  return rules.add("calls", anyOf(calls));
}

/// Any text in which what the parser takes for a call is one.
Result<CheckedEbnf> guardedGrammar(const Request &request, ToolFormat format) {
  RuleBook rules(kMaxGrammar);
  bool several = request.parallelToolCalls;
  AXIOM_ASSIGN_OR_RETURN(
      std::string call,
      callRule(rules, request, format == ToolFormat::Llama3 ? "parameters" : "arguments"));
  std::string root, checked;
  if (format == ToolFormat::Hermes) {
    std::string tag = rules.add("tagged", "\"\\n\" " + call + " \"\\n</tool_call>\"");
    // The library's own form for text with tags in it, which the check does not know.
    root = "TagDispatch((\"<tool_call>\", " + tag +
           "), loop_after_dispatch=" + (several ? "true" : "false") + ")";
    checked = tag;
  } else {
    // A call begins the answer or there is none.
    std::string calls = several ? call + " (\"; \" " + call + ")*" : call;
    std::string any = charClass(complement({}));
    std::string space = charClass({{'\t', '\n'}, {'\r', '\r'}, {' ', ' '}});
    std::string begin = charClass(complement({{'\t', '\n'}, {'\r', '\r'}, {' ', ' '}, {'{', '{'}}));
    root = checked = calls + " | " + space + "* (" + begin + " " + any + "*)?";
  }
  AXIOM_ASSIGN_OR_RETURN(CheckedEbnf out, checkEbnf("root ::= " + checked + "\n" + rules.text()));
  out.text = "root ::= " + root + "\n" + rules.text();
  return out;
}

Result<std::string> toolGrammar(RuleBook &rules, const Request &request, ToolFormat format) {
  bool several = request.parallelToolCalls && request.toolChoice.kind == ToolChoice::Required;
  bool llama = format == ToolFormat::Llama3;
  AXIOM_ASSIGN_OR_RETURN(std::string call,
                         callRule(rules, request, llama ? "parameters" : "arguments"));
  if (llama)
    return several ? call + " (\"; \" " + call + ")*" : call;
  if (format == ToolFormat::Hermes) {
    std::string one = rules.add("tagged", "\"<tool_call>\\n\" " + call + " \"\\n</tool_call>\"");
    return several ? one + " (\"\\n\" " + one + ")*" : one;
  }
  return several ? "\"[\" " + call + " (\", \" " + call + ")* \"]\"" : call;
}

Result<std::string> rootBody(RuleBook &rules, const Request &request, ToolFormat format) {
  if (forcesCall(request))
    return toolGrammar(rules, request, forcedFormat(format));
  const OutputFormat &output = request.format;
  switch (output.kind) {
  case OutputFormat::JsonObject:
    return addAnyObject(rules);
  case OutputFormat::Schema:
    return addSchema(rules, output.text);
  case OutputFormat::Regex: {
    AXIOM_ASSIGN_OR_RETURN(Regex regex, Regex::parse(output.text));
    return regex.ebnf(false);
  }
  case OutputFormat::Choice: {
    std::vector<std::string> texts;
    for (const std::string &text : output.choices)
      texts.push_back(literal(text));
    return anyOf(texts);
  }
  case OutputFormat::NamedSchema:
    return Status(Code::Unsupported,
                  "the artifact has no schema \"" + output.text +
                      "\": give json_schema.schema, or one that it was compiled with (axiomc "
                      "--schema)");
  default:
    return Status(Code::Internal, "the output is free");
  }
}

} // namespace

bool forcesCall(const Request &request) {
  return request.endpoint == Endpoint::ChatCompletions &&
         (request.toolChoice.kind == ToolChoice::Required ||
          request.toolChoice.kind == ToolChoice::Named);
}

bool guardsCalls(const Request &request) {
  return request.endpoint == Endpoint::ChatCompletions && !forcesCall(request) &&
         request.toolChoice.kind != ToolChoice::None && request.format.kind == OutputFormat::Text &&
         std::ranges::any_of(request.tools, [](const Tool &t) { return t.function.strict; });
}

ToolFormat forcedFormat(ToolFormat format) {
  return format == ToolFormat::Hermes || format == ToolFormat::Llama3 ? format : ToolFormat::Json;
}

std::string grammarKey(const Request &request, ToolFormat format) {
  std::string key;
  auto add = [&](std::string_view text) { // lengths in front: no two lists look alike
    key += std::to_string(text.size());
    key += ':';
    key += text;
  };
  if (forcesCall(request)) {
    key =
        std::string("tools ") + toolFormatName(forcedFormat(format)) +
        (request.parallelToolCalls && request.toolChoice.kind == ToolChoice::Required ? " several "
                                                                                      : " one ");
    for (const Tool &tool : request.tools)
      if (request.toolChoice.kind != ToolChoice::Named ||
          tool.function.name == request.toolChoice.name) {
        add(tool.function.name);
        add(tool.function.parameters.text);
      }
  } else if (guardsCalls(request) && format != ToolFormat::None) {
    key = std::string("strict ") + toolFormatName(format) +
          (request.parallelToolCalls ? " several " : " one ");
    for (const Tool &tool : request.tools) {
      add(tool.function.name);
      add(tool.function.strict ? tool.function.parameters.text : "");
    }
  } else if (request.format.kind != OutputFormat::Text) {
    key = std::to_string(request.format.kind) + " ";
    add(request.format.text);
    for (const std::string &choice : request.format.choices)
      add(choice);
  }
  return key;
}

std::string namedSchemaKey(const std::string &name) {
  Request request;
  request.format.kind = OutputFormat::NamedSchema;
  request.format.text = name;
  request.toolChoice.kind = ToolChoice::None;
  return grammarKey(request, ToolFormat::None);
}

Result<CheckedEbnf> grammarText(const Request &request, ToolFormat format) {
  if (guardsCalls(request)) {
    if (format != ToolFormat::Hermes && format != ToolFormat::Llama3)
      return {Code::Unsupported,
              "strict: this model's calls begin with a special token, which no grammar can name: "
              "leave strict out, or force a call by tool_choice"};
    return guardedGrammar(request, format);
  }
  std::string text;
  if (!forcesCall(request) && request.format.kind == OutputFormat::Grammar) {
    text = request.format.text;
  } else {
    RuleBook rules(kMaxGrammar);
    AXIOM_ASSIGN_OR_RETURN(std::string body, rootBody(rules, request, format));
    if (rules.tooLarge())
      return {Code::Resource,
              axiom::format("the grammar has more than %zu bytes: a smaller schema is needed",
                            kMaxGrammar)};
    text = "root ::= " + body + "\n" + rules.text();
  }
  return checkEbnf(std::move(text));
}

} // namespace axiom::serve::grammar
