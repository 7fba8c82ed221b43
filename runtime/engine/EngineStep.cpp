// One step: take in new requests and cancellations, plan, run, sample, hand out events.
#include "runtime/device/cpu/FloatMode.h"
#include "runtime/engine/EngineState.h"

#include <algorithm>
#include <new>

namespace axiom::engine {

void Engine::admit(const std::shared_ptr<Request> &request) {
  const RequestSpec &spec = request->spec;
  ++local_.requests;
  if (spec.deadlineMs != 0)
    deadlines_.emplace(request->arrival + spec.deadlineMs, request);
  for (uint32_t n = 0; n < spec.numSamples; ++n) {
    auto sample = std::make_unique<Sample>();
    sample->request = request;
    sample->index = n;
    sample->tokens = spec.prompt;
    if (spec.sampling.edits())
      for (int32_t token : spec.prompt)
        sample->history.addPrompt(token);
    if (spec.minTokens > 0) {
      sample->notYet = spec.stopTokens;
      if (!spec.ignoreEos)
        sample->notYet.insert(sample->notYet.end(), model_.eos.begin(), model_.eos.end());
    }
    sample->stops = StopStrings(spec.stopStrings);
    if (spec.generate && model_.newText)
      sample->text = model_.newText({spec.freshText, spec.specialText});
    if (spec.promptLogprobs && n == 0)
      sample->promptLogprobs = std::make_shared<std::vector<TokenReport>>();
    SequenceSpec sequence;
    sequence.length = static_cast<uint32_t>(spec.prompt.size());
    sequence.limit = sequence.length + (spec.generate ? spec.maxTokens - 1 : 0);
    sequence.rowsFrom = sample->promptLogprobs ? 0 : spec.rows ? spec.rowsFrom : kNoRows;
    sequence.samples = spec.generate;
    sequence.key = spec.key;
    sequence.priority = spec.priority;
    sequence.arrival = request->arrival;
    if (spec.pooling == Pooling::None)   // an embedding takes all of its positions
      sequence.tokens = &sample->tokens; // moves with the sample, not within it
    else
      sample->embedder = std::make_unique<Embedder>(model_.finalNorm, spec.pooling);
    sequence.salt = spec.cacheSalt;
    SequenceId id = nextSequence_++;
    Status status = scheduler_.add(id, std::move(sequence));
    samples_[id] = std::move(sample);
    request->live.push_back(id);
    if (status.ok() && spec.constraint) {
      auto constraint = spec.constraint->start();
      status = constraint.status();
      if (constraint.ok())
        samples_.at(id)->constraint = std::move(constraint).value();
    }
    if (!status.ok()) // checkSpec() refuses what add() does; kept so that no sequence is ever lost
      return endRequest(request, Finish::Error, status);
  }
}

void Engine::takeIn() {
  std::vector<std::shared_ptr<Request>> inbox, cancels;
  {
    std::lock_guard lock(mutex_);
    inbox.swap(inbox_);
    cancels.swap(cancels_);
  }
  for (auto &request : inbox)
    admit(request);
  for (auto &request : cancels)
    endRequest(request, Finish::Cancelled, {});
  if (!deadlines_.empty())
    endOverdue();
}

void Engine::endOverdue() {
  for (uint64_t now = nowMs(); !deadlines_.empty() && deadlines_.begin()->first <= now;) {
    std::shared_ptr<Request> request = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    if (request->live.empty())
      continue;
    ++local_.timedOut;
    endRequest(request, Finish::Error,
               {Code::TimedOut, format("the request's deadline of %llu ms has passed%s",
                                       static_cast<unsigned long long>(request->spec.deadlineMs),
                                       request->started ? "" : " while it waited")});
  }
}

/// What the plan admits no longer waits.
void Engine::start(const StepPlan &plan) {
  if (plan.admitted.empty())
    return;
  uint64_t now = nowMs();
  for (size_t i = 0; i < plan.admitted.size(); ++i) {
    Sample &sample = *samples_.at(plan.admitted[i]);
    Request &request = *sample.request;
    if (sample.highWater == 0) {
      sample.cachedTokens = static_cast<uint32_t>(plan.reused[i].size()) * AXM_KV_BLOCK;
      sample.highWater = sample.cachedTokens;
    }
    if (request.started)
      continue;
    request.started = true;
    request.queuedMs = now - request.arrival;
    std::lock_guard lock(mutex_);
    admission_.start(request.spec.key, request.promptTokens(), now);
  }
}

bool Engine::stepOnce() {
  FloatMode mode; // the sampler's numbers too follow docs/numerics.md, whatever the caller has set
  bool worked = false;
  stepSince_ = std::max<uint64_t>(options_.clock(), 1);
  phase_ = "plan";
  try {
    takeIn();
    StepPlan plan = scheduler_.plan();
    worked = !plan.empty();
    if (worked) {
      start(plan);
      Status status = runPlan(plan);
      if (status.ok() && model_.broken && model_.broken())
        status = {Code::BadInput,
                  "the model file became shorter while it was in use: restart with the "
                  "whole file, or load it with --load=copy"};
      if (!status.ok()) {
        endAll(Finish::Error, status);
        scheduler_.forgetPrefixes(); // what the KV memory holds now is not known
      }
    } else if (!scheduler_.idle()) {
      endAll(Finish::Error, {Code::Internal, "the scheduler found nothing to do"});
    }
  } catch (const std::bad_alloc &) {
    endAll(Finish::Error, {Code::Resource, "not enough memory for the step"});
  } catch (const std::exception &error) {
    endAll(Finish::Error, {Code::Internal, format("the step failed: %s", error.what())});
  } catch (...) {
    endAll(Finish::Error, {Code::Internal, "the step failed"});
  }
  publish();
  stepSince_ = 0;
  return worked;
}

Status Engine::runPlan(const StepPlan &plan) {
  for (uint32_t block : scheduler_.prepare(plan))
    runner_->clearBlock(block);
  tokens_.clear();
  positions_.clear();
  tableOffsets_.clear();
  blockTables_.clear();
  rows_.clear();
  tilesOnly_.clear();
  for (const Slice &slice : plan.slices) {
    const Sample &sample = *samples_.at(slice.id);
    auto offset = static_cast<uint32_t>(blockTables_.size());
    auto blocks = scheduler_.blocks(slice.id);
    blockTables_.insert(blockTables_.end(), blocks.begin(), blocks.end());
    for (uint32_t p = slice.start; p < slice.end(); ++p) {
      if (p >= slice.firstRow) {
        rows_.push_back(static_cast<uint32_t>(tokens_.size()));
        tilesOnly_.push_back(sample.tilesDo(p));
      }
      tokens_.push_back(p < slice.known() ? sample.tokens[p] : sample.drafts[p - slice.known()]);
      positions_.push_back(static_cast<int32_t>(p));
      tableOffsets_.push_back(offset);
    }
  }
  StepInput input{tokens_,
                  positions_,
                  tableOffsets_,
                  blockTables_,
                  rows_,
                  reinterpret_cast<float *>(logits_.data()),
                  reinterpret_cast<AxmTile *>(tiles_.data()),
                  tilesOnly_};
  uint64_t before = options_.clock();
  phase_ = "model";
  Status status = runner_->step(input);
  phase_ = "sampling and events";
  if (!status.ok()) {
    scheduler_.rollback(plan);
    return status;
  }
  results_ = runner_->keepsResults() ? runner_->results() : StepResults{input.logits, input.tiles};
  uint64_t took = options_.clock() - before, outputs = local_.outputTokens;
  cost_.add(plan.numTokens, took);
  if (options_.maxStepMs != 0)
    scheduler_.setMixedTokens(cost_.tokensWithin(uint64_t(options_.maxStepMs) * 1000));
  scheduler_.commit(plan);
  ++local_.steps;
  ++local_.stepTokens[std::lower_bound(std::begin(kStepTokens), std::end(kStepTokens),
                                       plan.numTokens) -
                      std::begin(kStepTokens)];
  local_.stepTokensSum += plan.numTokens;
  if (plan.slices.size() > 1)
    ++local_.mixedSteps;
  uint32_t row = 0, token = 0;
  for (const Slice &slice : plan.slices) {
    auto found = samples_.find(slice.id); // a callback's failure may have ended it meanwhile
    if (found != samples_.end()) {
      countSlice(slice, *found->second);
      Status hidden = takeHidden(slice, *found->second, token);
      if (hidden.ok())
        takeRows(slice, row);
      else
        endRequest(found->second->request, Finish::Error, hidden);
    }
    row += slice.numRows();
    token += slice.count;
  }
  drafts_.addStep(took, static_cast<uint32_t>(local_.outputTokens - outputs));
  return {};
}

void Engine::countSlice(const Slice &slice, Sample &sample) {
  uint32_t end = slice.known(), known = std::min(end, sample.highWater);
  if (known > slice.start)
    local_.recomputedTokens += known - slice.start;
  if (end > sample.highWater) {
    uint32_t prompt = sample.promptTokens(), from = std::max(slice.start, sample.highWater);
    if (from < prompt)
      local_.promptTokens += std::min(end, prompt) - from;
    sample.highWater = end;
  }
  if (!sample.split && end < sample.promptTokens()) {
    sample.split = true;
    ++local_.splitPrompts;
  }
}

/// Guesses for the next step of a sequence that goes on.
void Engine::draft(SequenceId id, Sample &sample) {
  if (options_.maxDraftTokens == 0)
    return;
  sample.drafts.clear();
  if (uint32_t most = drafts_.length(cost_); most > 0)
    sample.drafts = sample.drafter.draft(sample.tokens, most);
  scheduler_.setDrafts(id, static_cast<uint32_t>(sample.drafts.size()));
}

/// What the step has of a text that becomes an embedding.
Status Engine::takeHidden(const Slice &slice, Sample &sample, uint32_t firstToken) {
  if (!sample.embedder)
    return {};
  AXIOM_ASSIGN_OR_RETURN(const float *rows, runner_->hidden(firstToken, slice.count));
  for (uint32_t p = slice.start; p < slice.end(); ++p, rows += model_.finalNorm.stride)
    sample.embedder->add(p, rows, p + 1 == sample.promptTokens());
  return {};
}

void Engine::takeRows(const Slice &slice, uint32_t firstRow) {
  Sample &sample = *samples_.at(slice.id);
  std::shared_ptr<Request> request = sample.request;
  auto [logits, tiles] = results_;
  if (slice.drafts > 0) {
    drafts_.drafted(slice.drafts);
    ++local_.drafts;
    local_.draftTokens += slice.drafts;
  }
  for (uint32_t p = slice.firstRow; p < slice.end(); ++p) {
    uint64_t row = firstRow + (p - slice.firstRow);
    std::span<const AxmTile> rowTiles(tiles + row * model_.numTiles, model_.numTiles);
    std::span<const float> rowLogits;
    if (!tilesOnly_[row])
      rowLogits = {logits + row * model_.logitsStride, model_.vocab};
    bool sampled = slice.samples && p + 1 >= slice.known();
    if (sample.reports(p)) {
      Result<TokenReport> report =
          sampler_.report(rowLogits, rowTiles, sample.tokens[p + 1], *request->spec.promptLogprobs);
      if (!report.ok())
        return endRequest(request, Finish::Error, report.status());
      sample.promptLogprobs->push_back(std::move(report).value());
    }
    if (request->spec.rows && (sampled || p >= request->spec.rowsFrom)) {
      if (!sampled && !joinTiles(rowTiles).finite)
        return endRequest(request, Finish::Error,
                          {Code::Internal, format("the logits at position %u are not finite: the "
                                                  "model's numbers overflow on this input",
                                                  p)});
      try {
        request->spec.rows(sample.index, p, rowLogits);
      } catch (...) {
        return endRequest(request, Finish::Error, {Code::Internal, "the row callback threw"});
      }
      if (samples_.find(slice.id) == samples_.end())
        return;
    }
    if (!sampled)
      continue;
    SampleInput input;
    input.logits = rowLogits;
    input.tiles = rowTiles;
    input.excluded = sample.excluded();
    input.output = sample.output();
    input.history = &sample.history;
    input.sample = sample.index;
    input.position = p + 1;
    if (sample.constraint) {
      auto begin = std::chrono::steady_clock::now();
      Status status = sample.constraint->fill(mask_);
      local_.maskNs += static_cast<uint64_t>(
          std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
      ++local_.masks;
      if (!status.ok())
        return endRequest(request, Finish::Error, status);
      input.mask = mask_;
    }
    Result<Choice> choice = sampler_.sample(request->spec.sampling, input);
    if (!choice.ok())
      return endRequest(request, Finish::Error, choice.status());
    if (sample.constraint)
      if (Status status = sample.constraint->accept(choice->token); !status.ok())
        return endRequest(request, Finish::Error, status);
    int32_t token = choice->token;
    bool right = p + 1 < slice.end() && token == sample.drafts[p + 1 - slice.known()];
    if (right) {
      drafts_.accepted();
      ++local_.acceptedDraftTokens;
    }
    if (!takeToken(slice.id, sample, std::move(choice).value()))
      return;
    if (!right) {
      scheduler_.trim(slice.id);
      return draft(slice.id, sample);
    }
    scheduler_.accept(slice.id);
    ++sample.highWater;
  }
  if (!request->spec.generate && slice.end() == sample.promptTokens()) {
    Event event = sample.event();
    event.finish = Finish::Length;
    event.promptLogprobs = std::move(sample.promptLogprobs);
    if (sample.embedder) {
      auto embedding = sample.embedder->finish(request->spec.normalize);
      if (!embedding.ok())
        return endRequest(request, Finish::Error, embedding.status());
      event.embedding = std::make_shared<std::vector<float>>(std::move(embedding).value());
    }
    endSample(slice.id, std::move(event));
  }
}

/// False when the sequence has ended.
bool Engine::takeToken(SequenceId id, Sample &sample, Choice choice) {
  const RequestSpec &spec = sample.request->spec;
  auto contains = [&](const std::vector<int32_t> &ids) {
    return std::find(ids.begin(), ids.end(), choice.token) != ids.end();
  };
  bool stop = contains(spec.stopTokens) || (!spec.ignoreEos && contains(model_.eos));
  bool complete = sample.constraint && sample.constraint->ended();
  sample.tokens.push_back(choice.token);
  if (spec.sampling.edits())
    sample.history.addOutput(choice.token);
  ++sample.outputTokens;
  ++local_.outputTokens;

  Event event = sample.event();
  event.token = choice.token;
  event.logprob = choice.logprob;
  event.top = std::move(choice.top);
  event.promptLogprobs = std::move(sample.promptLogprobs);
  if (stop || complete)
    event.finish = Finish::Stop;
  else if (sample.outputTokens == spec.maxTokens)
    event.finish = Finish::Length;
  if (sample.text) {
    std::string text;
    if (!stop || spec.includeStop)
      text = sample.text->add(choice.token);
    if (event.finish != Finish::None)
      text += sample.text->flush();
    if (sample.outputTokens <= spec.minTokens && event.finish == Finish::None)
      event.text = std::move(text); // not searched: no stop string before min tokens
    else
      event.text = sample.stops.add(text, spec.includeStop);
    if (sample.stops.stopped()) {
      event.finish = Finish::Stop;
      event.stop = sample.stops.found();
    } else if (event.finish != Finish::None) {
      event.text += sample.stops.flush();
    }
  }
  if (event.finish != Finish::None) {
    endSample(id, std::move(event));
    return false;
  }
  scheduler_.append(id);
  deliver(sample.request, std::move(event));
  return samples_.find(id) != samples_.end(); // the callback may have thrown
}

void Engine::endSample(SequenceId id, Event event) {
  auto found = samples_.find(id);
  std::shared_ptr<Request> request = found->second->request;
  samples_.erase(found);
  scheduler_.finish(id);
  std::erase(request->live, id);
  request->failed |= event.finish == Finish::Error;
  if (request->live.empty()) {
    event.last = true;
    ++local_.finished;
    if (request->spec.deadlineMs != 0) {
      auto [first, end] = deadlines_.equal_range(request->arrival + request->spec.deadlineMs);
      auto own = std::find_if(first, end, [&](auto &d) { return d.second == request; });
      if (own != end)
        deadlines_.erase(own);
    }
    if (!request->started) {
      std::lock_guard lock(mutex_);
      admission_.leave(request->spec.key, request->promptTokens(), nowMs());
    }
    if (request->failed)
      ++local_.failed;
    publish(); // whoever reads the last event finds the request in the stats
  }
  deliver(request, std::move(event));
}

void Engine::endRequest(std::shared_ptr<Request> request, Finish why, const Status &status) {
  while (!request->live.empty()) {
    SequenceId id = request->live.front();
    const Sample &sample = *samples_.at(id);
    Event event = sample.event();
    event.finish = why;
    event.status = status;
    if (sample.text && why == Finish::Cancelled) {
      // What was held back is text that the model has written.
      std::string rest = samples_.at(id)->text->flush();
      event.text = samples_.at(id)->stops.add(rest) + samples_.at(id)->stops.flush();
    }
    endSample(id, std::move(event));
  }
}

void Engine::endAll(Finish why, const Status &status) {
  try {
    takeIn(); // those that wait in the inbox end too
    while (!samples_.empty())
      endRequest(samples_.begin()->second->request, why, status);
  } catch (...) {
    // Out of memory while reporting it: drop the sequences, so that the engine itself goes on.
    while (!samples_.empty()) {
      scheduler_.finish(samples_.begin()->first);
      samples_.erase(samples_.begin());
    }
  }
  publish();
}

void Engine::deliver(const std::shared_ptr<Request> &request, Event event) {
  event.request = request->id;
  bool last = event.last;
  if (request->sink) {
    if (!request->broken) {
      bool released;
      {
        std::lock_guard lock(mutex_);
        released = request->released;
      }
      try {
        if (!released)
          request->sink(event);
      } catch (...) {
        request->broken = true; // it is not called again
      }
    }
    if (last) {
      std::lock_guard lock(mutex_);
      requests_.erase(request->id);
    } else if (request->broken) {
      endRequest(request, Finish::Error, {Code::Internal, "the request's callback threw"});
    }
    return;
  }
  {
    std::lock_guard lock(mutex_);
    if (!request->released)
      request->events.push_back(std::move(event));
  }
  news_.notify_all();
}

void Engine::publish() {
  SchedulerCounts counts = scheduler_.counts();
  local_.queued = counts.waiting;
  local_.running = counts.running;
  local_.preemptions = counts.preemptions;
  local_.blocksUsed = counts.blocksUsed;
  local_.blocksTotal = counts.blocksTotal;
  local_.blocksCached = counts.blocksCached;
  local_.prefixQueries = counts.prefixQueries;
  local_.prefixHits = counts.prefixHits;
  std::lock_guard lock(mutex_);
  local_.refused = refused_;
  local_.queuedTokens = admission_.queuedTokens();
  published_ = local_;
  for (auto &request : inbox_)
    published_.queued += request->spec.numSamples;
}

} // namespace axiom::engine
