#include "runtime/serve/core/Generation.h"

#include "runtime/serve/grammar/OutputGrammar.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <utility>

namespace axiom::serve {

using namespace openai;

namespace {

/// Of one write: far less than what is kept for a client, so that it fits once there is room.
constexpr size_t kPieceBytes = 64 << 10;

/// Log probabilities of prompts that one answer may have, all its prompts and samples together: the
/// answer's text takes some 30 bytes for each, and memory more.
constexpr uint64_t kMostReported = 1 << 21;

uint64_t randomNumber() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return random();
}

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

uint64_t characters(std::string_view text) {
  return static_cast<uint64_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

} // namespace

Generation::Generation(const ServedModel &served, Metrics &metrics, Request request,
                       http::Responder responder, std::shared_ptr<RequestNote> note)
    : served_(served), metrics_(metrics), request_(std::move(request)),
      responder_(std::move(responder)), note_(std::move(note)) {
  head_.id = answerId(chat() ? "chatcmpl-" : "cmpl-", randomNumber(), randomNumber());
  head_.created = std::chrono::duration_cast<std::chrono::seconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
  head_.model = request_.model;
  head_.fingerprint = served.fingerprint();
}

void Generation::fail(const ApiError &error) {
  if (error.status == 429)
    ++metrics_.refused;
  responder_.send(errorAnswer(error));
}

engine::RequestSpec Generation::spec(const Prompt &prompt, size_t index) const {
  const Request &r = request_;
  auto count = [](int64_t value) {
    return static_cast<uint32_t>(std::clamp<int64_t>(value, 0, UINT32_MAX));
  };
  engine::RequestSpec spec;
  spec.prompt = prompt.tokens;
  engine::SamplingParams &s = spec.sampling;
  s.temperature = static_cast<float>(r.temperature);
  s.topK = count(std::min<int64_t>(r.topK, served_.limits().vocab));
  s.topP = static_cast<float>(r.topP);
  s.minP = static_cast<float>(r.minP);
  s.repetitionPenalty = static_cast<float>(r.repetitionPenalty);
  s.presencePenalty = static_cast<float>(r.presencePenalty);
  s.frequencyPenalty = static_cast<float>(r.frequencyPenalty);
  for (auto &[token, bias] : r.logitBias)
    s.logitBias.emplace_back(token, static_cast<float>(bias));
  if (r.allowedTokens) {
    s.allowed = *r.allowedTokens;
    std::ranges::sort(s.allowed);
  }
  s.badWords = badWords_;
  // Prompts of one request draw differently, as its samples do.
  s.seed = (r.seed ? static_cast<uint64_t>(*r.seed) : randomNumber()) + index;
  s.wantLogprob = r.logprobs.has_value();
  s.numLogprobs = count(r.logprobs.value_or(0));
  spec.maxTokens = count(r.maxTokens.value_or(0));
  spec.generate = r.maxTokens != 0;
  if (r.promptLogprobs || echoesLogprobs())
    spec.promptLogprobs =
        count(std::max(r.promptLogprobs.value_or(0), echoesLogprobs() ? *r.logprobs : 0));
  if (spec.generate)
    spec.constraint = constraint_;
  spec.minTokens = count(r.minTokens);
  spec.stopTokens = r.stopTokens;
  spec.stopStrings = r.stop;
  spec.ignoreEos = r.ignoreEos;
  spec.includeStop = r.includeStop;
  spec.freshText = chat() && !r.continueFinalMessage;
  spec.specialText = !r.skipSpecialTokens;
  spec.numSamples = count(r.n);
  spec.priority = static_cast<int32_t>(std::clamp<int64_t>(r.priority, INT32_MIN, INT32_MAX));
  spec.key = note_->client.id;
  std::string salt = r.cacheSalt;
  if (served_.prefixesPerKey())
    salt = std::to_string(spec.key) + " " + salt;
  if (!salt.empty())
    spec.cacheSalt = std::make_shared<const std::string>(std::move(salt));
  return spec;
}

std::optional<ApiError> Generation::tooMuchReported() const {
  uint64_t each = request_.promptLogprobs ? static_cast<uint64_t>(*request_.promptLogprobs) + 1 : 0;
  each += echoesLogprobs() ? static_cast<uint64_t>(*request_.logprobs) + 1 : 0;
  uint64_t tokens = 0;
  for (const Prompt &prompt : prompts_)
    tokens += prompt.tokens.size();
  uint64_t all = tokens * each * (chat() ? 1 : static_cast<uint64_t>(request_.n));
  if (all <= kMostReported)
    return std::nullopt;
  return invalidRequest(
      request_.promptLogprobs ? "prompt_logprobs" : "logprobs", "invalid_value",
      format("%llu log probabilities of prompts are asked for (%llu tokens); at most %llu are "
             "possible in one request: ask for fewer, or send fewer prompts at a time",
             static_cast<unsigned long long>(all), static_cast<unsigned long long>(tokens),
             static_cast<unsigned long long>(kMostReported)));
}

void Generation::begin() {
  if (auto error = served_.prompts(request_, prompts_))
    return fail(*error);
  if (auto error = served_.badWords(request_, badWords_))
    return fail(*error);
  if (auto error = tooMuchReported())
    return fail(*error);
  std::string key = grammar::grammarKey(request_, served_.toolFormat());
  if (key.empty() || request_.maxTokens == 0)
    return submit();
  if (!served_.model().tokenizer)
    return fail(apiError(api::noTokenizer()));
  auto self = shared_from_this();
  served_.constraints().get(
      key,
      [self]() -> Result<grammar::CheckedEbnf> {
        if (self->responder_.closed())
          return {Code::Cancelled, "the client has gone"};
        const std::string &names = self->served_.constraints().schemaNames();
        if (self->request_.format.kind == OutputFormat::NamedSchema && !names.empty())
          return {Code::Unsupported, "the artifact has no schema \"" + self->request_.format.text +
                                         "\", but: " + names};
        return grammar::grammarText(self->request_, self->served_.toolFormat());
      },
      [self](Result<Constraints::GrammarPtr> grammar) {
        if (!grammar.ok())
          return self->fail(self->grammarError(grammar.status()));
        self->constraint_ = std::move(grammar).value();
        self->submit();
      });
}

/// An error of the grammar names the field that it comes from.
ApiError Generation::grammarError(const Status &status) const {
  ApiError error = apiError(status, 1000);
  if (error.status != 400)
    return error;
  std::string field = grammar::forcesCall(request_) || grammar::guardsCalls(request_)
                          ? "tools"
                          : request_.format.field;
  const char *code = status.code() == Code::Unsupported ? "unsupported_value"
                     : status.code() == Code::Resource  ? "constraint_too_large"
                                                        : "invalid_value";
  return invalidRequest(field, code, field + ": " + status.message());
}

void Generation::submit() {
  auto n = static_cast<size_t>(request_.n);
  std::vector<std::string> names;
  for (const Tool &tool : request_.tools)
    names.push_back(tool.function.name);
  bool tools = chat() && !names.empty() && request_.toolChoice.kind != ToolChoice::None;

  // Events may come before submit() returns: they wait for the lock.
  std::unique_lock lock(mutex_);
  answers_.resize(prompts_.size() * n);
  reports_.resize(prompts_.size());
  for (size_t i = 0; i < answers_.size(); ++i) {
    Answer &answer = answers_[i];
    answer.choice.index = static_cast<uint32_t>(i);
    answer.choice.logprobOptions.tokensAsIds = request_.tokensAsIds;
    if (tools)
      answer.tools = std::make_unique<ToolCallParser>(
          grammar::forcesCall(request_) ? grammar::forcedFormat(served_.toolFormat())
                                        : served_.toolFormat(),
          names);
  }
  note_->stream = request_.stream;
  note_->generates = true;
  for (size_t i = 0; i < prompts_.size(); ++i) {
    usage_.promptTokens += prompts_[i].tokens.size();
    note_->promptTokens += static_cast<uint32_t>(prompts_[i].tokens.size());
    engine::RequestSpec asked = spec(prompts_[i], i);
    if (!asked.generate && !asked.promptLogprobs)
      continue; // the echo alone
    uint64_t retryAfter = 0;
    auto id = served_.engine().submit(
        std::move(asked),
        [self = shared_from_this(), i](const engine::Event &event) { self->onEvent(i, event); },
        &retryAfter);
    if (!id.ok()) {
      failed_ = true;
      note_->generates = false;
      std::vector<engine::RequestId> ids = ids_;
      lock.unlock();
      for (engine::RequestId begun : ids)
        served_.engine().cancel(begun);
      return fail(apiError(id.status(), retryAfter));
    }
    ids_.push_back(*id);
  }
  std::vector<http::Header> headers;
  for (const std::string &warning : request_.warnings)
    headers.push_back({"X-Axiom-Warning", warning});
  if (request_.stream)
    responder_.start(200, "text/event-stream; charset=utf-8", std::move(headers));
  lock.unlock();
  responder_.onClose([self = shared_from_this()](http::CloseReason) { self->cancel(); });
  if (!ids_.empty())
    return;
  for (size_t i = 0; i < prompts_.size(); ++i) {
    engine::Event event;
    event.promptTokens = static_cast<uint32_t>(prompts_[i].tokens.size());
    event.finish = engine::Finish::Length;
    event.last = true;
    onEvent(i, event);
  }
}

void Generation::cancel() {
  std::vector<engine::RequestId> ids;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    ids = ids_;
    backlog_.clear();
  }
  for (engine::RequestId id : ids)
    served_.engine().cancel(id);
}

