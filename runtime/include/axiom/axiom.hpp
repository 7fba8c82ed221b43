// The C++20 API of Axiom: the C API (axiom.h) with handles that free themselves, strings, vectors,
// callables and errors as values. Header only; the library's binary interface is that of axiom.h,
// whose comments say for each call what holds for threads, ownership and callbacks.
//
//   auto model = axiom::Model::open("model.axm");
//   auto engine = axiom::Engine::create(*model);
//   auto text = engine->generate("Once upon a time", {.maxTokens = 64, .temperature = 0});
//
// Nothing throws but std::bad_alloc of the standard containers. An exception that leaves a callback
// given to this API ends that request with an error.
#ifndef AXIOM_AXIOM_HPP
#define AXIOM_AXIOM_HPP

#include "axiom.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace axiom {

/// Why a call failed.
struct Error {
  axiom_status code = AXIOM_INTERNAL;
  std::string message;

  static Error last(axiom_status code) { return {code, axiom_last_error()}; }
};

/// A value, or why there is none. Dereference only what is true.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T value) : value_(std::move(value)) {}
  Expected(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return value_.has_value(); }
  T &operator*() & { return *value_; }
  const T &operator*() const & { return *value_; }
  T &&operator*() && { return std::move(*value_); }
  T *operator->() { return &*value_; }
  const T *operator->() const { return &*value_; }
  const Error &error() const { return error_; }

private:
  std::optional<T> value_;
  Error error_;
};

struct LoadOptions {
  bool copy = false; ///< copy the weights instead of mapping them
  bool huge = false; ///< copy them into 2 MiB pages where the system has them
  bool guardFaults =
      false; ///< survive a mapped file that is made shorter (installs a SIGBUS handler)
  std::string isa;
  bool verifyAll = false;
  uint64_t memoryLimit = 0; ///< bytes that copied weights may take; 0: what the system has
  bool lazy = false;        ///< mapped weights come in when they are first read, not now
  std::string device;       ///< "cpu" or empty, "cuda", "cuda:N"
};

struct Message {
  std::string role, content;
};

/// An opened model. Copies share it; any thread may use it.
class Model {
public:
  static Expected<Model> open(const std::string &path, const LoadOptions &options = {}) {
    axiom_open_options c{};
    c.struct_size = sizeof c;
    c.load = options.huge ? AXIOM_LOAD_HUGE : options.copy ? AXIOM_LOAD_COPY : AXIOM_LOAD_MAP;
    c.guard_faults = options.guardFaults;
    c.isa = options.isa.empty() ? nullptr : options.isa.c_str();
    c.verify_all = options.verifyAll;
    c.memory_limit = options.memoryLimit;
    c.lazy = options.lazy;
    c.device = options.device.empty() ? nullptr : options.device.c_str();
    axiom_model *model = nullptr;
    if (axiom_status s = axiom_open(AXIOM_ABI_VERSION, path.c_str(), &c, &model); s != AXIOM_OK)
      return Error::last(s);
    return Model(model);
  }

  axiom_model_info info() const {
    axiom_model_info info{};
    info.struct_size = sizeof info;
    (void)axiom_model_get_info(get(), &info);
    return info;
  }
  /// `flags`: AXIOM_TOKENIZE_...
  Expected<std::vector<int32_t>> tokenize(std::string_view text,
                                          uint32_t flags = AXIOM_TOKENIZE_ADD_SPECIAL) const {
    return fill<std::vector<int32_t>>([&](int32_t *into, size_t capacity, size_t *count) {
      return axiom_tokenize(get(), text.data(), text.size(), flags, into, capacity, count);
    });
  }
  Expected<std::string> detokenize(std::span<const int32_t> tokens, uint32_t flags = 0) const {
    return fill<std::string>([&](char *into, size_t capacity, size_t *length) {
      return axiom_detokenize(get(), tokens.data(), tokens.size(), flags, into, capacity, length);
    });
  }
  /// The chat template's text for these messages.
  Expected<std::string> renderChat(std::span<const Message> messages) const {
    auto list = cMessages(messages);
    return fill<std::string>([&](char *into, size_t capacity, size_t *length) {
      return axiom_render_chat(get(), list.data(), list.size(), into, capacity, length);
    });
  }
  /// The same as the tokens of a prompt.
  Expected<std::vector<int32_t>> tokenizeChat(std::span<const Message> messages) const {
    auto list = cMessages(messages);
    return fill<std::vector<int32_t>>([&](int32_t *into, size_t capacity, size_t *count) {
      return axiom_tokenize_chat(get(), list.data(), list.size(), into, capacity, count);
    });
  }

