#include "test/unit/engine/Simulation.h"

#include "test/unit/engine/FakeRunner.h"

#include <algorithm>

namespace axiom::engine::sim {
namespace {

constexpr uint32_t kContext = 400, kEos = 47, kRequests = 14, kMostTokens = 90;

uint64_t after(uint64_t state, int32_t token) {
  return mix(state * 31 + static_cast<uint64_t>(token) + 1) | 1;
}

std::string at(RequestId id, const std::string &what) {
  return format("request %llu: ", static_cast<unsigned long long>(id)) + what;
}

} // namespace

void Totals::add(const Totals &other) {
  requests += other.requests;
  refused += other.refused;
  timedOut += other.timedOut;
  cancelled += other.cancelled;
  failed += other.failed;
  complete += other.complete;
  preemptions += other.preemptions;
  prefixHits += other.prefixHits;
  mixedSteps += other.mixedSteps;
  splitPrompts += other.splitPrompts;
  steps += other.steps;
  flood += other.flood;
  draftTokens += other.draftTokens;
  accepted += other.accepted;
  reports += other.reports;
}

void Runner::logits(uint64_t state, int32_t last, std::span<float> row) {
  std::fill(row.begin(), row.end(), -std::numeric_limits<float>::infinity());
  for (uint32_t i = 0; i < kVocab; ++i)
    row[i] = static_cast<float>(mix(state + i) % 4096) / 256.0f;
  row[kEos] -= 4.0f;
  if (state % 8 != 0)
    row[static_cast<size_t>(last) * 3 % 5] += 16.0f;
}

uint64_t Runner::stateOf(std::span<const int32_t> tokens) {
  uint64_t state = 1, all = 0;
  for (int32_t token : tokens) {
    state = after(state, token);
    all = mix(all ^ state);
  }
  return all;
}

Status Runner::step(const StepInput &in) {
  clock_ += 2000 + 50 * in.tokens.size();
  if (failNext) {
    failNext = false;
    return {Code::Internal, "the simulated device failed"};
  }
  auto cell = [&](size_t i, uint32_t position) -> uint64_t & {
    return kv_.at(in.blockTables[in.tableOffsets[i] + position / 64] * 64ull + position % 64);
  };
  for (size_t i = 0; i < in.tokens.size(); ++i) {
    auto position = static_cast<uint32_t>(in.positions[i]);
    uint64_t before = position == 0 ? 1 : cell(i, position - 1);
    uint64_t state = before == 0 ? 0 : after(before, in.tokens[i]);
    uint64_t &own = cell(i, position);
    // Another sequence may read a full block: nobody may write other bits into it.
    if (state == 0)
      fault = format("position %u is computed before the one in front of it", position);
    else if (own != 0 && own != state && position % 64 == 0)
      fault = format("position %u is written into a block that was not cleared", position);
    own = state;
  }
  for (size_t r = 0; r < in.rows.size(); ++r) {
    size_t i = in.rows[r];
    uint64_t all = 0;
    for (uint32_t p = 0; p <= static_cast<uint32_t>(in.positions[i]); ++p)
      all = mix(all ^ cell(i, p));
    std::span<float> row(in.logits + r * kStride, kStride);
    logits(all, in.tokens[i], row);
    computeTiles(row.first(kVocab), {in.tiles + r, 1});
  }
  return {};
}

void Runner::clearBlock(uint32_t block) {
  std::fill_n(kv_.begin() + static_cast<ptrdiff_t>(block) * 64, 64, 0);
}

Simulation::Simulation(uint32_t seed) : random_(seed) {
  ModelInfo info;
  info.vocab = Runner::kVocab;
  info.logitsStride = Runner::kStride;
  info.numTiles = 1;
  info.maxContext = kContext;
  info.eos = {kEos};
  SchedulerLimits &limits = options_.limits;
  limits.maxSequences = 1 + upTo(6);
  limits.maxRows = limits.maxSequences + upTo(4);
  limits.maxBatchedTokens = limits.maxRows + upTo(120);
  limits.prefixCache = !oneIn(8);
  limits.priorityMs = 50;
  if (oneIn(2)) {
    options_.maxDraftTokens = 1 + upTo(5);
    limits.maxRows += upTo(12);
    limits.maxBatchedTokens = std::max(limits.maxBatchedTokens, limits.maxRows);
  }
  options_.numBlocks = 7 + upTo(10);
  if (oneIn(2))
    options_.admission.maxQueuedRequests = 2 + upTo(6);
  if (oneIn(2))
    options_.admission.maxQueuedTokens = 300 + upTo(1000);
  if (oneIn(3))
    options_.admission.maxQueueMs = 20 + upTo(100);
  if (oneIn(3))
    options_.maxStepMs = 3 + upTo(4);
  options_.clock = [this] { return clock_; };
  auto runner = std::make_unique<Runner>(options_.numBlocks, clock_);
  runner_ = runner.get();
  engine_ = std::move(Engine::create(std::move(info), options_, std::move(runner))).value();
  clients_.resize(1 + upTo(3));
  for (size_t i = 0; i < clients_.size(); ++i)
    clients_[i].key = i * 1000;
  for (uint32_t i = 0; i < 3; ++i) {
    prefixes_.emplace_back(upTo(200));
    for (int32_t &token : prefixes_.back())
      token = static_cast<int32_t>(upTo(3)); // few tokens: equal blocks after unequal ones
  }
}

RequestSpec Simulation::makeSpec() {
  RequestSpec spec;
  spec.prompt = prefixes_[upTo(3)];
  for (uint32_t n = 1 + upTo(oneIn(4) ? 150 : 20); n > 0; --n)
    spec.prompt.push_back(static_cast<int32_t>(upTo(3)));
  uint64_t room = std::min<uint64_t>(kContext, options_.numBlocks * 64ull) - spec.prompt.size();
  spec.maxTokens =
      1 + upTo(static_cast<uint32_t>(std::min<uint64_t>(room, oneIn(3) ? kMostTokens : 12)));
  spec.sampling.temperature = oneIn(2) ? 0.0f : 1.0f;
  spec.sampling.seed = upTo(1000);
  spec.numSamples = oneIn(6) ? 2 : 1;
  spec.ignoreEos = oneIn(2);
  if (oneIn(6)) {
    spec.rows = [](uint32_t, uint32_t, std::span<const float>) {};
    spec.rowsFrom = upTo(static_cast<uint32_t>(spec.prompt.size()));
  }
  if (oneIn(6))
    spec.promptLogprobs = upTo(4);
  if (oneIn(8))
    spec.sampling.allowed = {0, 1, 2, 9, 30};
  if (oneIn(6)) // what the model likes to say
    spec.sampling.badWords = {{3}, {0, 0}, {1, 3, 4}, {2, 1}};
  spec.key = clients_[upTo(static_cast<uint32_t>(clients_.size()))].key;
  if (oneIn(4))
    spec.priority = static_cast<int32_t>(upTo(5)) - 2;
  if (oneIn(6))
    spec.deadlineMs = 1 + upTo(300);
  if (oneIn(4))
    spec.cacheSalt = std::make_shared<const std::string>(oneIn(2) ? "a" : "b");
  return spec;
}

std::string Simulation::submit(bool flood) {
  RequestSpec spec = makeSpec();
  if (flood)
    spec.key = clients_[0].key;
  ++totals_.requests;
  uint64_t retry = 0;
  auto id = engine_->submit(
      spec,
      [this](const Event &event) {
        if (std::string problem = onEvent(event); !problem.empty() && problem_.empty())
          problem_ = at(event.request, problem);
      },
      &retry);
  if (!id.ok()) {
    ++totals_.refused;
    if (id.status().code() != Code::Overloaded)
      return "refused: " + id.status().message();
    return retry == 0 ? "refused without a time to come again" : std::string();
  }
  Live &live = live_[*id];
  live.key = spec.key;
  live.spec = std::move(spec);
  live.flood = flood;
  flood ? ++liveOfFlood_ : ++submitted_;
  totals_.flood += flood;
  for (const Client &client : clients_)
    live.servedBefore.push_back(client.served);
  return {};
}

/// When a request gets its first token: no other key got much more than its own meanwhile.
std::string Simulation::checkFirst(const Live &live) {
  uint64_t own = 0;
  std::vector<uint64_t> gained;
  for (size_t i = 0; i < clients_.size(); ++i) {
    gained.push_back(clients_[i].served - live.servedBefore[i]);
    if (clients_[i].key == live.key)
      own = gained.back();
  }
  // Two keys that both wait differ by no more than what the running sequences may still take.
  uint64_t bound = 2ull * (options_.limits.maxSequences + 1) * (kContext + kMostTokens);
  for (uint64_t other : gained)
    if (other > own + bound)
      return format("another key got %llu tokens while this one waited, its own %llu",
                    static_cast<unsigned long long>(other), static_cast<unsigned long long>(own));
  return {};
}

std::string Simulation::checkTokens(const Live &live, uint32_t sample, bool whole) {
  const RequestSpec &spec = live.spec;
  auto found = live.tokens.find(sample);
  std::vector<int32_t> got = found == live.tokens.end() ? std::vector<int32_t>() : found->second;
  std::vector<int32_t> tokens = spec.prompt;
  Sampler sampler;
  alignas(64) float row[Runner::kStride];
  AxmTile tile;
  bool end = false;
  for (size_t i = 0; i < got.size(); ++i) {
    if (end)
      return "tokens come after the end";
    Runner::logits(Runner::stateOf(tokens), tokens.back(), row);
    computeTiles(std::span<const float>(row).first(Runner::kVocab), {&tile, 1});
    SampleInput input;
    input.logits = std::span<const float>(row).first(Runner::kVocab);
    input.tiles = {&tile, 1};
    input.sample = sample;
    input.output = std::span<const int32_t>(tokens).subspan(spec.prompt.size());
    input.position = static_cast<uint32_t>(tokens.size());
    int32_t expected = sampler.sample(spec.sampling, input)->token;
    if (got[i] != expected)
      return format("sample %u: token %zu is %d, alone it is %d", sample, i, got[i], expected);
    tokens.push_back(expected);
    end = i + 1 == spec.maxTokens || (!spec.ignoreEos && expected == int32_t(kEos));
  }
  return whole && !end ? "it ended too early" : std::string();
}

/// What is said of the prompt is what its rows alone say, and comes once.
std::string Simulation::checkPrompt(Live &live, const Event &event) {
  const RequestSpec &spec = live.spec;
  bool whole = event.finish == Finish::Stop || event.finish == Finish::Length;
  if (!event.promptLogprobs)
    return event.sample == 0 && spec.promptLogprobs && !live.reported && (whole || event.token >= 0)
               ? "a token comes before what is said of the prompt"
               : std::string();
  if (!spec.promptLogprobs || live.reported || event.sample != 0)
    return "something is said of the prompt, unasked or again";
  live.reported = true;
  ++totals_.reports;
  if (event.cachedTokens != 0)
    return "a prompt was found, but all of its rows are asked for";
  if (event.promptLogprobs->size() + 1 != spec.prompt.size())
    return format("%zu of %zu tokens are said", event.promptLogprobs->size(), spec.prompt.size());
  alignas(64) float row[Runner::kStride];
  AxmTile tile;
  Sampler sampler;
  for (size_t i = 1; i < spec.prompt.size(); ++i) {
    Runner::logits(Runner::stateOf(std::span(spec.prompt).first(i)), spec.prompt[i - 1], row);
    std::span<const float> logits = std::span<const float>(row).first(Runner::kVocab);
    computeTiles(logits, {&tile, 1});
    TokenReport expected =
        *sampler.report(logits, {&tile, 1}, spec.prompt[i], *spec.promptLogprobs);
    if ((*event.promptLogprobs)[i - 1] != expected)
      return format("what is said of the prompt's token %zu is not what it says alone", i);
  }
  return {};
}

std::string Simulation::onEvent(const Event &event) {
  auto found = live_.find(event.request);
  if (found == live_.end())
    return "an event after the last one";
  Live &live = found->second;
  digest_ = mix(digest_ ^ mix(event.request * 64 + event.sample) ^
                static_cast<uint64_t>(event.token + 2) ^ static_cast<uint64_t>(event.finish) << 32);
  std::string problem = checkPrompt(live, event);
  if (!problem.empty())
    return problem;
  if (event.token >= 0) {
    if (!live.started) {
      live.started = true;
      problem = checkFirst(live);
    }
    live.tokens[event.sample].push_back(event.token);
    for (Client &client : clients_)
      if (client.key == live.key)
        client.served +=
            live.tokens[event.sample].size() == 1 ? 1 + event.promptTokens - event.cachedTokens : 1;
  }
  if (event.cachedTokens >= event.promptTokens)
    problem = "no token of the prompt was computed";
  if (event.finish == Finish::None)
    return problem;
  bool whole = event.finish == Finish::Stop || event.finish == Finish::Length;
  if (problem.empty())
    problem = checkTokens(live, event.sample, whole);
  if (!event.last)
    return problem;
  if (event.finish == Finish::Cancelled)
    ++totals_.cancelled;
  else if (whole)
    ++totals_.complete;
  else if (event.status.code() == Code::TimedOut)
    ++totals_.timedOut;
  else
    ++totals_.failed;
  if (event.finish == Finish::Cancelled && !live.cancelled)
    problem = "cancelled by nobody";
  liveOfFlood_ -= live.flood;
  live_.erase(found);
  return problem;
}

std::string Simulation::run() {
  bool failures = oneIn(4);
  // A client that always has requests waiting, for as long as others have any.
  bool flood = clients_.size() > 1 && oneIn(4);
  uint32_t pace = 1 + upTo(6), steps = 0;
  while (submitted_ < kRequests || !live_.empty()) {
    if (++steps > 20000)
      return "no end in sight";
    bool others = submitted_ < kRequests || live_.size() > liveOfFlood_;
    for (uint32_t n = 0; flood && others && n < 4 && liveOfFlood_ < 10; ++n)
      if (std::string problem = submit(true); !problem.empty())
        return problem;
    while (submitted_ < kRequests && (live_.size() == liveOfFlood_ || oneIn(pace))) {
      uint32_t before = submitted_;
      if (std::string problem = submit(false); !problem.empty())
        return problem;
      if (submitted_ == before)
        break; // refused: time has to pass
    }
    if (oneIn(25) && !live_.empty()) {
      auto victim = std::next(live_.begin(), upTo(static_cast<uint32_t>(live_.size())));
      victim->second.cancelled = true;
      engine_->cancel(victim->first);
    }
    runner_->failNext = failures && oneIn(60);
    bool worked = engine_->step();
    if (!worked) {
      clock_ += 1000 * (1 + upTo(30));
      if (!live_.empty())
        return "the engine is idle, but requests are alive";
    }
    if (!problem_.empty())
      return problem_;
    if (!runner_->fault.empty())
      return runner_->fault;
    if (std::string broken = engine_->checkInvariants(); !broken.empty())
      return broken;
    Stats stats = engine_->stats();
    if (stats.queued + stats.running > 2 * live_.size())
      return "the engine has sequences whose requests have ended";
  }
  return finish();
}

std::string Simulation::finish() {
  engine_->step(); // cancels that came too late
  Stats stats = engine_->stats();
  totals_.preemptions = stats.preemptions;
  totals_.prefixHits = stats.prefixHits;
  totals_.mixedSteps = stats.mixedSteps;
  totals_.splitPrompts = stats.splitPrompts;
  totals_.draftTokens = stats.draftTokens;
  totals_.accepted = stats.acceptedDraftTokens;
  totals_.steps = stats.steps;
  if (stats.running != 0 || stats.queued != 0 || stats.blocksUsed != 0 || stats.queuedTokens != 0)
    return format("left over: %u running, %u queued, %u blocks, %llu tokens in the queue",
                  stats.running, stats.queued, stats.blocksUsed,
                  static_cast<unsigned long long>(stats.queuedTokens));
  if (stats.refused != totals_.refused || stats.timedOut != totals_.timedOut)
    return "requests are miscounted";
  return {};
}

} // namespace axiom::engine::sim