void Generation::count(Answer &answer, const engine::Event &event) {
  auto now = Clock::now();
  if (event.token >= 0) {
    if (answer.tokens++ == 0) {
      metrics_.timeToFirstToken.observe(seconds(now - arrival_));
      metrics_.queueTime.observe(static_cast<double>(event.queuedMs) / 1000);
      if (note_->outputTokens == 0) {
        note_->queuedMs = event.queuedMs;
        note_->firstTokenUs = static_cast<uint64_t>(seconds(now - arrival_) * 1e6);
      }
    } else {
      metrics_.interTokenLatency.observe(seconds(now - answer.last));
    }
    if (answer.tokens == 1)
      answer.first = now;
    answer.last = now;
    ++usage_.completionTokens;
    ++note_->outputTokens;
  }
  if (event.finish == engine::Finish::None)
    return;
  auto ending = event.finish == engine::Finish::Stop     ? Ending::Stop
                : event.finish == engine::Finish::Length ? Ending::Length
                : event.finish == engine::Finish::Error  ? Ending::Error
                                                         : Ending::Abort;
  ++metrics_.finished[static_cast<size_t>(ending)];
  note_->finish = endingName(ending);
  if (event.sample == 0)
    note_->cachedTokens += event.cachedTokens;
  metrics_.endToEnd.observe(seconds(now - arrival_));
  metrics_.promptTokens.observe(event.promptTokens);
  metrics_.generationTokens.observe(event.outputTokens);
  if (event.sample == 0) {
    metrics_.samples.observe(static_cast<double>(request_.n));
    if (request_.maxTokens)
      metrics_.maxTokens.observe(static_cast<double>(*request_.maxTokens));
  }
  metrics_.computedTokens.observe(event.promptTokens - event.cachedTokens);
  if (answer.tokens == 0)
    return;
  double queued = static_cast<double>(event.queuedMs) / 1000;
  double decode = seconds(answer.last - answer.first);
  double prefill = std::max(seconds(answer.first - arrival_) - queued, 0.0);
  metrics_.prefillTime.observe(prefill);
  metrics_.decodeTime.observe(decode);
  metrics_.inferenceTime.observe(prefill + decode);
  if (answer.tokens > 1)
    metrics_.timePerToken.observe(decode / (answer.tokens - 1));
}

