// Engines: memory, requests, events.
#include "runtime/api/ApiState.h"

#include "runtime/text/Detokenizer.h"

#include <algorithm>

using namespace axiom;
using namespace axiom::api;

namespace {

/// The text of one sample.
class ModelText : public engine::TextStream {
public:
  ModelText(const Tokenizer &tokenizer, engine::TextOptions options)
      : stream_(tokenizer, {.skipSpecial = !options.special, .atTextStart = options.fresh}) {}
  std::string add(int32_t token) override { return stream_.add(token); }
  std::string flush() override { return stream_.flush(); }

private:
  StreamDetokenizer stream_;
};

engine::EngineSettings settingsFrom(const ModelState &model, const axiom_engine_options &o) {
  engine::EngineSettings s;
  s.threads = o.threads;
  if (o.max_sequences)
    s.maxSequences = o.max_sequences;
  if (o.max_batched_tokens)
    s.maxBatchedTokens = o.max_batched_tokens;
  else
    s.maxBatchedTokens = std::max({s.maxBatchedTokens, s.maxSequences, o.max_rows});
  s.maxRows = o.max_rows;
  s.kvPositions = o.kv_positions;
  s.memoryLimit = o.memory_limit;
  if (o.max_requests)
    s.admission.maxRequests = o.max_requests;
  s.admission.maxQueuedRequests = o.max_queued_requests;
  s.admission.maxQueuedTokens = o.max_queued_tokens;
  s.admission.maxQueueMs = o.max_queue_ms;
  s.maxStepMs = o.max_step_ms;
  s.maxDraftTokens = o.max_draft_tokens;
  s.prefixCache = o.no_prefix_cache == 0;
  s.oversubscribe = o.oversubscribe != 0;
  s.weightsResident = model.copied;
  s.graphs = o.eager == 0;
  if (o.upload)
    s.progress = [call = o.upload, user = o.upload_user](uint64_t done, uint64_t total) {
      call(user, done, total);
    };
  return s;
}

/// Fills a C event whose pointers go into `event` and `top`.
axiom_event toC(const engine::Event &event, std::vector<axiom_logprob> &top) {
  axiom_event out{};
  out.struct_size = sizeof out;
  out.request = event.request;
  out.sample = event.sample;
  out.token = event.token;
  out.text = event.text.c_str();
  out.text_size = event.text.size();
  out.logprob = event.logprob;
  top.clear();
  for (auto &entry : event.top)
    top.push_back({entry.token, entry.logprob});
  out.top = top.data();
  out.num_top = top.size();
  out.finish = static_cast<axiom_finish>(event.finish);
  out.last = event.last;
  out.stop = event.stop.c_str();
  out.status = statusOf(event.status.code());
  out.error = event.status.message().c_str();
  out.prompt_tokens = event.promptTokens;
  out.output_tokens = event.outputTokens;
  out.cached_tokens = event.cachedTokens;
  if (event.embedding) {
    out.embedding = event.embedding->data();
    out.embedding_size = event.embedding->size();
  }
  return out;
}

template <typename T> Status checkArray(const T *values, size_t count, const char *name) {
  return !values && count > 0 ? nullArgument(name) : Status();
}

Result<engine::RequestSpec> specFrom(const ModelState &model, const axiom_request &r) {
  engine::RequestSpec spec;
  if (r.prompt) {
    spec.prompt.assign(r.prompt, r.prompt + r.prompt_count);
  } else if (r.prompt_text) {
    if (!model.tokenizer)
      return noTokenizer();
    spec.prompt =
        model.tokenizer->encode(r.prompt_text, {.addSpecial = true, .parseSpecial = false});
    if (spec.prompt.empty())
      return {Code::InvalidArgument, "the prompt has no tokens: give at least one character"};
  } else {
    return nullArgument("prompt");
  }
  AXIOM_RETURN_IF_ERROR(checkArray(r.logit_bias, r.num_logit_bias, "logit_bias"));
  AXIOM_RETURN_IF_ERROR(checkArray(r.stop_tokens, r.num_stop_tokens, "stop_tokens"));
  AXIOM_RETURN_IF_ERROR(checkArray(r.stop_strings, r.num_stop_strings, "stop_strings"));
  spec.maxTokens = r.max_tokens;
  spec.minTokens = r.min_tokens;
  engine::SamplingParams &s = spec.sampling;
  s.temperature = r.temperature;
  s.topK = r.top_k;
  s.topP = r.top_p;
  s.minP = r.min_p;
  s.repetitionPenalty = r.repetition_penalty;
  s.presencePenalty = r.presence_penalty;
  s.frequencyPenalty = r.frequency_penalty;
  s.seed = r.seed;
  s.numLogprobs = r.logprobs;
  s.wantLogprob = r.chosen_logprob != 0;
  for (size_t i = 0; i < r.num_logit_bias; ++i)
    s.logitBias.emplace_back(r.logit_bias[i].token, r.logit_bias[i].bias);
  if (r.num_stop_tokens > 0)
    spec.stopTokens.assign(r.stop_tokens, r.stop_tokens + r.num_stop_tokens);
  for (size_t i = 0; i < r.num_stop_strings; ++i) {
    if (!r.stop_strings[i])
      return nullArgument("a stop string");
    spec.stopStrings.emplace_back(r.stop_strings[i]);
  }
  spec.ignoreEos = r.ignore_eos != 0;
  spec.includeStop = r.include_stop != 0;
  spec.freshText = r.fresh_text != 0;
  spec.numSamples = r.n;
  spec.generate = r.only_logits == 0;
  if (r.embedding > AXIOM_POOLING_LAST)
    return {Code::InvalidArgument,
            format("embedding = %u is no axiom_pooling: 0, 1 and 2 are", r.embedding)};
  spec.pooling = static_cast<engine::Pooling>(r.embedding);
  spec.normalize = r.raw_embedding == 0;
  spec.key = r.fair_key;
  spec.priority = r.priority;
  spec.deadlineMs = r.deadline_ms;
  if (r.cache_salt)
    spec.cacheSalt = std::make_shared<const std::string>(r.cache_salt);
  if (r.rows) {
    spec.rows = [callback = r.rows, user = r.rows_user](uint32_t sample, uint32_t position,
                                                        std::span<const float> logits) {
      callback(user, sample, position, logits.data(), static_cast<uint32_t>(logits.size()));
    };
    spec.rowsFrom = r.rows_from;
  }
  return spec;
}

/// Where the pointers of an event read by poll or wait live, until the thread's next.
struct LastEvent {
  engine::Event event;
  std::vector<axiom_logprob> top;
};
thread_local LastEvent lastEvent;

thread_local uint64_t lastRetryAfterMs = 0;

axiom_status giveEvent(engine::Engine::Next next, axiom_event *event) {
  switch (next) {
  case engine::Engine::Next::Nothing:
    return AXIOM_AGAIN;
  case engine::Engine::Next::Unknown:
    return report({Code::NotFound, "there is no such request, or its last event has been read"});
  case engine::Engine::Next::Event:
    break;
  }
  return report(writeStruct(toC(lastEvent.event, lastEvent.top), event, "event"));
}

axiom_status readEvent(axiom_engine *engine, axiom_event *event,
                       const std::function<engine::Engine::Next()> &read) {
  axiom_status given = AXIOM_INTERNAL;
  axiom_status status = guarded([&]() -> Status {
    if (!engine || !event)
      return nullArgument(engine ? "event" : "engine");
    if (event->struct_size < sizeof(size_t))
      return {Code::InvalidArgument, "event: struct_size is not set"};
    given = giveEvent(read(), event);
    return {};
  });
  return status == AXIOM_OK ? given : status;
}

/// Waits for the last event of a request that has one sample.
Status finishRequest(engine::Engine &engine, engine::RequestSpec spec, engine::Event &event) {
  AXIOM_ASSIGN_OR_RETURN(engine::RequestId id, engine.submit(std::move(spec)));
  for (;;) {
    if (engine.wait(id, -1, event) != engine::Engine::Next::Event)
      return {Code::Internal, "the engine lost the request"};
    if (!event.status.ok())
      return event.status;
    if (event.finish == engine::Finish::Cancelled)
      return {Code::Cancelled, "the request was cancelled"};
    if (event.last)
      return {};
  }
}

} // namespace

