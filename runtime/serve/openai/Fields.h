// The table of every endpoint and every field of a request body: the one place that says what a
// field may hold, what it is when not given, and what becomes of it. Parsing, error messages, the
// OpenAPI document and the table in docs/serving-api.md all come from here.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_FIELDS_H
#define AXIOM_RUNTIME_SERVE_OPENAI_FIELDS_H

#include "runtime/serve/openai/Json.h"
#include "runtime/serve/openai/Request.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace axiom::serve::openai {

/// What depends on the model and the server's settings.
struct ServerLimits {
  std::vector<std::string> models{"model"}; ///< served names; the first is the default
  int64_t vocab = 1;                        ///< token ids are below it
  int64_t context = 1;                      ///< tokens of prompt and answer together
  int64_t samples = 128;                    ///< n
  int64_t logprobs = 20;                    ///< most likely tokens a position
  int64_t prompts = 2048;                   ///< in one request
  int64_t embeddingSize = 0;                ///< 0: not known, `dimensions` is refused
  JsonLimits json;
};

/// An object whose fields are rows of the table.
enum class Scope : uint8_t {
  Chat, // bodies
  Completion,
  Embedding,
  Tokenize,
  Detokenize,
  Template,
  Message, // objects inside them
  ContentPart,
  ToolCall,
  FunctionCall,
  Tool,
  Function,
  ToolChoice,
  NamedFunction,
  StreamOptions,
  ResponseFormat,
  JsonSchema,
  StructuredOutputs,
  None,
};
inline constexpr size_t kScopes = static_cast<size_t>(Scope::None);
constexpr uint32_t bit(Scope scope) { return 1u << static_cast<uint32_t>(scope); }
/// The name of its schema in the OpenAPI document.
const char *scopeName(Scope scope);

enum Type : uint32_t {
  kBool = 1u << 0,
  kInteger = 1u << 1, ///< also a float that is whole, as JSON Schema has it
  kNumber = 1u << 2,
  kString = 1u << 3,
  kStrings = 1u << 4,    ///< list of strings
  kTokens = 1u << 5,     ///< list of token ids
  kTokenLists = 1u << 6, ///< list of lists of token ids
  kObject = 1u << 7,     ///< of `child`, or of any keys
  kObjects = 1u << 8,    ///< list of these
  kBiases = 1u << 9,     ///< object: token id as a string, number
};

/// A bound that the server sets.
enum class Limit : uint8_t { None, Vocab, Context, Samples, Logprobs, Prompts };

/// Of a number, or of each number in a list or object.
struct Range {
  enum Kind : uint8_t { Any, Integer, Real } kind = Any;
  int64_t low = 0, high = 0; ///< of integers, both possible
  double from = 0, to = 0;   ///< of reals
  bool above = false;        ///< `from` itself is not possible
  Limit most = Limit::None;  ///< instead of `high`; for Vocab one less
};

/// How many characters a string may have, or items a list, or keys an object.
struct Count {
  int64_t low = 0, high = -1; ///< high -1: no bound of its own
  Limit most = Limit::None;   ///< instead of `high`
};

enum class Handling : uint8_t {
  Honoured,
  Ignored, ///< accepted with a warning, unless neutral
  Refused, ///< 400, unless neutral
};

class Reader;
struct Field;
/// Puts a value of an allowed type and range into the struct of the field's scope.
using Store = bool (*)(Reader &reader, const Field &field, const Json &value, void *target);

struct Field {
  const char *name;
  uint32_t in;         ///< bits of the scopes that have it
  uint32_t types;      ///< bits of Type; null is always "not given"
  uint32_t needed = 0; ///< bits of the scopes that can't do without
  Range range{};
  Count items{};                         ///< of a list or object
  Count length{};                        ///< of a string, or each string of a list
  std::span<const char *const> values{}; ///< the only strings possible
  const char *pattern = nullptr;         ///< the only one is kNamePattern
  const char *byDefault = nullptr;       ///< JSON; null: not given
  Handling handling = Handling::Honoured;
  const char *neutral =
      nullptr;             ///< JSON list of the values that an ignored or refused field may have
  const char *doc = "";    ///< one line
  const char *reason = ""; ///< why it is ignored, refused or bounded so, and what to do instead
  const char *example = nullptr; ///< JSON
  Scope child = Scope::None;
  Store store = nullptr; ///< null: the value is not kept
};

inline constexpr char kNamePattern[] = "^[a-zA-Z0-9_-]{1,64}$";
bool isName(std::string_view text);

std::span<const Field> fieldTable();
/// The rows of one scope, in the table's order.
std::vector<const Field *> fieldsOf(Scope scope);
/// Null: the scope has no such field.
const Field *findField(Scope scope, std::string_view name);

int64_t highest(const Range &range, const ServerLimits &limits);
/// -1: none.
int64_t highest(const Count &count, const ServerLimits &limits);

/// "a number from 0 to 2": what the field may hold.
std::string describe(const Field &field, const ServerLimits &limits);
/// With the names of the bounds instead of one server's values.
std::string describe(const Field &field);

struct EndpointInfo {
  Endpoint endpoint;
  const char *method, *path;
  const char *operation; ///< operationId of the OpenAPI document
  const char *summary;
  Scope body;           ///< None: no body
  const char *answer;   ///< name of its schema in the OpenAPI document; null: text
  const char *streamed; ///< schema of the events with "stream": true; null: does not stream
};

std::span<const EndpointInfo> endpointTable();
const EndpointInfo &endpointInfo(Endpoint endpoint);

/// The tables of docs/serving-api.md.
std::string fieldMarkdown();

} // namespace axiom::serve::openai

#endif