void Generation::addLogprobs(Answer &answer, const engine::Event &event) {
  if (!request_.logprobs || event.token < 0 || !served_.model().tokenizer)
    return;
  const Tokenizer &tokenizer = *served_.model().tokenizer;
  PositionLogprobs position;
  position.token = {event.token, tokenizer.tokenBytes(event.token), event.logprob};
  position.hidden = hides(event.token);
  for (const engine::TokenLogprob &top : event.top)
    position.top.push_back({top.token, tokenizer.tokenBytes(top.token), top.logprob});
  if (!answer.choice.logprobs)
    answer.choice.logprobs.emplace();
  answer.choice.logprobs->push_back(std::move(position));
}

/// Whether a token has no part in the text.
bool Generation::hides(int32_t token) const {
  auto &tokenizer = served_.model().tokenizer;
  return request_.skipSpecialTokens && tokenizer && tokenizer->isSpecial(token);
}

/// Of all tokens of a prompt, with the `top` most likely ones; the first has no probability.
std::vector<PositionLogprobs> Generation::promptReport(size_t prompt, uint32_t top) const {
  std::vector<PositionLogprobs> positions;
  if (!reports_[prompt])
    return positions;
  auto text = [&](const engine::TokenLogprob &of) {
    auto &tokenizer = served_.model().tokenizer;
    return TokenText{of.token, tokenizer ? tokenizer->tokenBytes(of.token) : "", of.logprob};
  };
  positions.reserve(reports_[prompt]->size() + 1);
  const Prompt &from = prompts_[prompt];
  size_t count = from.tokens.size();
  auto hidden = [&](size_t i) {
    return from.fromText ? i < from.before || i + from.after >= count : hides(from.tokens[i]);
  };
  positions.push_back({text({from.tokens[0], 0}), /*known=*/false, {}, 0, hidden(0)});
  for (const engine::TokenReport &report : *reports_[prompt]) {
    PositionLogprobs position{text(report.token), true, {}, report.rank, hidden(positions.size())};
    for (size_t i = 0; i < std::min<size_t>(top, report.top.size()); ++i)
      position.top.push_back(text(report.top[i]));
    positions.push_back(std::move(position));
  }
  return positions;
}