std::function<std::unique_ptr<engine::TextStream>(engine::TextOptions)>
api::textMaker(const ModelState &model) {
  if (!model.tokenizer)
    return {};
  return [tokenizer = &*model.tokenizer](engine::TextOptions options) {
    return std::make_unique<ModelText>(*tokenizer, options);
  };
}

axiom_status axiom_plan_memory(const axiom_model *model, const axiom_engine_options *options,
                               axiom_memory *memory) {
  return guarded([&]() -> Status {
    if (!model)
      return nullArgument("model");
    axiom_engine_options given{};
    AXIOM_RETURN_IF_ERROR(readStruct(options, given, "options"));
    AXIOM_ASSIGN_OR_RETURN(
        engine::MemoryPlan plan,
        engine::planMemory(model->state->loaded(), settingsFrom(*model->state, given)));
    axiom_memory out{};
    out.weight_bytes = plan.weights;
    out.kv_bytes = plan.kv;
    out.workspace_bytes = plan.workspace;
    out.total_bytes = plan.total();
    out.limit_bytes = plan.limit;
    out.kv_positions = plan.kvPositions;
    out.largest_positions = plan.largestPositions;
    out.fits = plan.fits();
    return writeStruct(out, memory, "memory");
  });
}

axiom_status axiom_engine_create(const axiom_model *model, const axiom_engine_options *options,
                                 axiom_engine **engine) {
  return guarded([&]() -> Status {
    if (!model || !engine)
      return nullArgument(model ? "engine" : "model");
    *engine = nullptr;
    axiom_engine_options given{};
    AXIOM_RETURN_IF_ERROR(readStruct(options, given, "options"));
    auto handle = std::make_unique<axiom_engine>();
    handle->model = model->state;
    handle->manual = given.manual != 0;
    AXIOM_ASSIGN_OR_RETURN(handle->engine, engine::createEngine(model->state->loaded(),
                                                                settingsFrom(*model->state, given),
                                                                textMaker(*model->state)));
    if (!handle->manual)
      AXIOM_RETURN_IF_ERROR(handle->engine->start());
    *engine = handle.release();
    return {};
  });
}