  axiom_model *get() const { return model_.get(); }

private:
  explicit Model(axiom_model *model) : model_(model, axiom_close) {}

  static std::vector<axiom_message> cMessages(std::span<const Message> messages) {
    std::vector<axiom_message> list;
    for (const Message &m : messages)
      list.push_back({m.role.c_str(), m.content.c_str()});
    return list;
  }
  template <typename T, typename Call> static Expected<T> fill(Call call) {
    T result;
    for (size_t capacity = 256;;) {
      size_t needed = 0;
      result.resize(capacity);
      if (axiom_status s = call(result.data(), capacity, &needed); s != AXIOM_OK)
        return Error::last(s);
      bool whole = needed <= capacity;
      if (whole) {
        result.resize(needed);
        return result;
      }
      capacity = needed;
    }
  }

  std::shared_ptr<axiom_model> model_;
};

struct EngineOptions {
  uint32_t threads = 0;          ///< 0: usable cores
  uint32_t maxBatchedTokens = 0; ///< 0: 512
  uint32_t maxSequences = 0;     ///< 0: 16
  uint32_t maxRows = 0;          ///< 0: maxSequences
  uint64_t kvPositions = 0;      ///< 0: chosen to fit
  uint64_t memoryLimit = 0;      ///< 0: what the system has
  uint32_t maxRequests = 0;      ///< 0: 4096
  bool manual = false;           ///< no thread; wait() and step() work on the caller's
  bool oversubscribe = false;
  bool eager = false; ///< a GPU's kernels one by one, not as graphs
  bool noPrefixCache = false;
  uint32_t maxQueuedRequests = 0; ///< 0: no bound
  uint64_t maxQueuedTokens = 0;   ///< 0: no bound
  uint64_t maxQueueMs = 0;        ///< 0: no bound
  uint32_t maxStepMs = 0;         ///< 0: no bound
  uint32_t maxDraftTokens = 0;    ///< 0: none
  /// While the weights are copied to a GPU: bytes so far, and in all.
  std::function<void(uint64_t done, uint64_t total)> upload = {};

  /// What it points to is here.
  axiom_engine_options c() const {
    axiom_engine_options c{};
    c.struct_size = sizeof c;
    c.threads = threads;
    c.max_batched_tokens = maxBatchedTokens;
    c.max_sequences = maxSequences;
    c.max_rows = maxRows;
    c.kv_positions = kvPositions;
    c.memory_limit = memoryLimit;
    c.max_requests = maxRequests;
    c.manual = manual;
    c.oversubscribe = oversubscribe;
    c.eager = eager;
    c.no_prefix_cache = noPrefixCache;
    c.max_queued_requests = maxQueuedRequests;
    c.max_queued_tokens = maxQueuedTokens;
    c.max_queue_ms = maxQueueMs;
    c.max_step_ms = maxStepMs;
    c.max_draft_tokens = maxDraftTokens;
    if (upload) {
      c.upload = [](void *user, uint64_t done, uint64_t total) {
        (*static_cast<const decltype(upload) *>(user))(done, total);
      };
      c.upload_user = const_cast<decltype(upload) *>(&upload);
    }
    return c;
  }
};

inline Expected<axiom_memory> planMemory(const Model &model, const EngineOptions &options = {}) {
  axiom_engine_options c = options.c();
  axiom_memory memory{};
  memory.struct_size = sizeof memory;
  if (axiom_status s = axiom_plan_memory(model.get(), &c, &memory); s != AXIOM_OK)
    return Error::last(s);
  return memory;
}

