#include "runtime/serve/core/ServedModel.h"

#include "runtime/serve/openai/Json.h"
#include "runtime/text/ValueJson.h"

#include <algorithm>
#include <ctime>

namespace axiom::serve {

using namespace openai;

Result<std::unique_ptr<ServedModel>> ServedModel::open(const ModelSettings &settings) {
  auto served = std::make_unique<ServedModel>();
  served->prefixesPerKey_ = settings.prefixesPerKey;
  AXIOM_ASSIGN_OR_RETURN(served->model_, api::openModel(settings.path, settings.open,
                                                        /*guardFaults=*/true, settings.device));
  const api::ModelState &model = *served->model_;
  AXIOM_ASSIGN_OR_RETURN(served->engine_, engine::createEngine(model.loaded(), settings.engine,
                                                               api::textMaker(model)));
  AXIOM_RETURN_IF_ERROR(served->engine_->start());

  const ArtifactConfig &config = model.artifact->config();
  ServerLimits &limits = served->limits_;
  limits.models = settings.names;
  if (limits.models.empty())
    limits.models = {config.name.empty() ? "model" : config.name};
  limits.vocab = config.vocab;
  // What the KV memory holds bounds a request as the model's context does.
  limits.context = std::min<int64_t>(
      config.maxContext, int64_t(served->engine_->options().numBlocks) * AXM_KV_BLOCK + 1);
  auto blob = model.artifact->segment(SegmentKind::Template);
  std::string_view text(reinterpret_cast<const char *>(blob.data()), blob.size());
  served->toolFormat_ = detectToolFormat(text);
  served->knowsCalls_ = text.find("tool_calls") != text.npos;
  if (model.artifact->program().plan.finalNorm >= 0)
    limits.embeddingSize = config.hidden;
  served->constraints_ = std::make_unique<Constraints>([model = served->model_] {
    return grammar::vocabularyOf(*model->tokenizer, model->artifact->config().vocab,
                                 model->artifact->config().eos);
  });
  AXIOM_RETURN_IF_ERROR(served->openSchemas());
  served->fingerprint_ = "axm-" + sha256Hex(model.artifact->digest()).substr(0, 12);
  served->created_ = std::time(nullptr);
  return served;
}

Status ServedModel::openSchemas() {
  const Artifact &artifact = *model_->artifact;
  const std::vector<SegmentInfo> &segments = artifact.metadata().segments;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].kind != SegmentKind::Schemas)
      continue;
    std::span<const uint8_t> bytes = artifact.segmentBytes(i);
    if (Sha256::of(bytes) != segments[i].sha256)
      return {Code::BadInput, "the schemas segment is damaged: its digest differs"};
    AXIOM_ASSIGN_OR_RETURN(grammar::NamedSchemas schemas, grammar::readNamedSchemas(bytes));
    if (!model_->tokenizer)
      return {Code::BadInput, "the artifact has named schemas, but no tokenizer"};
    AXIOM_RETURN_IF_ERROR(constraints_->open(schemas));
  }
  return {};
}