axiom_status axiom_engine_destroy(axiom_engine *engine) {
  return guarded([&]() -> Status {
    if (engine && engine->engine->onEngineThread())
      return {Code::InvalidArgument, "an engine can't be destroyed inside its own callback"};
    delete engine;
    return {};
  });
}

axiom_status axiom_engine_step(axiom_engine *engine, uint32_t *worked) {
  return guarded([&]() -> Status {
    if (!engine || !worked)
      return nullArgument(engine ? "worked" : "engine");
    if (!engine->manual)
      return {Code::InvalidArgument,
              "the engine has its own thread: only manual engines are stepped"};
    if (engine->engine->onEngineThread())
      return {Code::InvalidArgument, "an engine can't be stepped inside its own callback"};
    *worked = engine->engine->step();
    return {};
  });
}

void axiom_request_init(axiom_request *request, size_t structSize) {
  if (!request || structSize < sizeof(size_t))
    return;
  axiom_request defaults{};
  defaults.struct_size = structSize;
  defaults.temperature = 1.0f;
  defaults.top_p = 1.0f;
  defaults.repetition_penalty = 1.0f;
  defaults.n = 1;
  std::memset(static_cast<void *>(request), 0, structSize);
  std::memcpy(static_cast<void *>(request), &defaults, std::min(structSize, sizeof defaults));
}

axiom_status axiom_submit(axiom_engine *engine, const axiom_request *request,
                          axiom_event_callback callback, void *user, uint64_t *id) {
  return guarded([&]() -> Status {
    if (!engine || !request || !id)
      return nullArgument(!engine ? "engine" : !request ? "request" : "id");
    axiom_request given;
    axiom_request_init(&given, sizeof given);
    AXIOM_RETURN_IF_ERROR(readStruct(request, given, "request"));
    AXIOM_ASSIGN_OR_RETURN(engine::RequestSpec spec, specFrom(*engine->model, given));
    engine::EventSink sink;
    if (callback)
      sink = [callback, user](const engine::Event &event) {
        std::vector<axiom_logprob> top;
        axiom_event out = toC(event, top);
        callback(user, &out);
      };
    AXIOM_ASSIGN_OR_RETURN(
        *id, engine->engine->submit(std::move(spec), std::move(sink), &lastRetryAfterMs));
    return {};
  });
}