/// The event's part into the choice. On the engine's thread, under the lock.
void Generation::take(Answer &answer, const engine::Event &event) {
  Choice &choice = answer.choice;
  auto add = [&](std::vector<ToolEvent> events) {
    for (ToolEvent &part : events) {
      choice.text += part.text;
      if (!part.call)
        continue;
      if (part.call->id.empty())
        part.call->id = answerId("call_", randomNumber(), randomNumber());
      choice.calls.push_back(std::move(*part.call));
    }
  };
  if (answer.tools)
    add(answer.tools->feed(event.text));
  else
    choice.text += event.text;
  addLogprobs(answer, event);
  if (request_.returnTokenIds && event.token >= 0) {
    if (!choice.tokenIds)
      choice.tokenIds.emplace();
    choice.tokenIds->push_back(event.token);
  }
  if (event.finish == engine::Finish::None)
    return;
  if (answer.tools)
    add(answer.tools->finish());
  choice.finish = event.finish == engine::Finish::Stop     ? FinishReason::Stop
                  : event.finish == engine::Finish::Length ? FinishReason::Length
                                                           : FinishReason::Abort;
  if (answer.calls + choice.calls.size() > 0 && choice.finish == FinishReason::Stop)
    choice.finish = FinishReason::ToolCalls;
  choice.stop.text = event.stop;
  if (event.finish == engine::Finish::Stop && event.stop.empty() &&
      std::ranges::count(request_.stopTokens, event.token) > 0)
    choice.stop.token = event.token;
}

EventUsage Generation::eventUsage(const engine::Event &event) const {
  EventUsage usage;
  usage.withUsage = request_.streamOptions.includeUsage;
  if (usage.withUsage && request_.streamOptions.continuousUsage)
    usage.soFar = Usage{event.promptTokens, event.outputTokens, event.cachedTokens};
  return usage;
}

void Generation::onEvent(size_t prompt, const engine::Event &event) {
  std::lock_guard lock(mutex_);
  if (event.promptLogprobs) {
    reports_[prompt] = event.promptLogprobs;
  } else if (request_.stream && echoesLogprobs() && !reports_[prompt] && event.status.ok() &&
             event.finish != engine::Finish::Cancelled) {
    held_.emplace_back(prompt, event); // another sample was faster than the first
    return;
  }
  handle(prompt, event);
  if (!event.promptLogprobs)
    return;
  for (auto &[of, held] : std::exchange(held_, {}))
    of == prompt ? handle(of, held) : void(held_.emplace_back(of, std::move(held)));
}

