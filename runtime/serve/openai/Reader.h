// How the rows of the table reach a struct. Internal to this folder.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_READER_H
#define AXIOM_RUNTIME_SERVE_OPENAI_READER_H

#include "runtime/serve/openai/Errors.h"
#include "runtime/serve/openai/Fields.h"

#include <nlohmann/json.hpp>

#include <concepts>
#include <optional>
#include <type_traits>

namespace axiom::serve::openai {

/// A request while it is read: with the fields that are merged into others in the end.
struct Draft : Request {
  std::optional<int64_t> maxCompletionTokens, bestOf, topLogprobs, dimensions;
  bool chatLogprobs = false;
  std::optional<StreamOptions> streamOptionsSent;
  std::optional<ResponseFormat> responseFormat;
  std::optional<StructuredOutputs> structured;
  StructuredOutputs guided;
};

/// What is known while a body is read. A function that returns false has called fail.
class Reader {
public:
  Reader(const ServerLimits &limits, std::vector<std::string> &warnings)
      : limits(limits), warnings_(warnings) {}

  /// Checks and stores every field of `object`.
  bool readBody(Scope scope, const Json &object, void *target);

  bool fail(std::string code, std::string message);
  void warn(std::string text);

  /// Names the field that is being read; ends with the scope of the C++ block.
  class Place {
  public:
    Place(Reader &reader, std::string_view key);
    Place(Reader &reader, size_t index);
    ~Place() { reader_.path_.resize(size_); }

  private:
    Reader &reader_;
    size_t size_;
  };

  const std::string &path() const { return path_; }
  const ServerLimits &limits;
  std::optional<ApiError> error;

private:
  bool readField(const Field &field, const Json &value, void *target);
  bool checkType(const Field &field, const Json &value);
  bool checkList(const Field &field, const Json &list);
  bool checkNumber(const Field &field, const Json &value);
  bool checkString(const Field &field, const std::string &text);
  bool checkCount(const Field &field, size_t count, const char *what);
  bool checkBiases(const Field &field, const Json &object);
  bool wrong(const Field &field, std::string code, const std::string &shown);

  std::string path_;
  std::vector<std::string> &warnings_;
};

/// True if `value` equals one of the field's neutral values.
bool isNeutral(const Field &field, const Json &value);
/// The token id of a key of logit_bias; -1 if it is none.
int64_t tokenOfKey(std::string_view key);
/// An integer, or a float that is one and small enough to be exact.
bool isWhole(const Json &value);

// Values of an allowed type into members.
bool assign(Reader &, const Field &, const Json &, bool &);
bool assign(Reader &, const Field &, const Json &, int64_t &);
bool assign(Reader &, const Field &, const Json &, double &);
bool assign(Reader &, const Field &, const Json &, std::string &);
bool assign(Reader &, const Field &, const Json &, JsonText &);
bool assign(Reader &, const Field &, const Json &, std::vector<std::string> &);
bool assign(Reader &, const Field &, const Json &, std::vector<int32_t> &);
bool assign(Reader &, const Field &, const Json &, std::vector<std::pair<int32_t, double>> &);
bool assign(Reader &, const Field &, const Json &, Prompts &);
bool assign(Reader &, const Field &, const Json &, Content &);
bool assign(Reader &, const Field &, const Json &, ToolChoice &);

/// What the fields of an object must be together.
inline bool finish(Reader &, auto &) { return true; }
bool finish(Reader &, Message &);
bool finish(Reader &, ResponseFormat &);

template <typename T>
concept ChildObject =
    std::same_as<T, Message> || std::same_as<T, ContentPart> || std::same_as<T, ToolCall> ||
    std::same_as<T, FunctionCall> || std::same_as<T, Tool> || std::same_as<T, Function> ||
    std::same_as<T, ToolChoiceObject> || std::same_as<T, NamedFunction> ||
    std::same_as<T, StreamOptions> || std::same_as<T, ResponseFormat> ||
    std::same_as<T, JsonSchema> || std::same_as<T, StructuredOutputs>;

template <ChildObject T>
bool assign(Reader &reader, const Field &field, const Json &value, T &out) {
  return reader.readBody(field.child, value, &out) && finish(reader, out);
}

template <ChildObject T>
bool assign(Reader &reader, const Field &field, const Json &value, std::vector<T> &out) {
  out.clear();
  for (size_t i = 0; i < value.size(); ++i) {
    Reader::Place place(reader, i);
    if (!assign(reader, field, value[i], out.emplace_back()))
      return false;
  }
  return true;
}

template <typename T>
bool assign(Reader &reader, const Field &field, const Json &value, std::optional<T> &out) {
  return assign(reader, field, value, out.emplace());
}

template <auto> struct Member;
template <typename Class, typename T, T Class::*M> struct Member<M> {
  using Struct = std::conditional_t<std::is_base_of_v<Class, Draft>, Draft, Class>;
};

template <auto M> bool store(Reader &reader, const Field &field, const Json &value, void *target) {
  return assign(reader, field, value, static_cast<typename Member<M>::Struct *>(target)->*M);
}

/// The same for a member of a member.
template <auto Outer, auto M>
bool storeIn(Reader &reader, const Field &field, const Json &value, void *target) {
  auto *draft = static_cast<typename Member<Outer>::Struct *>(target);
  return assign(reader, field, value, (draft->*Outer).*M);
}

} // namespace axiom::serve::openai

#endif
