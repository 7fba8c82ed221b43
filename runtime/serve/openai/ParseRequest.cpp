#include "runtime/serve/openai/ParseRequest.h"
#include "runtime/serve/openai/Reader.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <new>
#include <unordered_set>

namespace axiom::serve::openai {
namespace {

long long wide(int64_t value) { return value; }

/// What fields must be together, after each was checked alone. Each rule that fails names a field.
class Rules {
public:
  Rules(Reader &reader, Draft &draft) : reader_(reader), d_(draft) {}

  bool check() {
    if (!model())
      return false;
    switch (d_.endpoint) {
    case Endpoint::ChatCompletions:
      return tools() && templates() && generation() && outputFormat();
    case Endpoint::Completions:
      return generation() && outputFormat();
    case Endpoint::Embeddings:
      return embeddings();
    case Endpoint::Tokenize:
      return tokenize() && templates() && tools();
    case Endpoint::ApplyTemplate:
      return templates() && tools();
    default:
      return true;
    }
  }

private:
  bool fail(std::string_view field, const char *code, std::string message) {
    Reader::Place place(reader_, field);
    return reader_.fail(code, std::move(message));
  }

  bool model() {
    const auto &served = reader_.limits.models;
    if (d_.model.empty() && !served.empty())
      d_.model = served.front();
    if (std::find(served.begin(), served.end(), d_.model) != served.end())
      return true;
    reader_.error = modelNotFound(d_.model, served);
    return false;
  }

  bool generation() {
    bool chat = d_.endpoint == Endpoint::ChatCompletions;
    if (d_.maxCompletionTokens)
      d_.maxTokens = d_.maxCompletionTokens;
    d_.topK = std::max<int64_t>(d_.topK, 0);
    if (d_.maxTokens && d_.minTokens > *d_.maxTokens)
      return fail("min_tokens", "invalid_value",
                  format("min_tokens is %lld: it must be at most max_tokens, %lld",
                         wide(d_.minTokens), wide(*d_.maxTokens)));
    if (d_.bestOf && *d_.bestOf != d_.n)
      return fail(
          "best_of", "unsupported_value",
          format("best_of is %lld: it must be equal to n, %lld, as all samples are returned",
                 wide(*d_.bestOf), wide(d_.n)));
    if (d_.topLogprobs && *d_.topLogprobs > 0 && !d_.chatLogprobs)
      return fail("top_logprobs", "invalid_value",
                  format("top_logprobs is %lld: it needs logprobs true", wide(*d_.topLogprobs)));
    if (chat && d_.chatLogprobs)
      d_.logprobs = d_.topLogprobs.value_or(0);
    if (d_.streamOptionsSent && !d_.stream)
      return fail("stream_options", "invalid_value",
                  "stream_options is given: it needs stream true");
    d_.streamOptions = d_.streamOptionsSent.value_or(StreamOptions{});
    if (d_.promptLogprobs && d_.stream)
      return fail("prompt_logprobs", "invalid_value",
                  format("prompt_logprobs is %lld: it is not possible with stream true",
                         wide(*d_.promptLogprobs)));
    if (d_.maxTokens == 0 && !d_.echo && !d_.promptLogprobs)
      return fail("max_tokens", "invalid_value",
                  "max_tokens is 0: it must be at least 1 without echo or prompt_logprobs");
    if (d_.maxTokens == 0 && d_.n != 1)
      return fail("n", "invalid_value",
                  format("n is %lld: it must be 1 with max_tokens 0, which gives the prompt alone",
                         wide(d_.n)));
    auto samples = static_cast<int64_t>(std::max<size_t>(d_.prompts.size(), 1)) * d_.n;
    if (samples > std::max(reader_.limits.prompts, reader_.limits.samples))
      return fail("n", "invalid_value",
                  format("n is %lld with %zu prompts: together at most %lld answers are possible",
                         wide(d_.n), d_.prompts.size(),
                         wide(std::max(reader_.limits.prompts, reader_.limits.samples))));
    return true;
  }

  bool templates() {
    if (d_.continueFinalMessage && d_.addGenerationPrompt)
      return fail("continue_final_message", "invalid_value",
                  "continue_final_message is true: it needs add_generation_prompt false");
    return true;
  }

  bool tools() {
    std::unordered_set<std::string> names;
    for (size_t i = 0; i < d_.tools.size(); ++i)
      if (const std::string &name = d_.tools[i].function.name; !names.insert(name).second)
        return fail("tools[" + std::to_string(i) + "].function.name", "invalid_value",
                    "two tools have the name \"" + name + "\": names must differ");
    ToolChoice &choice = d_.toolChoice;
    if (choice.kind == ToolChoice::NotGiven)
      choice.kind = d_.tools.empty() ? ToolChoice::None : ToolChoice::Auto;
    if (choice.kind == ToolChoice::Required && d_.tools.empty())
      return fail("tool_choice", "invalid_value", "tool_choice is \"required\": it needs tools");
    if (choice.kind == ToolChoice::Named && !names.contains(choice.name))
      return fail("tool_choice.function.name", "invalid_value",
                  "tool_choice names \"" + choice.name + "\": it must be the name of one of tools");
    return true;
  }