void Generation::handle(size_t prompt, const engine::Event &event) {
  std::unique_lock lock(mutex_);
  Answer &answer = answers_[prompt * static_cast<size_t>(request_.n) + event.sample];
  count(answer, event);
  bool first = !answer.started;
  answer.started = true;
  if (event.finish != engine::Finish::None && event.sample == 0)
    usage_.cachedTokens += event.cachedTokens;
  if (cancelled_ || failed_)
    return;
  if (event.finish == engine::Finish::Error) {
    failed_ = true;
    for (engine::RequestId id : ids_)
      served_.engine().cancel(id); // its other prompts
    ApiError error = apiError(event.status);
    if (!request_.stream) {
      lock.unlock();
      return fail(error);
    }
    write(sseEvent(errorBody(error))); // and no [DONE]: the client sees that it is not whole
    over_ = true;
    return flush();
  }
  if (first && request_.echo)
    answer.choice.text = prompts_[prompt].text;
  if (first && request_.stream && echoesLogprobs())
    answer.choice.logprobs = promptReport(prompt, static_cast<uint32_t>(*request_.logprobs));
  take(answer, event);
  if (event.finish != engine::Finish::None)
    ++ended_;
  if (request_.stream) {
    Choice &part = answer.choice;
    EventUsage usage = eventUsage(event);
    if (first && chat())
      emit(chatChunkStart(head_, part.index, usage));
    bool says = !part.text.empty() || !part.calls.empty() || part.logprobs || part.tokenIds ||
                part.finish != FinishReason::None;
    if (says) {
      part.logprobOptions.firstOffset = answer.characters;
      answer.characters += characters(part.text);
      emit(chat() ? chatChunk(head_, part, answer.calls, usage) : textChunk(head_, part, usage));
      answer.calls += static_cast<uint32_t>(part.calls.size());
      part.text.clear();
      part.calls.clear();
      part.logprobs.reset();
      part.tokenIds.reset();
    }
  }
  if (ended_ == answers_.size())
    finish();
}

void Generation::finish() {
  if (request_.stream) {
    if (request_.streamOptions.includeUsage)
      emit(usageChunk(head_, chat(), usage_));
    write(sseDone());
    over_ = true;
    return flush();
  }
  std::vector<Choice> choices;
  for (Answer &answer : answers_) {
    size_t prompt = answer.choice.index / static_cast<size_t>(request_.n);
    if (echoesLogprobs()) {
      auto all = promptReport(prompt, static_cast<uint32_t>(*request_.logprobs));
      if (answer.choice.logprobs)
        std::ranges::move(*answer.choice.logprobs, std::back_inserter(all));
      answer.choice.logprobs = std::move(all);
    }
    if (request_.promptLogprobs && !chat())
      answer.choice.promptLogprobs =
          promptReport(prompt, static_cast<uint32_t>(*request_.promptLogprobs));
    if (request_.returnTokenIds && !chat())
      answer.choice.promptTokenIds = prompts_[prompt].tokens;
    choices.push_back(std::move(answer.choice));
  }
  http::Response response;
  if (chat()) {
    PromptReport report;
    if (request_.promptLogprobs)
      report.logprobs = promptReport(0, static_cast<uint32_t>(*request_.promptLogprobs));
    if (request_.returnTokenIds)
      report.tokenIds = prompts_[0].tokens;
    response.body = chatCompletion(head_, choices, usage_, report);
  } else {
    response.body = textCompletion(head_, choices, usage_);
  }
  for (const std::string &warning : request_.warnings)
    response.headers.push_back({"X-Axiom-Warning", warning});
  responder_.send(std::move(response));
}

void Generation::emit(const std::string &json) { write(sseEvent(json)); }

void Generation::write(std::string_view bytes) {
  backlog_ += bytes;
  flush();
}

/// What a slow client does not take waits here, no longer than the answer is; the HTTP layer drops
/// a client that takes nothing for too long, which cancels the request.
void Generation::flush() {
  while (!waiting_ && !backlog_.empty()) {
    std::string_view piece = std::string_view(backlog_).substr(0, kPieceBytes);
    switch (responder_.write(piece)) {
    case http::WriteResult::Ok:
      backlog_.erase(0, piece.size());
      break;
    case http::WriteResult::Closed:
      backlog_.clear();
      return;
    case http::WriteResult::Full:
      waiting_ = true;
      responder_.onWritable([self = shared_from_this()] { // at once, perhaps, on this thread
        std::lock_guard lock(self->mutex_);
        self->waiting_ = false;
        self->flush();
      });
      return;
    }
  }
  if (over_ && !waiting_)
    responder_.end();
}

} // namespace axiom::serve