namespace {

void writeCall(JsonWriter &json, const ToolCall &call) {
  json.beginObject();
  if (!call.id.empty())
    json.key("id").string(call.id);
  json.key("type").string("function").key("function").beginObject();
  json.key("name").string(call.function.name).key("arguments");
  // Templates print arguments as JSON themselves, so they are given the object.
  auto arguments = parseJson(call.function.arguments);
  if (arguments.ok() && arguments->kind() == Value::Kind::Dict)
    json.raw(call.function.arguments);
  else
    json.string(call.function.arguments);
  json.endObject().endObject();
}

/// The list of messages, as templates expect them. One that knows no calls puts every content into
/// its text, so a message of nothing but calls has an empty one there.
std::string messagesJson(const Request &request, bool knowsCalls) {
  std::string text;
  JsonWriter json(text);
  json.beginArray();
  for (const Message &message : request.messages) {
    json.beginObject().key("role").string(message.role);
    json.key("content");
    if (message.content.given || message.toolCalls.empty() || !knowsCalls)
      json.string(message.content.text());
    else
      json.null();
    if (!message.name.empty())
      json.key("name").string(message.name);
    if (!message.reasoning.empty())
      json.key("reasoning_content").string(message.reasoning);
    if (!message.toolCallId.empty())
      json.key("tool_call_id").string(message.toolCallId);
    if (!message.toolCalls.empty()) {
      json.key("tool_calls").beginArray();
      for (const ToolCall &call : message.toolCalls)
        writeCall(json, call);
      json.endArray();
    }
    json.endObject();
  }
  json.endArray();
  return text;
}

std::string toolsJson(const Request &request) {
  std::string text;
  JsonWriter json(text);
  json.beginArray();
  for (const Tool &tool : request.tools) {
    const Function &function = tool.function;
    if (request.toolChoice.kind == ToolChoice::Named && function.name != request.toolChoice.name)
      continue;
    json.beginObject().key("type").string("function").key("function").beginObject();
    json.key("name").string(function.name);
    if (!function.description.empty())
      json.key("description").string(function.description);
    json.key("parameters");
    if (function.parameters.text.empty())
      json.raw(R"({"type":"object","properties":{}})");
    else
      json.raw(function.parameters.text);
    json.endObject().endObject();
  }
  json.endArray();
  return text;
}

} // namespace

Result<RenderedText> ServedModel::render(const Request &request) const {
  if (!model_->chatTemplate)
    return {Code::Unsupported, "the model has no chat template: use /v1/completions, or compile it "
                               "with one (chat_template.jinja beside the model)"};
  ChatContext context;
  JsonParseOptions untrusted;
  untrusted.untrusted = true;
  AXIOM_ASSIGN_OR_RETURN(context.messageValues,
                         parseJson(messagesJson(request, knowsCalls_), untrusted));
  context.addGenerationPrompt = request.addGenerationPrompt;
  context.bosToken = model_->artifact->config().bosToken;
  context.eosToken = model_->artifact->config().eosToken;
  if (!request.tools.empty() && request.toolChoice.kind != ToolChoice::None) {
    AXIOM_ASSIGN_OR_RETURN(context.tools, parseJson(toolsJson(request), untrusted));
  }
  if (!request.documents.text.empty()) {
    AXIOM_ASSIGN_OR_RETURN(context.documents, parseJson(request.documents.text, untrusted));
  }
  if (!request.reasoningEffort.empty())
    context.extra.emplace_back("reasoning_effort", Value::string(request.reasoningEffort));
  if (!request.templateVariables.text.empty()) {
    AXIOM_ASSIGN_OR_RETURN(Value variables, parseJson(request.templateVariables.text, untrusted));
    for (auto &[key, value] : variables.dictionary().entries())
      context.extra.emplace_back(key.text().bytes(), value);
  }
  AXIOM_ASSIGN_OR_RETURN(RenderedText chat, model_->chatTemplate->renderMarked(
                                                makeChatContext(context), {}, api::localTime()));
  if (request.continueFinalMessage && !request.messages.empty()) {
    // The answer goes on where the last message stops: what the template puts behind it goes.
    std::string last = request.messages.back().content.text();
    size_t at = chat.text.rfind(last);
    if (last.empty() || at == std::string::npos)
      return {Code::InvalidArgument, "continue_final_message: the last message has no text that "
                                     "the chat template shows as it is"};
    chat.text.resize(at + last.size());
    std::erase_if(chat.untrusted, [&](const TextSpan &s) { return s.begin >= chat.text.size(); });
    for (TextSpan &span : chat.untrusted)
      span.end = std::min(span.end, chat.text.size());
  }
  return chat;
}