/// How to generate; the fields mean what those of axiom_request mean.
struct Generation {
  uint32_t maxTokens = 0;
  uint32_t minTokens = 0;
  float temperature = 1.0f;
  uint32_t topK = 0;
  float topP = 1.0f;
  float minP = 0.0f;
  float repetitionPenalty = 1.0f;
  float presencePenalty = 0.0f;
  float frequencyPenalty = 0.0f;
  uint64_t seed = 0;
  uint32_t n = 1;
  uint32_t logprobs = 0;
  bool chosenLogprob = false;
  bool ignoreEos = false;
  bool includeStop = false;
  bool freshText = false;
  std::vector<axiom_logit_bias> logitBias = {};
  std::vector<int32_t> stopTokens = {};
  std::vector<std::string> stopStrings = {};
  uint64_t fairKey = 0;
  int32_t priority = 0;
  uint64_t deadlineMs = 0;    ///< 0: none
  std::string cacheSalt = {}; ///< empty: none
};

/// An event that owns what it points to.
struct Event {
  uint64_t request = 0;
  uint32_t sample = 0;
  int32_t token = -1;
  std::string text;
  float logprob = 0;
  std::vector<axiom_logprob> top;
  axiom_finish finish = AXIOM_FINISH_NONE;
  bool last = false;
  std::string stop;
  axiom_status status = AXIOM_OK;
  std::string error;
  uint32_t promptTokens = 0, outputTokens = 0, cachedTokens = 0;
  std::vector<float> embedding;

  static Event from(const axiom_event &c) {
    return {c.request,
            c.sample,
            c.token,
            std::string(c.text, c.text_size),
            c.logprob,
            {c.top, c.top + c.num_top},
            c.finish,
            c.last != 0,
            c.stop,
            c.status,
            c.error,
            c.prompt_tokens,
            c.output_tokens,
            c.cached_tokens,
            {c.embedding, c.embedding + c.embedding_size}};
  }
};

/// Serves requests. Destroying it cancels them; not inside a callback.
class Engine {
public:
  /// Position of the row, and the logits of the token after it.
  using RowCallback = std::function<void(uint32_t position, std::span<const float> logits)>;

  static Expected<Engine> create(const Model &model, const EngineOptions &options = {}) {
    axiom_engine_options c = options.c();
    axiom_engine *engine = nullptr;
    if (axiom_status s = axiom_engine_create(model.get(), &c, &engine); s != AXIOM_OK)
      return Error::last(s);
    return Engine(engine);
  }

  /// Queues a prompt; read its events with wait() or poll().
  Expected<uint64_t> submit(std::span<const int32_t> prompt, const Generation &how) {
    return submit(prompt, how, nullptr);
  }
  /// Queues a prompt whose events go to `sink`, on the engine's thread.
  Expected<uint64_t> submit(std::span<const int32_t> prompt, const Generation &how,
                            std::function<void(const Event &)> sink) {
    std::vector<const char *> stops;
    for (const std::string &stop : how.stopStrings)
      stops.push_back(stop.c_str());
    axiom_request r;
    axiom_request_init(&r, sizeof r);
    static constexpr int32_t none = 0; // an empty prompt is refused by its count
    r.prompt = prompt.empty() ? &none : prompt.data();
    r.prompt_count = prompt.size();
    r.max_tokens = how.maxTokens;
    r.min_tokens = how.minTokens;
    r.temperature = how.temperature;
    r.top_k = how.topK;
    r.top_p = how.topP;
    r.min_p = how.minP;
    r.repetition_penalty = how.repetitionPenalty;
    r.presence_penalty = how.presencePenalty;
    r.frequency_penalty = how.frequencyPenalty;
    r.seed = how.seed;
    r.n = how.n;
    r.logprobs = how.logprobs;
    r.chosen_logprob = how.chosenLogprob;
    r.ignore_eos = how.ignoreEos;
    r.include_stop = how.includeStop;
    r.fresh_text = how.freshText;
    r.logit_bias = how.logitBias.data();
    r.num_logit_bias = how.logitBias.size();
    r.stop_tokens = how.stopTokens.data();
    r.num_stop_tokens = how.stopTokens.size();
    r.stop_strings = stops.data();
    r.num_stop_strings = stops.size();
    r.fair_key = how.fairKey;
    r.priority = how.priority;
    r.deadline_ms = how.deadlineMs;
    r.cache_salt = how.cacheSalt.empty() ? nullptr : how.cacheSalt.c_str();
    uint64_t id = 0;
    auto *owned = sink ? new Sink{std::move(sink)} : nullptr; // freed with the last event
    if (axiom_status s = axiom_submit(engine_.get(), &r, owned ? onEvent : nullptr, owned, &id);
        s != AXIOM_OK) {
      delete owned;
      return Error::last(s);
    }
    return id;
  }
  /// The next event; error().code is AXIOM_AGAIN after `milliseconds` (negative: never) without
  /// one.
  Expected<Event> wait(uint64_t id, int64_t milliseconds = -1) {
    axiom_event event{};
    event.struct_size = sizeof event;
    if (axiom_status s = axiom_wait(engine_.get(), id, milliseconds, &event); s != AXIOM_OK)
      return s == AXIOM_AGAIN ? Error{s, "no event yet"} : Error::last(s);
    return Event::from(event);
  }
  Expected<Event> poll(uint64_t id) { return wait(id, 0); }
  void cancel(uint64_t id) { axiom_cancel(engine_.get(), id); }
  void release(uint64_t id) { axiom_release(engine_.get(), id); }

