// Opening models, and everything about text.
#include "runtime/api/ApiState.h"

#include "runtime/base/FaultGuard.h"
#include "runtime/schema/Header.h"

#include <algorithm>
#include <ctime>

namespace axiom::api {
namespace {

thread_local std::string lastError;

void markBroken(const void *context) { static_cast<const Artifact *>(context)->markBroken(); }

} // namespace

TemplateTime localTime() {
  std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  TemplateTime time;
  time.year = parts.tm_year + 1900;
  time.month = parts.tm_mon + 1;
  time.day = parts.tm_mday;
  time.hour = parts.tm_hour;
  time.minute = parts.tm_min;
  time.second = std::min(parts.tm_sec, 59);
  return time;
}

ModelState::~ModelState() {
  if (guarded)
    removeFaultGuard(artifact.get());
}

const std::vector<std::pair<std::string, int32_t>> &ModelState::specialTokens() const {
  std::call_once(specialOnce_, [this] {
    for (int32_t id = 0; tokenizer && id < tokenizer->vocabSize(); ++id)
      if (tokenizer->isSpecial(id))
        if (std::string text = tokenizer->tokenBytes(id); !text.empty())
          special_.emplace_back(std::move(text), id);
    std::sort(special_.begin(), special_.end(), [](auto &a, auto &b) {
      return a.first.size() != b.first.size() ? a.first.size() > b.first.size()
                                              : a.second < b.second;
    });
  });
  return special_;
}

Result<std::shared_ptr<ModelState>> openModel(const std::string &path, const OpenOptions &options,
                                              bool guardFaults, const std::string &device) {
  auto model = std::make_shared<ModelState>();
  AXIOM_ASSIGN_OR_RETURN(engine::LoadedModel loaded, engine::loadModel(path, options, device));
  model->device = loaded.device();
  model->artifact = std::move(loaded.artifact);
  model->gpu = std::move(loaded.gpu);
  model->copied = options.load != LoadMode::Map;
  if (guardFaults) {
    AXIOM_RETURN_IF_ERROR(
        addFaultGuard(model->artifact->mapping(), markBroken, model->artifact.get()));
    model->guarded = true;
  }
  if (auto blob = model->artifact->segment(SegmentKind::Tokenizer); !blob.empty()) {
    auto tokenizer = Tokenizer::open(blob);
    if (!tokenizer.ok())
      return tokenizer.status().withContext(path + ": tokenizer");
    model->tokenizer.emplace(std::move(*tokenizer));
  }
  if (auto blob = model->artifact->segment(SegmentKind::Template); !blob.empty()) {
    auto chat = ChatTemplate::open(blob);
    if (!chat.ok())
      return chat.status().withContext(path + ": chat template");
    model->chatTemplate.emplace(std::move(*chat));
  }
  return model;
}

Status noTokenizer() {
  return {Code::Unsupported, "the model was compiled without a tokenizer: give token ids"};
}

Result<RenderedText> renderChat(const ModelState &model, const std::vector<ChatMessage> &messages) {
  if (!model.chatTemplate)
    return {Code::Unsupported,
            "the model has no chat template: use generate, or compile it with one "
            "(chat_template.jinja beside the model)"};
  ChatContext context;
  context.messages = messages;
  context.bosToken = model.artifact->config().bosToken;
  context.eosToken = model.artifact->config().eosToken;
  return model.chatTemplate->renderMarked(makeChatContext(context), {}, localTime());
}

std::vector<int32_t> encodeChat(const ModelState &model, const RenderedText &chat) {
  const std::string &text = chat.text;
  struct Hit {
    size_t begin, end;
    int32_t id;
  };
  std::vector<Hit> hits;
  bool forged = false; // some special token's text comes from a message
  for (size_t at = 0; at < text.size();) {
    size_t length = 1;
    for (auto &[special, id] : model.specialTokens())
      if (text.compare(at, special.size(), special) == 0) {
        bool touches =
            std::any_of(chat.untrusted.begin(), chat.untrusted.end(), [&](const TextSpan &span) {
              return span.begin < at + special.size() && at < span.end;
            });
        forged |= touches;
        if (touches)
          continue; // a shorter one may lie in the template's own text
        hits.push_back({at, at + special.size(), id});
        length = special.size();
        break;
      }
    at += length;
  }
  if (!forged)
    return model.tokenizer->encode(text, {.addSpecial = false, .parseSpecial = true});
  // Special tokens cut the text anyway, so the parts between the true ones are encoded on their
  // own.
  std::vector<int32_t> tokens;
  size_t at = 0;
  auto plain = [&](size_t end) {
    if (end > at) {
      auto part = model.tokenizer->encode(std::string_view(text).substr(at, end - at),
                                          {.addSpecial = false, .parseSpecial = false});
      tokens.insert(tokens.end(), part.begin(), part.end());
    }
  };
  for (const Hit &hit : hits) {
    plain(hit.begin);
    tokens.push_back(hit.id);
    at = hit.end;
  }
  plain(text.size());
  return tokens;
}

axiom_status statusOf(Code code) {
  switch (code) {
  case Code::Ok:
    return AXIOM_OK;
  case Code::InvalidArgument:
    return AXIOM_INVALID_ARGUMENT;
  case Code::BadInput:
    return AXIOM_BAD_INPUT;
  case Code::Unsupported:
    return AXIOM_UNSUPPORTED;
  case Code::Resource:
    return AXIOM_RESOURCE;
  case Code::NotFound:
    return AXIOM_NOT_FOUND;
  case Code::Cancelled:
    return AXIOM_CANCELLED;
  case Code::Internal:
    return AXIOM_INTERNAL;
  case Code::Overloaded:
    return AXIOM_OVERLOADED;
  case Code::TimedOut:
    return AXIOM_TIMED_OUT;
  }
  return AXIOM_INTERNAL;
}

axiom_status report(const Status &status) {
  if (!status.ok()) {
    try {
      lastError = status.message();
    } catch (...) {
      lastError.clear();
    }
  }
  return statusOf(status.code());
}

} // namespace axiom::api