std::optional<ApiError> ServedModel::prompts(const Request &request,
                                             std::vector<Prompt> &prompts) const {
  if (!model_->tokenizer &&
      (request.endpoint == Endpoint::ChatCompletions || !request.prompts.texts.empty()))
    return apiError(api::noTokenizer());
  bool embeds = request.endpoint == Endpoint::Embeddings;
  const char *field = embeds ? "input" : "prompt";
  if (request.endpoint == Endpoint::ChatCompletions) {
    field = "messages";
    auto chat = render(request);
    if (!chat.ok())
      return invalidRequest("messages", "invalid_value", chat.status().message());
    prompts.push_back({api::encodeChat(*model_, *chat), {}});
  }
  for (const std::string &text : request.prompts.texts) {
    const Tokenizer &tokenizer = *model_->tokenizer;
    bool special = request.addSpecialTokens;
    Prompt prompt{tokenizer.encode(text, {.addSpecial = special, .parseSpecial = true}),
                  request.echo ? text : std::string()};
    prompt.before = special ? static_cast<uint32_t>(tokenizer.prefixIds().size()) : 0;
    prompt.after = special ? static_cast<uint32_t>(tokenizer.suffixIds().size()) : 0;
    prompt.fromText = true;
    prompts.push_back(std::move(prompt));
  }
  for (const std::vector<int32_t> &tokens : request.prompts.tokens)
    prompts.push_back({tokens, request.echo && model_->tokenizer
                                   ? model_->tokenizer->decode(tokens, request.skipSpecialTokens)
                                   : std::string()});
  for (const Prompt &prompt : prompts) {
    if (prompt.tokens.empty())
      return invalidRequest(field, "invalid_value",
                            "the prompt has no tokens: at least one is needed");
    uint64_t most = static_cast<uint64_t>(limits_.context), size = prompt.tokens.size();
    uint64_t asked = static_cast<uint64_t>(request.maxTokens.value_or(0));
    if (size + std::max<uint64_t>(asked, embeds ? 0 : 1) > most)
      return contextLengthExceeded(field, size, asked, most);
  }
  return std::nullopt;
}

std::optional<ApiError> ServedModel::badWords(const Request &request,
                                              std::vector<std::vector<int32_t>> &words) const {
  if (!request.badWords.empty() && !model_->tokenizer)
    return apiError(api::noTokenizer());
  for (const std::string &word : request.badWords) {
    size_t spaces = std::min(word.find_first_not_of(' '), word.size());
    std::string text = word.substr(spaces == word.size() ? 0 : spaces);
    auto encode = [&](const std::string &what) {
      return model_->tokenizer->encode(what, {.addSpecial = false, .parseSpecial = true});
    };
    std::vector<int32_t> bare = encode(text), spaced = encode(" " + text);
    // What ends with the bare word's tokens is excluded with it.
    bool covered = bare.size() <= spaced.size() &&
                   std::ranges::equal(bare, std::span(spaced).last(bare.size()));
    for (std::vector<int32_t> &tokens : {std::ref(bare), std::ref(spaced)})
      if (!tokens.empty() && !(&tokens == &spaced && covered && !bare.empty()))
        words.push_back(std::move(tokens));
  }
  return std::nullopt;
}

http::Response errorAnswer(const ApiError &error) {
  http::Response response =
      http::errorResponse(error.status, error.message, error.code, error.param, error.type);
  if (error.retryAfter > 0)
    response.headers.push_back({"Retry-After", std::to_string(error.retryAfter)});
  return response;
}

ApiError apiError(const Status &status, uint64_t retryAfterMs) {
  auto seconds = static_cast<uint32_t>(std::clamp<uint64_t>((retryAfterMs + 999) / 1000, 1, 3600));
  switch (status.code()) {
  case Code::InvalidArgument:
  case Code::Resource: // what can never fit
  case Code::Unsupported:
    return invalidRequest("", "invalid_value", status.message());
  case Code::Overloaded:
    return tooManyRequests(status.message(), seconds);
  case Code::Cancelled:
    return unavailable(status.message(), seconds);
  case Code::TimedOut:
    return deadlineExceeded(status.message());
  default:
    return internalError(status.message());
  }
}

} // namespace axiom::serve
