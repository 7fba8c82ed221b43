// What stands behind the C API's handles, and how its functions report errors.
#ifndef AXIOM_RUNTIME_API_APISTATE_H
#define AXIOM_RUNTIME_API_APISTATE_H

#include "runtime/artifact/Artifact.h"
#include "runtime/engine/Engine.h"
#include "runtime/engine/Setup.h"
#include "runtime/include/axiom/axiom.h"
#include "runtime/text/ChatTemplate.h"
#include "runtime/text/Tokenizer.h"

#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace axiom::api {

/// An opened model. Shared by its handle and its engines; does not move, since streams point into
/// it.
struct ModelState {
  std::shared_ptr<const Artifact> artifact;
  std::shared_ptr<cuda::GpuModel> gpu; ///< null: the CPU
  std::string device;                  ///< for people
  std::optional<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chatTemplate;
  bool copied = false, guarded = false;

  ~ModelState();
  engine::LoadedModel loaded() const {
    engine::LoadedModel model(artifact);
    model.gpu = gpu;
    return model;
  }
  /// Special tokens and their text, longest first; made when first asked for.
  const std::vector<std::pair<std::string, int32_t>> &specialTokens() const;

private:
  mutable std::once_flag specialOnce_;
  mutable std::vector<std::pair<std::string, int32_t>> special_;
};

/// `device`: "cpu" or empty, "cuda", "cuda:N".
Result<std::shared_ptr<ModelState>> openModel(const std::string &path, const OpenOptions &options,
                                              bool guardFaults, const std::string &device);

Status noTokenizer();
/// What makes the text of a model's requests; the model must outlive it.
std::function<std::unique_ptr<engine::TextStream>(engine::TextOptions)>
textMaker(const ModelState &model);

/// For templates that print the date.
TemplateTime localTime();
/// The messages through the chat template.
Result<RenderedText> renderChat(const ModelState &model, const std::vector<ChatMessage> &messages);
/// Tokens of a rendered chat: special tokens are read from the template's own text only.
std::vector<int32_t> encodeChat(const ModelState &model, const RenderedText &chat);

axiom_status statusOf(Code code);
/// Remembers the message for axiom_last_error().
axiom_status report(const Status &status);

/// Runs the body of an API function: nothing throws past it.
template <typename Body> axiom_status guarded(Body body) noexcept {
  try {
    return report(body());
  } catch (const std::bad_alloc &) {
    return report({Code::Resource, "not enough memory"});
  } catch (const std::exception &error) {
    return report({Code::Internal, std::string("unexpected: ") + error.what()});
  } catch (...) {
    return report({Code::Internal, "unexpected error"});
  }
}

inline Status nullArgument(const char *name) {
  return {Code::InvalidArgument, format("%s is NULL", name)};
}

/// Reads a caller's struct, which may be shorter (an older version) or longer than ours.
template <typename T> Status readStruct(const T *from, T &into, const char *name) {
  if (!from)
    return {};
  if (from->struct_size < sizeof(size_t))
    return {Code::InvalidArgument, format("%s: struct_size is not set", name)};
  std::memcpy(static_cast<void *>(&into), from, std::min(from->struct_size, sizeof(T)));
  return {};
}

/// Writes as much of `from` as the caller's struct has room for.
template <typename T> Status writeStruct(T from, T *into, const char *name) {
  if (!into)
    return nullArgument(name);
  size_t size = into->struct_size;
  if (size < sizeof(size_t))
    return {Code::InvalidArgument, format("%s: struct_size is not set", name)};
  from.struct_size = size;
  std::memcpy(static_cast<void *>(into), &from, std::min(size, sizeof(T)));
  return {};
}

/// Copies what fits; *count is what there is.
template <typename T>
Status copyOut(const T *values, size_t size, T *into, size_t capacity, size_t *count) {
  if (!count)
    return nullArgument("the count");
  if (!into && capacity > 0)
    return nullArgument("the buffer");
  *count = size;
  if (size_t n = std::min(size, capacity); n > 0)
    std::memcpy(into, values, n * sizeof(T));
  return {};
}

} // namespace axiom::api

struct axiom_model {
  std::shared_ptr<axiom::api::ModelState> state;
};

struct axiom_engine {
  std::shared_ptr<axiom::api::ModelState> model; ///< outlives the engine's text streams
  bool manual = false;
  std::unique_ptr<axiom::engine::Engine> engine;
};

#endif