using namespace axiom;
using namespace axiom::api;

uint32_t axiom_abi_version(void) { return AXIOM_ABI_VERSION; }
const char *axiom_version(void) { return AXIOM_VERSION; }
const char *axiom_last_error(void) { return lastError.c_str(); }

void axiom_format_versions(uint32_t *formatVersion, uint32_t *numerics, uint32_t *kernelAbi) {
  if (formatVersion)
    *formatVersion = kArtifactFormatVersion;
  if (numerics)
    *numerics = AXM_NUMERICS_VERSION;
  if (kernelAbi)
    *kernelAbi = AXM_KERNEL_ABI_VERSION;
}

axiom_status axiom_open(uint32_t abiVersion, const char *path, const axiom_open_options *options,
                        axiom_model **model) {
  return guarded([&]() -> Status {
    if (!path || !model)
      return nullArgument(path ? "model" : "path");
    *model = nullptr;
    if (abiVersion != AXIOM_ABI_VERSION)
      return {
          Code::Unsupported,
          format("the program was built for version %u of libaxiom's interface and this library "
                 "has version %u: build it again with this library's axiom.h",
                 abiVersion, AXIOM_ABI_VERSION)};
    axiom_open_options given{};
    AXIOM_RETURN_IF_ERROR(readStruct(options, given, "options"));
    OpenOptions open;
    open.isa = given.isa ? given.isa : "";
    switch (given.load) {
    case AXIOM_LOAD_MAP:
      break;
    case AXIOM_LOAD_COPY:
      open.load = LoadMode::Copy;
      break;
    case AXIOM_LOAD_HUGE:
      open.load = LoadMode::Huge;
      break;
    default:
      return {Code::InvalidArgument, format("load is %d; AXIOM_LOAD_MAP (0), _COPY (1) and _HUGE "
                                            "(2) are possible",
                                            static_cast<int>(given.load))};
    }
    open.memoryLimit = given.memory_limit;
    open.verifyAll = given.verify_all != 0;
    open.prefault = given.lazy == 0;
    auto handle = std::make_unique<axiom_model>();
    AXIOM_ASSIGN_OR_RETURN(handle->state, openModel(path, open, given.guard_faults != 0,
                                                    given.device ? given.device : ""));
    *model = handle.release();
    return {};
  });
}

void axiom_close(axiom_model *model) { delete model; }