uint64_t axiom_retry_after_ms(void) { return lastRetryAfterMs; }

axiom_status axiom_poll(axiom_engine *engine, uint64_t id, axiom_event *event) {
  return readEvent(engine, event, [&] { return engine->engine->poll(id, lastEvent.event); });
}

axiom_status axiom_wait(axiom_engine *engine, uint64_t id, int64_t milliseconds,
                        axiom_event *event) {
  return readEvent(engine, event,
                   [&] { return engine->engine->wait(id, milliseconds, lastEvent.event); });
}

void axiom_cancel(axiom_engine *engine, uint64_t id) {
  guarded([&]() -> Status {
    if (engine)
      engine->engine->cancel(id);
    return {};
  });
}

void axiom_release(axiom_engine *engine, uint64_t id) {
  guarded([&]() -> Status {
    if (engine)
      engine->engine->release(id);
    return {};
  });
}

axiom_status axiom_engine_get_stats(const axiom_engine *engine, axiom_stats *stats) {
  return guarded([&]() -> Status {
    if (!engine)
      return nullArgument("engine");
    engine::Stats s = engine->engine->stats();
    axiom_stats out{};
    out.queued = s.queued;
    out.running = s.running;
    out.requests = s.requests;
    out.finished = s.finished;
    out.failed = s.failed;
    out.prompt_tokens = s.promptTokens;
    out.recomputed_tokens = s.recomputedTokens;
    out.output_tokens = s.outputTokens;
    out.steps = s.steps;
    out.mixed_steps = s.mixedSteps;
    out.split_prompts = s.splitPrompts;
    out.preemptions = s.preemptions;
    out.kv_blocks_used = s.blocksUsed;
    out.kv_blocks_total = s.blocksTotal;
    out.kv_blocks_cached = s.blocksCached;
    out.prefix_queries = s.prefixQueries;
    out.prefix_hits = s.prefixHits;
    out.refused = s.refused;
    out.timed_out = s.timedOut;
    out.drafts = s.drafts;
    out.draft_tokens = s.draftTokens;
    out.accepted_draft_tokens = s.acceptedDraftTokens;
    out.queued_tokens = s.queuedTokens;
    return writeStruct(out, stats, "stats");
  });
}

axiom_status axiom_forward(axiom_engine *engine, const int32_t *tokens, size_t count,
                           uint32_t firstRow, axiom_row_callback rows, void *user) {
  return guarded([&]() -> Status {
    if (!engine || !tokens || !rows)
      return nullArgument(!engine ? "engine" : !tokens ? "tokens" : "rows");
    if (engine->engine->onEngineThread())
      return {Code::InvalidArgument, "axiom_forward() can't wait inside a callback"};
    engine::RequestSpec spec;
    spec.prompt.assign(tokens, tokens + count);
    spec.generate = false;
    spec.rowsFrom = firstRow;
    spec.rows = [&](uint32_t sample, uint32_t position, std::span<const float> logits) {
      rows(user, sample, position, logits.data(), static_cast<uint32_t>(logits.size()));
    };
    engine::Event event;
    return finishRequest(*engine->engine, std::move(spec), event);
  });
}

axiom_status axiom_embed(axiom_engine *engine, const int32_t *tokens, size_t count,
                         axiom_pooling pooling, float *values, size_t capacity, size_t *size) {
  return guarded([&]() -> Status {
    if (!engine || !tokens || !size)
      return nullArgument(!engine ? "engine" : !tokens ? "tokens" : "size");
    if (engine->engine->onEngineThread())
      return {Code::InvalidArgument, "axiom_embed() can't wait inside a callback"};
    if (pooling != AXIOM_POOLING_MEAN && pooling != AXIOM_POOLING_LAST)
      return {Code::InvalidArgument, format("pooling = %d: 1 (mean) and 2 (last) are possible",
                                            static_cast<int>(pooling))};
    engine::RequestSpec spec;
    spec.prompt.assign(tokens, tokens + count);
    spec.pooling = static_cast<engine::Pooling>(pooling);
    engine::Event event;
    AXIOM_RETURN_IF_ERROR(finishRequest(*engine->engine, std::move(spec), event));
    return copyOut(event.embedding->data(), event.embedding->size(), values, capacity, size);
  });
}