  /// Takes one constraint; a second one is refused.
  bool take(const char *field, OutputFormat::Kind kind, std::string text) {
    if (d_.format.kind != OutputFormat::Text)
      return fail(field, "invalid_value",
                  std::string(field) + " is given beside " + taken_ +
                      ": an output has one constraint, leave one of them out");
    d_.format.kind = kind;
    d_.format.field = field;
    d_.format.text = std::move(text);
    taken_ = field;
    return true;
  }

  bool takeAll(const StructuredOutputs &s, const char *json, const char *regex, const char *choice,
               const char *grammar) {
    if (!s.json.text.empty() && !take(json, OutputFormat::Schema, s.json.text))
      return false;
    if (!s.regex.empty() && !take(regex, OutputFormat::Regex, s.regex))
      return false;
    if (!s.choice.empty() && !take(choice, OutputFormat::Choice, ""))
      return false;
    if (!s.choice.empty())
      d_.format.choices = s.choice;
    return s.grammar.empty() || take(grammar, OutputFormat::Grammar, s.grammar);
  }

  bool constraint() {
    if (d_.responseFormat && d_.responseFormat->type == "json_object" &&
        !take("response_format", OutputFormat::JsonObject, ""))
      return false;
    if (d_.responseFormat && d_.responseFormat->type == "json_schema") {
      const JsonSchema &schema = *d_.responseFormat->jsonSchema;
      bool named = schema.schema.text.empty();
      if (!take("response_format", named ? OutputFormat::NamedSchema : OutputFormat::Schema,
                named ? schema.name : schema.schema.text))
        return false;
    }
    if (d_.structured) {
      const char *field = "structured_outputs";
      std::string before = taken_;
      if (!takeAll(*d_.structured, "structured_outputs.json", "structured_outputs.regex",
                   "structured_outputs.choice", "structured_outputs.grammar"))
        return false;
      if (d_.structured->jsonObject && !take(field, OutputFormat::JsonObject, ""))
        return false;
      if (taken_ == before)
        return fail(field, "invalid_value",
                    "structured_outputs has no constraint: give json, regex, choice, grammar or "
                    "json_object");
    }
    return takeAll(d_.guided, "guided_json", "guided_regex", "guided_choice", "guided_grammar");
  }

  bool outputFormat() {
    if (!constraint())
      return false;
    bool forced =
        d_.toolChoice.kind == ToolChoice::Required || d_.toolChoice.kind == ToolChoice::Named;
    if (forced && d_.format.kind != OutputFormat::Text)
      return fail("tool_choice", "invalid_value",
                  "tool_choice asks for a call, but " + taken_ +
                      " asks for another output: leave one of them out");
    return true;
  }

  bool embeddings() {
    int64_t size = reader_.limits.embeddingSize;
    if (!d_.dimensions || *d_.dimensions == size)
      return true;
    return fail("dimensions", "unsupported_value",
                format("dimensions is %lld: it must be %s, as embeddings are not cut; leave it out",
                       wide(*d_.dimensions),
                       size > 0 ? std::to_string(size).c_str() : "the model's size"));
  }

  bool tokenize() {
    if (d_.prompts.size() == 0 && d_.messages.empty())
      return fail("prompt", "missing_required_parameter",
                  "prompt is missing: give a string, or messages");
    if (d_.prompts.size() > 0 && !d_.messages.empty())
      return fail("messages", "invalid_value",
                  "messages is given beside prompt: leave one of them out");
    return true;
  }

  Reader &reader_;
  Draft &d_;
  std::string taken_; ///< the field that set Draft::format
};

std::optional<ApiError> parse(Draft &draft, std::string_view body, const ServerLimits &limits) {
  Scope scope = endpointInfo(draft.endpoint).body;
  if (scope == Scope::None)
    return std::nullopt;
  Result<Json> json = readJson(body, limits.json);
  if (!json.ok())
    return invalidRequest(
        "", json.status().code() == Code::Resource ? "json_too_large" : "invalid_json",
        "the body: " + json.status().message());
  Reader reader(limits, draft.warnings);
  if (reader.readBody(scope, *json, &draft))
    (void)Rules(reader, draft).check();
  return std::move(reader.error);
}

} // namespace

ParseResult parseRequest(Endpoint endpoint, std::string_view body, const ServerLimits &limits) {
  ParseResult result;
  try {
    Draft draft;
    draft.endpoint = endpoint;
    result.error = parse(draft, body, limits);
    result.request = std::move(static_cast<Request &>(draft));
  } catch (const std::bad_alloc &) {
    result.error = unavailable("there is not enough memory to read the request: send less", 1);
  } catch (const std::exception &e) { // none is known; nothing may leave this function
    result.error = internalError("the request could not be read: " + shorten(e.what(), 200));
  }
  return result;
}

} // namespace axiom::serve::openai