  /// The whole text of one completion.
  Expected<std::string> generate(std::span<const int32_t> prompt, const Generation &how) {
    Expected<uint64_t> id = submit(prompt, how);
    if (!id)
      return id.error();
    for (std::string text;;) {
      Expected<Event> event = wait(*id);
      if (!event)
        return event.error();
      if (event->finish == AXIOM_FINISH_ERROR)
        return Error{event->status, event->error};
      if (event->sample == 0)
        text += event->text;
      if (event->last)
        return text;
    }
  }

  /// Rows of logits from `firstRow` on; see axiom_forward().
  std::optional<Error> forward(std::span<const int32_t> tokens, uint32_t firstRow,
                               RowCallback rows) {
    axiom_status s =
        axiom_forward(engine_.get(), tokens.data(), tokens.size(), firstRow, onRow, &rows);
    return s == AXIOM_OK ? std::nullopt : std::optional<Error>(Error::last(s));
  }
  /// See axiom_embed().
  Expected<std::vector<float>> embed(std::span<const int32_t> tokens,
                                     axiom_pooling pooling = AXIOM_POOLING_MEAN) {
    std::vector<float> values(size_t(1) << 16); // no model is wider
    size_t size = 0;
    static constexpr int32_t none = 0; // an empty list is refused by its count
    if (axiom_status s = axiom_embed(engine_.get(), tokens.empty() ? &none : tokens.data(),
                                     tokens.size(), pooling, values.data(), values.size(), &size);
        s != AXIOM_OK)
      return Error::last(s);
    values.resize(std::min(size, values.size()));
    return values;
  }
  axiom_stats stats() const {
    axiom_stats stats{};
    stats.struct_size = sizeof stats;
    (void)axiom_engine_get_stats(engine_.get(), &stats);
    return stats;
  }
  /// Manual engines: false when there was nothing to do.
  bool step() {
    uint32_t worked = 0;
    return axiom_engine_step(engine_.get(), &worked) == AXIOM_OK && worked;
  }

  axiom_engine *get() const { return engine_.get(); }

private:
  struct Sink {
    std::function<void(const Event &)> call;
  };
  struct Destroy {
    void operator()(axiom_engine *engine) const { (void)axiom_engine_destroy(engine); }
  };
  explicit Engine(axiom_engine *engine) : engine_(engine) {}

  static void onEvent(void *user, const axiom_event *event) {
    // The last event frees the sink, also when the call throws: the engine calls no more then.
    auto *sink = static_cast<Sink *>(user);
    try {
      sink->call(Event::from(*event));
    } catch (...) {
      delete sink;
      throw;
    }
    if (event->last)
      delete sink;
  }
  static void onRow(void *user, uint32_t, uint32_t position, const float *logits, uint32_t vocab) {
    (*static_cast<RowCallback *>(user))(position, {logits, vocab});
  }

  std::unique_ptr<axiom_engine, Destroy> engine_;
};

} // namespace axiom

#endif