axiom_status axiom_model_get_info(const axiom_model *model, axiom_model_info *info) {
  return guarded([&]() -> Status {
    if (!model)
      return nullArgument("model");
    const Artifact &artifact = *model->state->artifact;
    const ArtifactConfig &config = artifact.config();
    axiom_model_info out{};
    out.name = config.name.c_str();
    out.family = config.family.c_str();
    out.target = artifact.target().c_str();
    out.layers = config.layers;
    out.hidden = config.hidden;
    out.heads = config.heads;
    out.kv_heads = config.kvHeads;
    out.head_dim = config.headDim;
    out.vocab = config.vocab;
    out.max_context = config.maxContext;
    out.bos = config.bos;
    out.eos = config.eos.data();
    out.num_eos = config.eos.size();
    out.has_tokenizer = model->state->tokenizer.has_value();
    out.has_chat_template = model->state->chatTemplate.has_value();
    out.file_bytes = artifact.fileSize();
    out.weight_bytes = artifact.program().weightsSize;
    out.kv_bytes_per_64 = artifact.program().kv.blockBytes;
    out.bits_per_weight = artifact.metadata().provenance.storedBits;
    for (const TensorInfo &tensor : artifact.metadata().tensors)
      if (!tensor.vector)
        out.num_weights += tensor.rows * tensor.cols;
    out.device = model->state->device.c_str();
    return writeStruct(out, info, "info");
  });
}

axiom_status axiom_tokenize(const axiom_model *model, const char *text, size_t size, uint32_t flags,
                            int32_t *tokens, size_t capacity, size_t *count) {
  return guarded([&]() -> Status {
    if (!model || (!text && size > 0))
      return nullArgument(model ? "text" : "model");
    if (!model->state->tokenizer)
      return noTokenizer();
    auto ids = model->state->tokenizer->encode(
        std::string_view(text ? text : "", size),
        {.addSpecial = (flags & AXIOM_TOKENIZE_ADD_SPECIAL) != 0,
         .parseSpecial = (flags & AXIOM_TOKENIZE_PARSE_SPECIAL) != 0});
    return copyOut(ids.data(), ids.size(), tokens, capacity, count);
  });
}

axiom_status axiom_detokenize(const axiom_model *model, const int32_t *tokens, size_t count,
                              uint32_t flags, char *text, size_t capacity, size_t *length) {
  return guarded([&]() -> Status {
    if (!model || (!tokens && count > 0))
      return nullArgument(model ? "tokens" : "model");
    if (!model->state->tokenizer)
      return noTokenizer();
    std::string out =
        model->state->tokenizer->decode({tokens, count}, !(flags & AXIOM_DETOKENIZE_KEEP_SPECIAL));
    return copyOut(out.data(), out.size(), text, capacity, length);
  });
}

namespace {

Result<std::vector<ChatMessage>> readMessages(const axiom_message *messages, size_t count) {
  if (!messages && count > 0)
    return nullArgument("messages");
  std::vector<ChatMessage> out;
  for (size_t i = 0; i < count; ++i) {
    if (!messages[i].role || !messages[i].content)
      return nullArgument("a message's role or content");
    out.push_back({messages[i].role, messages[i].content});
  }
  return out;
}

} // namespace

axiom_status axiom_render_chat(const axiom_model *model, const axiom_message *messages,
                               size_t numMessages, char *text, size_t capacity, size_t *length) {
  return guarded([&]() -> Status {
    if (!model)
      return nullArgument("model");
    AXIOM_ASSIGN_OR_RETURN(auto list, readMessages(messages, numMessages));
    AXIOM_ASSIGN_OR_RETURN(RenderedText chat, renderChat(*model->state, list));
    return copyOut(chat.text.data(), chat.text.size(), text, capacity, length);
  });
}

axiom_status axiom_tokenize_chat(const axiom_model *model, const axiom_message *messages,
                                 size_t numMessages, int32_t *tokens, size_t capacity,
                                 size_t *count) {
  return guarded([&]() -> Status {
    if (!model)
      return nullArgument("model");
    if (!model->state->tokenizer)
      return noTokenizer();
    AXIOM_ASSIGN_OR_RETURN(auto list, readMessages(messages, numMessages));
    AXIOM_ASSIGN_OR_RETURN(RenderedText chat, renderChat(*model->state, list));
    auto ids = encodeChat(*model->state, chat);
    return copyOut(ids.data(), ids.size(), tokens, capacity, count);
  });
}
