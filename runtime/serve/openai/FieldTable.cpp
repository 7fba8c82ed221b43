// The rows. A bound of 0 to -1 in a count means none but the body's own limits (JsonLimits).
#include "runtime/serve/openai/Fields.h"
#include "runtime/serve/openai/Reader.h"

namespace axiom::serve::openai {
namespace {

constexpr uint32_t kChat = bit(Scope::Chat), kCompletion = bit(Scope::Completion),
                   kEmbedding = bit(Scope::Embedding), kTokenize = bit(Scope::Tokenize),
                   kDetokenize = bit(Scope::Detokenize), kTemplate = bit(Scope::Template),
                   kGenerate = kChat | kCompletion, kTemplated = kChat | kTemplate | kTokenize,
                   kAll = kGenerate | kEmbedding | kTokenize | kDetokenize | kTemplate,
                   kMessage = bit(Scope::Message), kPart = bit(Scope::ContentPart),
                   kToolCall = bit(Scope::ToolCall), kCall = bit(Scope::FunctionCall),
                   kTool = bit(Scope::Tool), kFunction = bit(Scope::Function),
                   kChoice = bit(Scope::ToolChoice), kNamed = bit(Scope::NamedFunction),
                   kStreamOptions = bit(Scope::StreamOptions), kFormat = bit(Scope::ResponseFormat),
                   kSchema = bit(Scope::JsonSchema), kStructured = bit(Scope::StructuredOutputs);
constexpr auto kIgnored = Handling::Ignored, kRefused = Handling::Refused;
constexpr int64_t kInt32 = 2147483647;

constexpr Range whole(int64_t low, int64_t high) {
  return {.kind = Range::Integer, .low = low, .high = high};
}
constexpr Range whole(int64_t low, Limit most) {
  return {.kind = Range::Integer, .low = low, .most = most};
}
constexpr Range real(double from, double to) {
  return {.kind = Range::Real, .from = from, .to = to};
}
constexpr Range realAbove(double from, double to) {
  return {.kind = Range::Real, .from = from, .to = to, .above = true};
}
constexpr Range kTokenId = whole(0, Limit::Vocab);

constexpr const char *kRoles[] = {"system", "developer", "user", "assistant", "tool"};
constexpr const char *kFunctionOnly[] = {"function"};
constexpr const char *kChoices[] = {"none", "auto", "required"};
constexpr const char *kTextOnly[] = {"text"};
constexpr const char *kFormats[] = {"text", "json_object", "json_schema"};
constexpr const char *kEncodings[] = {"float", "base64"};
constexpr const char *kPoolings[] = {"mean", "last"};
constexpr const char *kEfforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};

constexpr char kUseTools[] = "deprecated by OpenAI: use tools and tool_choice";
constexpr char kTextModel[] = "this server reads and writes text only";
constexpr char kNotKept[] = "nothing is stored";
constexpr char kUseStructured[] = "the same as structured_outputs, under its older name";

// clang-format off
constexpr Field kFields[] = {
  // What is asked
  {.name = "model", .in = kAll, .types = kString, .doc = "Name of a served model; not given: the first one", .store = store<&Draft::model>},
  {.name = "messages", .in = kTemplated, .types = kObjects, .needed = kChat | kTemplate, .items = {1, 65536}, .doc = "The conversation", .example = R"([{"role":"user","content":"Hello"}])", .child = Scope::Message, .store = store<&Draft::messages>},
  {.name = "prompt", .in = kCompletion, .types = kString | kStrings | kTokens | kTokenLists, .needed = kCompletion, .range = kTokenId, .items = {1, -1}, .doc = "One prompt or several (at most as many as the server's limit of prompts), as texts or as token ids", .example = R"("Once upon a time")", .store = store<&Draft::prompts>},
  {.name = "prompt", .in = kTokenize, .types = kString, .doc = "The text; this or messages", .example = R"("Hello")", .store = store<&Draft::prompts>},
  {.name = "input", .in = kEmbedding, .types = kString | kStrings | kTokens | kTokenLists, .needed = kEmbedding, .range = kTokenId, .items = {1, -1}, .doc = "What to embed: one input or several (at most as many as the server's limit of prompts), as texts or as token ids", .example = R"(["Hello","world"])", .store = store<&Draft::prompts>},
  {.name = "tokens", .in = kDetokenize, .types = kTokens, .needed = kDetokenize, .range = kTokenId, .items = {0, 1000000}, .doc = "The token ids", .example = "[0,1]", .store = store<&Draft::tokens>},
  {.name = "tools", .in = kTemplated, .types = kObjects, .items = {0, 128}, .doc = "Functions that the model may call", .child = Scope::Tool, .store = store<&Draft::tools>},
  {.name = "tool_choice", .in = kChat, .types = kString | kObject, .values = kChoices, .doc = "none, auto (the default with tools), required, or an object that names one function", .example = R"("none")", .child = Scope::ToolChoice, .store = store<&Draft::toolChoice>},
  {.name = "parallel_tool_calls", .in = kChat, .types = kBool, .byDefault = "true", .doc = "Whether an answer may hold several calls", .store = store<&Draft::parallelToolCalls>},
  {.name = "add_special_tokens", .in = kChat | kTemplate, .types = kBool, .byDefault = "false", .doc = "Whether the tokenizer adds its own special tokens; a template has them already", .store = store<&Draft::addSpecialTokens>},
  {.name = "add_special_tokens", .in = kCompletion | kEmbedding | kTokenize, .types = kBool, .byDefault = "true", .doc = "Whether the tokenizer adds its own special tokens to a text", .store = store<&Draft::addSpecialTokens>},
  {.name = "add_generation_prompt", .in = kTemplated, .types = kBool, .byDefault = "true", .doc = "Whether the template ends with the start of an answer", .store = store<&Draft::addGenerationPrompt>},
  {.name = "continue_final_message", .in = kTemplated, .types = kBool, .byDefault = "false", .doc = "Whether the last message stays open; needs add_generation_prompt false", .store = store<&Draft::continueFinalMessage>},
  {.name = "chat_template_kwargs", .in = kTemplated, .types = kObject, .items = {0, 64}, .doc = "More variables for the template, as enable_thinking", .store = store<&Draft::templateVariables>},
  {.name = "documents", .in = kChat | kTemplate, .types = kObjects, .items = {0, 1024}, .doc = "Documents, for templates that use them", .store = store<&Draft::documents>},
  {.name = "reasoning_effort", .in = kChat | kTemplate, .types = kString, .values = kEfforts, .doc = "A variable for the template", .store = store<&Draft::reasoningEffort>},
  {.name = "chat_template", .in = kTemplated, .types = kString, .handling = kRefused, .doc = "A template of the client's own", .reason = "only the model's own template is run; use chat_template_kwargs to set its variables"},

  // How tokens are chosen
  {.name = "temperature", .in = kGenerate, .types = kNumber, .range = real(0, 2), .byDefault = "1", .doc = "0 takes the most likely token each time", .store = store<&Draft::temperature>},
  {.name = "top_p", .in = kGenerate, .types = kNumber, .range = realAbove(0, 1), .byDefault = "1", .doc = "Only the most likely tokens that together have this probability; 1 = off", .store = store<&Draft::topP>},
  {.name = "top_k", .in = kGenerate, .types = kInteger, .range = whole(-1, kInt32), .byDefault = "0", .doc = "Only so many of the most likely tokens; 0 or -1 = off", .store = store<&Draft::topK>},
  {.name = "min_p", .in = kGenerate, .types = kNumber, .range = real(0, 1), .byDefault = "0", .doc = "Only tokens with at least this share of the most likely one's probability; 0 = off", .store = store<&Draft::minP>},
  {.name = "seed", .in = kGenerate, .types = kInteger, .range = whole(INT64_MIN, INT64_MAX), .doc = "The same request with the same seed gives the same tokens; not given: a random one", .store = store<&Draft::seed>},
  {.name = "presence_penalty", .in = kGenerate, .types = kNumber, .range = real(-2, 2), .byDefault = "0", .doc = "Taken from the logit of each token that is in the output", .store = store<&Draft::presencePenalty>},
  {.name = "frequency_penalty", .in = kGenerate, .types = kNumber, .range = real(-2, 2), .byDefault = "0", .doc = "Taken from the logit of each token as often as it is in the output", .store = store<&Draft::frequencyPenalty>},
  {.name = "repetition_penalty", .in = kGenerate, .types = kNumber, .range = real(0.01, 100), .byDefault = "1", .doc = "Divides a positive logit, multiplies a negative one, of tokens in prompt and output; 1 = off", .store = store<&Draft::repetitionPenalty>},
  {.name = "logit_bias", .in = kGenerate, .types = kBiases, .range = real(-100, 100), .items = {0, 4096}, .doc = "Added to the logits: token id to number", .example = R"({"0":-100})", .store = store<&Draft::logitBias>},
  {.name = "allowed_token_ids", .in = kGenerate, .types = kTokens, .range = kTokenId, .items = {1, 65536}, .doc = "Only these tokens may come", .store = store<&Draft::allowedTokens>},
  {.name = "bad_words", .in = kGenerate, .types = kStrings, .items = {0, 1024}, .length = {1, 256}, .doc = "Texts that may not come, as sequences of tokens, by themselves and after a space", .store = store<&Draft::badWords>},
  {.name = "use_beam_search", .in = kGenerate, .types = kBool, .handling = kRefused, .neutral = "[false]", .doc = "Beam search", .reason = "there is no beam search; use n for several samples"},
  {.name = "length_penalty", .in = kGenerate, .types = kNumber, .handling = kRefused, .neutral = "[1.0]", .doc = "Of beam search", .reason = "there is no beam search"},
  {.name = "best_of", .in = kCompletion, .types = kInteger, .range = whole(1, Limit::Samples), .doc = "Only the same value as n: all samples are returned", .store = store<&Draft::bestOf>},
  {.name = "logits_processors", .in = kGenerate, .types = kObjects | kStrings, .handling = kRefused, .neutral = "[[]]", .doc = "Code of the client's own", .reason = "no code is taken from requests; use logit_bias"},

  // What form the output has
  {.name = "response_format", .in = kGenerate, .types = kObject, .doc = "Text, any JSON object, or JSON by a schema", .example = R"({"type":"text"})", .child = Scope::ResponseFormat, .store = store<&Draft::responseFormat>},
  {.name = "structured_outputs", .in = kGenerate, .types = kObject, .doc = "One constraint: json, regex, choice, grammar or json_object", .child = Scope::StructuredOutputs, .store = store<&Draft::structured>},
  {.name = "guided_json", .in = kGenerate, .types = kObject | kString, .doc = "A JSON schema for the output", .reason = kUseStructured, .example = R"({"type":"object"})", .store = storeIn<&Draft::guided, &StructuredOutputs::json>},
  {.name = "guided_regex", .in = kGenerate, .types = kString, .length = {1, 16384}, .doc = "A regular expression for the whole output", .reason = kUseStructured, .store = storeIn<&Draft::guided, &StructuredOutputs::regex>},
  {.name = "guided_choice", .in = kGenerate, .types = kStrings, .items = {1, 1024}, .length = {1, 4096}, .doc = "The texts of which the output is one", .reason = kUseStructured, .store = storeIn<&Draft::guided, &StructuredOutputs::choice>},
  {.name = "guided_grammar", .in = kGenerate, .types = kString, .length = {1, 65536}, .doc = "A grammar (EBNF) for the whole output", .reason = kUseStructured, .store = storeIn<&Draft::guided, &StructuredOutputs::grammar>},
  {.name = "guided_decoding_backend", .in = kGenerate, .types = kString, .handling = kIgnored, .neutral = R"(["auto"])", .doc = "Which library constrains the output", .reason = "there is one"},
  {.name = "guided_whitespace_pattern", .in = kGenerate, .types = kString, .handling = kRefused, .doc = "White space between the parts of JSON", .reason = "it can't be set; write a regex or a grammar"},

  // When it ends
  {.name = "max_tokens", .in = kChat, .types = kInteger, .range = whole(1, Limit::Context), .doc = "Tokens of the answer; not given: what is left of the context", .example = "16", .store = store<&Draft::maxTokens>},
  {.name = "max_tokens", .in = kCompletion, .types = kInteger, .range = whole(0, Limit::Context), .byDefault = "16", .doc = "Tokens of the answer; 0 with echo: the prompt alone", .example = "16", .store = store<&Draft::maxTokens>},
  {.name = "max_completion_tokens", .in = kChat, .types = kInteger, .range = whole(1, Limit::Context), .doc = "The newer name of max_tokens; wins over it", .example = "16", .store = store<&Draft::maxCompletionTokens>},
  {.name = "min_tokens", .in = kGenerate, .types = kInteger, .range = whole(0, Limit::Context), .byDefault = "0", .doc = "No end before so many tokens; at most max_tokens", .store = store<&Draft::minTokens>},
  {.name = "stop", .in = kGenerate, .types = kString | kStrings, .items = {0, 64}, .length = {1, 1024}, .doc = "Texts that end the answer", .example = R"(["\n\n"])", .store = store<&Draft::stop>},
  {.name = "stop_token_ids", .in = kGenerate, .types = kTokens, .range = kTokenId, .items = {0, 1024}, .doc = "Tokens that end the answer", .store = store<&Draft::stopTokens>},
  {.name = "ignore_eos", .in = kGenerate, .types = kBool, .byDefault = "false", .doc = "Whether the model's own end tokens are tokens like others", .store = store<&Draft::ignoreEos>},
  {.name = "truncate_prompt_tokens", .in = kGenerate | kEmbedding, .types = kInteger, .handling = kRefused, .doc = "Cuts the prompt", .reason = "a prompt is used whole; shorten it before"},

  // What is answered
  {.name = "n", .in = kGenerate, .types = kInteger, .range = whole(1, Limit::Samples), .byDefault = "1", .doc = "Answers to each prompt", .store = store<&Draft::n>},
  {.name = "stream", .in = kGenerate, .types = kBool, .byDefault = "false", .doc = "Whether the answer comes as server-sent events", .store = store<&Draft::stream>},
  {.name = "stream_options", .in = kGenerate, .types = kObject, .doc = "Only with stream", .child = Scope::StreamOptions, .store = store<&Draft::streamOptionsSent>},
  {.name = "logprobs", .in = kChat, .types = kBool, .byDefault = "false", .doc = "Whether the log probability of each token is reported", .store = store<&Draft::chatLogprobs>},
  {.name = "top_logprobs", .in = kChat, .types = kInteger, .range = whole(0, Limit::Logprobs), .doc = "Likely tokens reported at each position; needs logprobs", .store = store<&Draft::topLogprobs>},
  {.name = "logprobs", .in = kCompletion, .types = kInteger, .range = whole(0, Limit::Logprobs), .doc = "Likely tokens reported at each position, beside the chosen one", .store = store<&Draft::logprobs>},
  {.name = "prompt_logprobs", .in = kGenerate, .types = kInteger, .range = whole(0, Limit::Logprobs), .doc = "The same for the tokens of the prompt; not with stream", .store = store<&Draft::promptLogprobs>},
  {.name = "echo", .in = kCompletion, .types = kBool, .byDefault = "false", .doc = "Whether the answer begins with the prompt", .store = store<&Draft::echo>},
  {.name = "echo", .in = kChat, .types = kBool, .handling = kRefused, .neutral = "[false]", .doc = "Repeats the last message", .reason = "it is possible at /v1/completions only"},
  {.name = "suffix", .in = kCompletion, .types = kString, .handling = kRefused, .neutral = R"([""])", .doc = "Text after the answer", .reason = "the model writes from left to right only; put the text into the prompt"},
  {.name = "include_stop_str_in_output", .in = kGenerate, .types = kBool, .byDefault = "false", .doc = "Whether the stop text is part of the answer", .store = store<&Draft::includeStop>},
  {.name = "skip_special_tokens", .in = kGenerate, .types = kBool, .byDefault = "true", .doc = "Whether special tokens are left out of the answer", .store = store<&Draft::skipSpecialTokens>},
  {.name = "spaces_between_special_tokens", .in = kGenerate, .types = kBool, .handling = kIgnored, .neutral = "[true]", .doc = "Spaces around special tokens", .reason = "tokens are joined as the tokenizer's decoder does"},
  {.name = "return_token_ids", .in = kGenerate, .types = kBool, .byDefault = "false", .doc = "Whether token ids of prompt and answer are returned", .store = store<&Draft::returnTokenIds>},
  {.name = "return_tokens_as_token_ids", .in = kGenerate, .types = kBool, .byDefault = "false", .doc = "Whether log probabilities name tokens as token_id:N", .store = store<&Draft::tokensAsIds>},
  {.name = "return_token_strs", .in = kTokenize, .types = kBool, .byDefault = "false", .doc = "Whether the tokens' texts are returned, too", .store = store<&Draft::returnTokenStrings>},
  {.name = "include_reasoning", .in = kChat, .types = kBool, .handling = kIgnored, .neutral = "[true]", .doc = "Leaves reasoning out", .reason = "reasoning is part of the answer's text"},
  {.name = "encoding_format", .in = kEmbedding, .types = kString, .values = kEncodings, .byDefault = R"("float")", .doc = "Numbers, or base64 of little-endian f32", .store = store<&Draft::encodingFormat>},
  {.name = "dimensions", .in = kEmbedding, .types = kInteger, .range = whole(1, kInt32), .doc = "Only the model's own size: embeddings are not cut", .store = store<&Draft::dimensions>},
  {.name = "pooling", .in = kEmbedding, .types = kString, .values = kPoolings, .doc = "Mean over all tokens, or the last one; not given: the server's setting", .store = store<&Draft::pooling>},
  {.name = "normalize", .in = kEmbedding, .types = kBool, .byDefault = "true", .doc = "Whether an embedding has length 1", .store = store<&Draft::normalize>},

  // Scheduling and bookkeeping
  {.name = "priority", .in = kGenerate | kEmbedding, .types = kInteger, .range = whole(-kInt32 - 1, kInt32), .byDefault = "0", .doc = "Lower goes first", .store = store<&Draft::priority>},
  {.name = "cache_salt", .in = kGenerate, .types = kString, .length = {1, 256}, .doc = "Prompts share cached prefixes only with the same salt", .store = store<&Draft::cacheSalt>},
  {.name = "user", .in = kGenerate | kEmbedding, .types = kString, .handling = kIgnored, .doc = "The client's user", .reason = kNotKept},
  {.name = "safety_identifier", .in = kChat, .types = kString, .handling = kIgnored, .doc = "The client's user", .reason = kNotKept},
  {.name = "metadata", .in = kChat, .types = kObject, .handling = kIgnored, .neutral = "[{}]", .doc = "The client's notes", .reason = kNotKept},
  {.name = "store", .in = kChat, .types = kBool, .handling = kIgnored, .neutral = "[false]", .doc = "Keeps the answer", .reason = kNotKept},
  {.name = "service_tier", .in = kChat, .types = kString, .handling = kIgnored, .neutral = R"(["auto","default"])", .doc = "A class of service", .reason = "there is one; use priority"},
  {.name = "request_id", .in = kGenerate | kEmbedding, .types = kString, .handling = kIgnored, .doc = "A name for the request", .reason = "send the header X-Request-Id"},
  {.name = "prompt_cache_key", .in = kChat, .types = kString, .handling = kIgnored, .doc = "A hint where to find cached prefixes", .reason = "they are found by their tokens"},
  {.name = "prompt_cache_retention", .in = kChat, .types = kString, .handling = kIgnored, .neutral = R"(["in_memory"])", .doc = "How long prefixes are kept", .reason = "prefixes are kept while there is memory"},
  {.name = "prompt_cache_options", .in = kChat, .types = kObject, .handling = kIgnored, .neutral = "[{}]", .doc = "How prefixes are kept", .reason = "prefixes are kept while there is memory"},
  {.name = "prediction", .in = kChat, .types = kObject, .handling = kIgnored, .doc = "A guess of the answer, to answer faster", .reason = "the answer does not depend on it"},
  {.name = "verbosity", .in = kChat, .types = kString, .handling = kIgnored, .neutral = R"(["medium"])", .doc = "How long answers are", .reason = "say it in a message"},
  {.name = "moderation", .in = kChat, .types = kObject, .handling = kRefused, .doc = "Checks prompt and answer", .reason = "there is no moderation here"},
  {.name = "web_search_options", .in = kChat, .types = kObject, .handling = kRefused, .doc = "Searches the web", .reason = "this server opens no connections"},
  {.name = "modalities", .in = kChat, .types = kStrings, .handling = kRefused, .neutral = R"([["text"]])", .doc = "Kinds of output", .reason = kTextModel},
  {.name = "audio", .in = kChat, .types = kObject, .handling = kRefused, .doc = "Spoken output", .reason = kTextModel},
  {.name = "mm_processor_kwargs", .in = kChat, .types = kObject, .handling = kRefused, .neutral = "[{}]", .doc = "Options for images", .reason = kTextModel},
  {.name = "prompt_embeds", .in = kCompletion, .types = kString | kStrings, .handling = kRefused, .doc = "Embeddings instead of a prompt", .reason = "send texts or token ids"},
  {.name = "kv_transfer_params", .in = kGenerate, .types = kObject, .handling = kRefused, .doc = "KV memory from another server", .reason = "KV memory is not moved between servers"},
  {.name = "functions", .in = kChat, .types = kObjects, .handling = kRefused, .neutral = "[[]]", .doc = "Functions that the model may call", .reason = kUseTools},
  {.name = "function_call", .in = kChat, .types = kString | kObject, .handling = kRefused, .neutral = R"(["none","auto"])", .doc = "Which function to call", .reason = kUseTools},

  // Objects inside
  {.name = "role", .in = kMessage, .types = kString, .needed = kMessage, .values = kRoles, .doc = "Who speaks", .example = R"("user")", .store = store<&Message::role>},
  {.name = "content", .in = kMessage, .types = kString | kObjects, .items = {1, 4096}, .doc = "The text, or parts of it; an assistant's message with tool_calls may have none", .example = R"("Hello")", .child = Scope::ContentPart, .store = store<&Message::content>},
  {.name = "name", .in = kMessage, .types = kString, .length = {0, 256}, .doc = "The speaker's name, for templates that use it", .store = store<&Message::name>},
  {.name = "tool_calls", .in = kMessage, .types = kObjects, .items = {0, 128}, .doc = "Calls that the assistant made", .child = Scope::ToolCall, .store = store<&Message::toolCalls>},
  {.name = "tool_call_id", .in = kMessage, .types = kString, .length = {0, 256}, .doc = "Which call a tool's message answers", .store = store<&Message::toolCallId>},
  {.name = "reasoning_content", .in = kMessage, .types = kString, .doc = "An assistant's reasoning, for templates that use it", .store = store<&Message::reasoning>},
  {.name = "refusal", .in = kMessage, .types = kString, .handling = kIgnored, .neutral = R"([""])", .doc = "An assistant's refusal", .reason = "templates know content only"},
  {.name = "annotations", .in = kMessage, .types = kObjects, .handling = kIgnored, .neutral = "[[]]", .doc = "Notes on an assistant's text", .reason = "templates know content only"},
  {.name = "audio", .in = kMessage, .types = kObject, .handling = kRefused, .doc = "Spoken text", .reason = kTextModel},
  {.name = "function_call", .in = kMessage, .types = kObject, .handling = kRefused, .doc = "A call that the assistant made", .reason = "deprecated by OpenAI: use tool_calls"},

  {.name = "type", .in = kPart, .types = kString, .needed = kPart, .values = kTextOnly, .doc = "Kind of the part", .reason = kTextModel, .store = store<&ContentPart::type>},
  {.name = "text", .in = kPart, .types = kString, .needed = kPart, .doc = "The text", .example = R"("Hello")", .store = store<&ContentPart::text>},

  {.name = "id", .in = kToolCall, .types = kString, .needed = kToolCall, .length = {0, 256}, .doc = "What tool_call_id refers to", .example = R"("call_1")", .store = store<&ToolCall::id>},
  {.name = "type", .in = kToolCall, .types = kString, .values = kFunctionOnly, .byDefault = R"("function")", .doc = "Kind of the tool", .reason = "other tools than functions are not known", .store = store<&ToolCall::type>},
  {.name = "function", .in = kToolCall, .types = kObject, .needed = kToolCall, .doc = "The call", .child = Scope::FunctionCall, .store = store<&ToolCall::function>},
  {.name = "name", .in = kCall, .types = kString, .needed = kCall, .length = {1, 256}, .doc = "The function's name", .example = R"("get_weather")", .store = store<&FunctionCall::name>},
  {.name = "arguments", .in = kCall, .types = kString, .needed = kCall, .doc = "The arguments, as JSON text", .example = R"("{}")", .store = store<&FunctionCall::arguments>},

  {.name = "type", .in = kTool, .types = kString, .needed = kTool, .values = kFunctionOnly, .doc = "Kind of the tool", .reason = "other tools than functions are not known", .store = store<&Tool::type>},
  {.name = "function", .in = kTool, .types = kObject, .needed = kTool, .doc = "The function", .child = Scope::Function, .store = store<&Tool::function>},
  {.name = "name", .in = kFunction, .types = kString, .needed = kFunction, .pattern = kNamePattern, .doc = "The function's name", .example = R"("get_weather")", .store = store<&Function::name>},
  {.name = "description", .in = kFunction, .types = kString, .doc = "What it does, for the model", .store = store<&Function::description>},
  {.name = "parameters", .in = kFunction, .types = kObject, .doc = "A JSON schema of the arguments", .example = R"({"type":"object","properties":{}})", .store = store<&Function::parameters>},
  {.name = "strict", .in = kFunction, .types = kBool, .byDefault = "false", .doc = "Whether arguments of a call that the model makes must follow the schema; those of a forced call do in any case", .store = store<&Function::strict>},

  {.name = "type", .in = kChoice, .types = kString, .needed = kChoice, .values = kFunctionOnly, .doc = "Kind of the choice", .reason = "other tools than functions are not known", .store = store<&ToolChoiceObject::type>},
  {.name = "function", .in = kChoice, .types = kObject, .needed = kChoice, .doc = "The function to call", .child = Scope::NamedFunction, .store = store<&ToolChoiceObject::function>},
  {.name = "name", .in = kNamed, .types = kString, .needed = kNamed, .pattern = kNamePattern, .doc = "The function's name, one of tools", .example = R"("get_weather")", .store = store<&NamedFunction::name>},

  {.name = "include_usage", .in = kStreamOptions, .types = kBool, .byDefault = "false", .doc = "Whether a last event tells the usage", .store = store<&StreamOptions::includeUsage>},
  {.name = "continuous_usage_stats", .in = kStreamOptions, .types = kBool, .byDefault = "false", .doc = "Whether every event tells it", .store = store<&StreamOptions::continuousUsage>},
  {.name = "include_obfuscation", .in = kStreamOptions, .types = kBool, .handling = kIgnored, .neutral = "[false]", .doc = "Pads events to equal sizes", .reason = "events are not padded"},

  {.name = "type", .in = kFormat, .types = kString, .needed = kFormat, .values = kFormats, .doc = "Kind of the output", .example = R"("text")", .store = store<&ResponseFormat::type>},
  {.name = "json_schema", .in = kFormat, .types = kObject, .doc = "The schema; needed with type json_schema", .child = Scope::JsonSchema, .store = store<&ResponseFormat::jsonSchema>},
  {.name = "name", .in = kSchema, .types = kString, .needed = kSchema, .pattern = kNamePattern, .doc = "The schema's name; without schema: that of a schema in the artifact", .example = R"("answer")", .store = store<&JsonSchema::name>},
  {.name = "description", .in = kSchema, .types = kString, .doc = "What it is for", .store = store<&JsonSchema::description>},
  {.name = "schema", .in = kSchema, .types = kObject, .doc = "A JSON schema", .example = R"({"type":"object"})", .store = store<&JsonSchema::schema>},
  {.name = "strict", .in = kSchema, .types = kBool, .byDefault = "false", .doc = "Accepted; the output follows the schema in any case", .store = store<&JsonSchema::strict>},

  {.name = "json", .in = kStructured, .types = kObject | kString, .doc = "A JSON schema, as an object or as text", .example = R"({"type":"object"})", .store = store<&StructuredOutputs::json>},
  {.name = "regex", .in = kStructured, .types = kString, .length = {1, 16384}, .doc = "A regular expression for the whole output", .store = store<&StructuredOutputs::regex>},
  {.name = "choice", .in = kStructured, .types = kStrings, .items = {1, 1024}, .length = {1, 4096}, .doc = "The texts of which the output is one", .store = store<&StructuredOutputs::choice>},
  {.name = "grammar", .in = kStructured, .types = kString, .length = {1, 65536}, .doc = "A grammar (EBNF) for the whole output", .store = store<&StructuredOutputs::grammar>},
  {.name = "json_object", .in = kStructured, .types = kBool, .byDefault = "false", .doc = "Any JSON object", .store = store<&StructuredOutputs::jsonObject>},
  {.name = "structural_tag", .in = kStructured, .types = kString, .handling = kRefused, .doc = "Constraints between tags", .reason = "use tools, or a grammar"},
  {.name = "whitespace_pattern", .in = kStructured, .types = kString, .handling = kRefused, .doc = "White space between the parts of JSON", .reason = "it can't be set; write a regex or a grammar"},
  {.name = "disable_any_whitespace", .in = kStructured, .types = kBool, .handling = kIgnored, .neutral = "[false]", .doc = "Allows no white space in JSON", .reason = "the server's setting holds"},
  {.name = "disable_fallback", .in = kStructured, .types = kBool, .handling = kIgnored, .neutral = "[true,false]", .doc = "Uses no other library", .reason = "there is one"},
  {.name = "disable_additional_properties", .in = kStructured, .types = kBool, .handling = kRefused, .neutral = "[false]", .doc = "Forbids keys that the schema does not name", .reason = "write additionalProperties into the schema"},
};
// clang-format on

constexpr EndpointInfo kEndpoints[] = {
    {Endpoint::ChatCompletions, "POST", "/v1/chat/completions", "createChatCompletion",
     "Answers a conversation", Scope::Chat, "ChatCompletion", "ChatCompletionChunk"},
    {Endpoint::Completions, "POST", "/v1/completions", "createCompletion", "Continues prompts",
     Scope::Completion, "TextCompletion", "TextCompletion"},
    {Endpoint::Embeddings, "POST", "/v1/embeddings", "createEmbedding", "Embeds texts",
     Scope::Embedding, "EmbeddingList", nullptr},
    {Endpoint::Tokenize, "POST", "/tokenize", "tokenize",
     "Token ids of a text or of a conversation", Scope::Tokenize, "TokenizeResult", nullptr},
    {Endpoint::Detokenize, "POST", "/detokenize", "detokenize", "The text of token ids",
     Scope::Detokenize, "DetokenizeResult", nullptr},
    {Endpoint::ApplyTemplate, "POST", "/apply-template", "applyTemplate",
     "The prompt that a conversation becomes", Scope::Template, "TemplateResult", nullptr},
    {Endpoint::Models, "GET", "/v1/models", "listModels", "The served models", Scope::None,
     "ModelList", nullptr},
    {Endpoint::Model, "GET", "/v1/models/{model}", "retrieveModel", "One served model", Scope::None,
     "Model", nullptr},
    {Endpoint::Version, "GET", "/version", "version", "The server's version", Scope::None,
     "Version", nullptr},
    {Endpoint::Metrics, "GET", "/metrics", "metrics", "Counters as Prometheus text", Scope::None,
     nullptr, nullptr},
    {Endpoint::Health, "GET", "/health", "health", "Whether requests are taken; as /health/ready",
     Scope::None, "Health", nullptr},
    {Endpoint::HealthLive, "GET", "/health/live", "healthLive", "Whether the process answers",
     Scope::None, "Health", nullptr},
    {Endpoint::HealthReady, "GET", "/health/ready", "healthReady",
     "Whether the model is loaded and the server is not draining", Scope::None, "Health", nullptr},
    {Endpoint::HealthProgress, "GET", "/health/progress", "healthProgress",
     "Whether steps end in time while requests run", Scope::None, "Health", nullptr},
    {Endpoint::OpenApi, "GET", "/openapi.json", "openapi", "This document", Scope::None, "OpenApi",
     nullptr},
};

} // namespace

std::span<const Field> fieldTable() { return kFields; }
std::span<const EndpointInfo> endpointTable() { return kEndpoints; }

} // namespace axiom::serve::openai
