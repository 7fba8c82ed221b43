// A request after its checks: plain data, one struct for all endpoints. What a field may hold and
// what it is when not given stands in the table (Fields.h) alone; an endpoint without a field
// leaves it as it is here.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_REQUEST_H
#define AXIOM_RUNTIME_SERVE_OPENAI_REQUEST_H

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace axiom::serve::openai {

enum class Endpoint : uint8_t {
  ChatCompletions,
  Completions,
  Embeddings,
  Tokenize,
  Detokenize,
  ApplyTemplate,
  Models,
  Model,
  Version,
  Metrics,
  Health,
  HealthLive,
  HealthReady,
  HealthProgress,
  OpenApi,
};

/// A value that goes on as JSON (a schema, variables of a template); empty: not given.
struct JsonText {
  std::string text;
};

/// Texts or token lists, never both.
struct Prompts {
  std::vector<std::string> texts;
  std::vector<std::vector<int32_t>> tokens;
  size_t size() const { return texts.size() + tokens.size(); }
};

struct ContentPart {
  std::string type, text;
};

/// The text of a message: one string, or parts.
struct Content {
  bool given = false; ///< false: null or absent
  bool isParts = false;
  std::vector<ContentPart> parts; ///< one if it was a string
  std::string text() const {
    std::string all;
    for (const ContentPart &part : parts)
      all += part.text;
    return all;
  }
};

struct FunctionCall {
  std::string name;
  std::string arguments; ///< JSON text as the client sent it; not checked, a model wrote it
};

struct ToolCall {
  std::string id, type;
  FunctionCall function;
};

struct Message {
  std::string role; ///< system, developer, user, assistant or tool
  Content content;
  std::string name;
  std::vector<ToolCall> toolCalls;
  std::string toolCallId;
  std::string reasoning;
};

struct Function {
  std::string name, description;
  JsonText parameters; ///< a JSON schema
  bool strict = false;
};

struct Tool {
  std::string type;
  Function function;
};

struct NamedFunction {
  std::string name;
};

struct ToolChoiceObject {
  std::string type;
  NamedFunction function;
};

/// none, auto and required; named: the function `name` is to be called.
struct ToolChoice {
  enum Kind : uint8_t { NotGiven, None, Auto, Required, Named } kind = NotGiven;
  std::string name;
};

struct StreamOptions {
  bool includeUsage = false;
  bool continuousUsage = false;
};

struct JsonSchema {
  std::string name, description;
  JsonText schema; ///< not given: `name` is a schema of the artifact
  bool strict = false;
};

struct ResponseFormat {
  std::string type;
  std::optional<JsonSchema> jsonSchema;
};

struct StructuredOutputs {
  JsonText json;
  std::string regex, grammar;
  std::vector<std::string> choice;
  bool jsonObject = false;
};

/// What the output must be: the one answer to response_format, structured_outputs and guided_*.
struct OutputFormat {
  enum Kind : uint8_t { Text, JsonObject, Schema, NamedSchema, Regex, Choice, Grammar } kind = Text;
  std::string field; ///< where the client has said so
  std::string text;  ///< the schema as JSON, its name (NamedSchema), the regex or the grammar
  std::vector<std::string> choices;
};

struct Request {
  Endpoint endpoint = Endpoint::ChatCompletions;
  std::string model; ///< a served name

  // What is asked
  std::vector<Message> messages;
  Prompts prompts; ///< also an embedding's input
  std::vector<int32_t> tokens;
  std::vector<Tool> tools;
  ToolChoice toolChoice;
  bool parallelToolCalls = false;
  bool addSpecialTokens = false;
  bool addGenerationPrompt = false, continueFinalMessage = false;
  JsonText templateVariables, documents;
  std::string reasoningEffort; ///< a variable of the template; empty: not given

  // How tokens are chosen
  double temperature = 0, topP = 0, minP = 0;
  int64_t topK = 0; ///< 0 = off
  double presencePenalty = 0, frequencyPenalty = 0, repetitionPenalty = 0;
  std::optional<int64_t> seed;
  std::vector<std::pair<int32_t, double>> logitBias; ///< rising ids, each once
  std::optional<std::vector<int32_t>> allowedTokens;
  std::vector<std::string> badWords;
  OutputFormat format;

  // When it ends
  std::optional<int64_t> maxTokens; ///< not given: what is left of the context
  int64_t minTokens = 0;
  std::vector<std::string> stop;
  std::vector<int32_t> stopTokens;
  bool ignoreEos = false;

  // What is answered
  int64_t n = 1;
  bool stream = false;
  StreamOptions streamOptions;
  bool echo = false;
  std::optional<int64_t> logprobs; ///< most likely tokens to report beside the chosen one
  std::optional<int64_t> promptLogprobs;
  bool includeStop = false, skipSpecialTokens = false;
  bool returnTokenIds = false, tokensAsIds = false, returnTokenStrings = false;

  // Embeddings
  std::string encodingFormat; ///< float or base64
  std::string pooling;        ///< mean or last; empty: the model's
  bool normalize = false;

  // Scheduling
  int64_t priority = 0; ///< lower goes first
  std::string cacheSalt;

  /// One sentence each, ASCII, for a response header: fields that were not used.
  std::vector<std::string> warnings;
};

} // namespace axiom::serve::openai

#endif
