#include "runtime/engine/Sampler.h"

#include "runtime/base/DetMath.h"
#include "runtime/engine/Philox.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace axiom::engine {
namespace {

constexpr float kExcluded = -std::numeric_limits<float>::infinity();
constexpr size_t kMaxBadTokens = 65536;
constexpr double kWeightOne = 1073741824.0; // 2^30
/// exp(x) * 2^30 < 1 below this: the weight is 0 without computing it.
constexpr double kNoWeight = -20.8;

Status bad(const char *name, double value, const char *bounds) {
  return {Code::InvalidArgument,
          format("%s = %g is out of range: it must be %s", name, value, bounds)};
}

int32_t largest(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i)
    if (logits[i] > logits[best])
      best = i;
  return static_cast<int32_t>(best);
}

void removeForbidden(std::span<float> logits, std::span<const uint32_t> allowed) {
  for (size_t word = 0; word < allowed.size(); ++word) {
    if (allowed[word] == ~uint32_t(0))
      continue;
    size_t end = std::min(word * 32 + 32, logits.size());
    for (size_t i = word * 32; i < end; ++i)
      if ((allowed[word] >> (i % 32) & 1) == 0)
        logits[i] = kExcluded;
  }
}

} // namespace

Status checkSampling(const SamplingParams &p, uint32_t vocab) {
  if (!(p.temperature >= 0.0f && p.temperature <= 100.0f))
    return bad("temperature", p.temperature, "0 (greedy) to 100");
  if (!(p.topP > 0.0f && p.topP <= 1.0f))
    return bad("top_p", p.topP, "above 0 and at most 1 (off)");
  if (!(p.minP >= 0.0f && p.minP <= 1.0f))
    return bad("min_p", p.minP, "0 (off) to 1");
  if (!(p.repetitionPenalty >= 0.01f && p.repetitionPenalty <= 100.0f))
    return bad("repetition_penalty", p.repetitionPenalty, "0.01 to 100, 1 = off");
  if (!(std::abs(p.presencePenalty) <= 100.0f))
    return bad("presence_penalty", p.presencePenalty, "-100 to 100, 0 = off");
  if (!(std::abs(p.frequencyPenalty) <= 100.0f))
    return bad("frequency_penalty", p.frequencyPenalty, "-100 to 100, 0 = off");
  if (p.numLogprobs > kMaxLogprobs)
    return bad("logprobs", p.numLogprobs, "at most 128");
  for (int32_t token : p.allowed)
    if (token < 0 || static_cast<uint32_t>(token) >= vocab)
      return {
          Code::InvalidArgument,
          format("allowed_token_ids names token %d, but the model has %u tokens", token, vocab)};
  if (!std::ranges::is_sorted(p.allowed))
    return {Code::InvalidArgument, "allowed_token_ids are not in rising order"};
  size_t badTokens = 0;
  for (const std::vector<int32_t> &word : p.badWords) {
    badTokens += word.size();
    if (word.empty())
      return {Code::InvalidArgument, "a bad word has no tokens"};
    for (int32_t token : word)
      if (token < 0 || static_cast<uint32_t>(token) >= vocab)
        return {Code::InvalidArgument,
                format("bad_words names token %d, but the model has %u tokens", token, vocab)};
  }
  if (badTokens > kMaxBadTokens)
    return bad("tokens of bad_words", static_cast<double>(badTokens), "at most 65536 together");
  for (auto &[token, bias] : p.logitBias) {
    if (token < 0 || static_cast<uint32_t>(token) >= vocab)
      return {Code::InvalidArgument,
              format("logit_bias names token %d, but the model has %u tokens", token, vocab)};
    if (!(std::abs(bias) <= 1000.0f))
      return bad("logit_bias", bias, "-1000 to 1000");
  }
  return {};
}

bool tilesSuffice(const SamplingParams &params, std::span<const int32_t> excluded,
                  bool constrained) {
  return params.temperature == 0.0f && !params.edits() && !params.narrows() && excluded.empty() &&
         !constrained && !params.wantLogprob && params.numLogprobs == 0;
}

void Sampler::edit(const SamplingParams &params, const SampleInput &input) {
  edited_.assign(input.logits.begin(), input.logits.end());
  if (input.history && params.repetitionPenalty != 1.0f)
    for (auto &[token, seen] : input.history->seen) {
      float &l = edited_[static_cast<size_t>(token)];
      l = l > 0.0f ? l / params.repetitionPenalty : l * params.repetitionPenalty;
    }
  if (input.history && (params.frequencyPenalty != 0.0f || params.presencePenalty != 0.0f))
    for (auto &[token, count] : input.history->output) {
      float &l = edited_[static_cast<size_t>(token)];
      float frequency = params.frequencyPenalty * static_cast<float>(count);
      l = l - frequency;
      l = l - params.presencePenalty;
    }
  for (auto &[token, bias] : params.logitBias)
    edited_[static_cast<size_t>(token)] += bias;
  if (!params.allowed.empty()) {
    size_t from = 0; // ids between two allowed ones go
    for (int32_t token : params.allowed) {
      auto end = static_cast<size_t>(token);
      std::fill(edited_.begin() + static_cast<ptrdiff_t>(from),
                edited_.begin() + static_cast<ptrdiff_t>(std::max(from, end)), kExcluded);
      from = end + 1;
    }
    std::fill(edited_.begin() + static_cast<ptrdiff_t>(from), edited_.end(), kExcluded);
  }
  for (const std::vector<int32_t> &word : params.badWords) {
    std::span<const int32_t> before = std::span(word).first(word.size() - 1);
    if (before.size() <= input.output.size() &&
        std::ranges::equal(before, input.output.last(before.size())))
      edited_[static_cast<size_t>(word.back())] = kExcluded;
  }
  removeForbidden(edited_, input.mask);
  held_.clear();
  for (int32_t token : input.excluded) {
    held_.push_back(edited_[static_cast<size_t>(token)]);
    edited_[static_cast<size_t>(token)] = kExcluded;
  }
}

std::vector<TokenLogprob> Sampler::mostLikely(std::span<const float> logits, const RowStats &stats,
                                              uint32_t count) {
  std::vector<TokenLogprob> top;
  if (count == 0)
    return top;
  auto better = [](const Candidate &a, const Candidate &b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  // A heap of the best so far, the worst of them on top.
  candidates_.clear();
  size_t kept = std::min<size_t>(count, logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (candidates_.size() == kept) {
      if (!(logits[i] > candidates_.front().logit)) // of equal ones the earlier stays
        continue;
      std::ranges::pop_heap(candidates_, better);
      candidates_.pop_back();
    }
    candidates_.push_back({logits[i], static_cast<int32_t>(i), 0});
    std::ranges::push_heap(candidates_, better);
  }
  std::ranges::sort_heap(candidates_, better);
  top.reserve(kept);
  for (size_t i = 0; i < kept; ++i)
    top.push_back(
        {candidates_[i].id, static_cast<float>(logProbability(stats, candidates_[i].logit))});
  return top;
}

Result<TokenReport> Sampler::report(std::span<const float> logits, std::span<const AxmTile> tiles,
                                    int32_t token, uint32_t count) {
  RowStats stats = joinTiles(tiles);
  if (!stats.finite)
    return {Code::Internal,
            "the logits are not finite: the model's numbers overflow on this input"};
  auto id = static_cast<size_t>(token);
  float own = logits[id];
  TokenReport report;
  report.token = {token, static_cast<float>(logProbability(stats, own))};
  report.rank = 1;
  for (size_t i = 0; i < logits.size(); ++i)
    report.rank += logits[i] > own || (logits[i] == own && i < id);
  report.top = mostLikely(logits, stats, count);
  return report;
}

Result<Choice> Sampler::sample(const SamplingParams &params, const SampleInput &input) {
  if (input.logits.empty() && !tilesSuffice(params, input.excluded, !input.mask.empty()))
    return {Code::Internal, format("there are no logits for position %u", input.position)};
  RowStats stats = joinTiles(input.tiles);
  if (!stats.finite)
    return {Code::Internal, format("the logits for position %u are not finite: the model's numbers "
                                   "overflow on this input",
                                   input.position)};
  Choice choice;
  std::span<const float> logits = input.logits;
  if (params.edits() || params.narrows() || !input.excluded.empty() || !input.mask.empty()) {
    edit(params, input);
    logits = edited_;
    choice.token = largest(logits);
    if (!input.mask.empty() && !(logits[static_cast<size_t>(choice.token)] > kExcluded)) {
      // The constraint allows an end and nothing else. Backwards, as an id may stand there twice.
      for (size_t i = input.excluded.size(); i-- > 0;)
        edited_[static_cast<size_t>(input.excluded[i])] = held_[i];
      choice.token = largest(logits);
    }
    if (!(logits[static_cast<size_t>(choice.token)] > kExcluded))
      return {Code::InvalidArgument,
              format("no token may come at position %u: what is allowed, bad words and min_tokens "
                     "leave none",
                     input.position)};
  } else {
    choice.token = stats.argmax;
  }
  if (params.temperature > 0.0f) {
    SampleInput view = input;
    choice.token = draw(params, view, logits);
  }

  if (params.wantLogprob || params.numLogprobs > 0)
    choice.logprob =
        static_cast<float>(logProbability(stats, input.logits[static_cast<size_t>(choice.token)]));
  choice.top = mostLikely(input.logits, stats, params.numLogprobs);
  return choice;
}

int32_t Sampler::draw(const SamplingParams &params, const SampleInput &input,
                      std::span<const float> logits) {
  double max = static_cast<double>(logits[static_cast<size_t>(largest(logits))]);
  double temperature = static_cast<double>(params.temperature);
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    double x = (static_cast<double>(logits[i]) - max) / temperature;
    if (!(x >= kNoWeight))
      continue;
    auto weight = static_cast<uint64_t>(detExp(x) * kWeightOne);
    if (weight > 0)
      candidates_.push_back({logits[i], static_cast<int32_t>(i), weight});
  }
  auto better = [](const Candidate &a, const Candidate &b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  size_t kept = candidates_.size();
  if (params.topK > 0 && params.topK < kept) {
    kept = params.topK;
    std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<ptrdiff_t>(kept),
                     candidates_.end(), better);
    candidates_.resize(kept);
  }
  if (params.topP < 1.0f) {
    std::sort(candidates_.begin(), candidates_.end(), better);
    uint64_t total = 0; // at most 2^20 ids * 2^30: exact in f64
    for (auto &c : candidates_)
      total += c.weight;
    double target = static_cast<double>(params.topP) * static_cast<double>(total);
    uint64_t sum = 0;
    for (kept = 0; kept < candidates_.size() && static_cast<double>(sum) < target; ++kept)
      sum += candidates_[kept].weight;
    candidates_.resize(kept);
  }
  if (params.minP > 0.0f) {
    double least = static_cast<double>(params.minP) * kWeightOne; // the largest weight is 2^30
    std::erase_if(candidates_,
                  [&](const Candidate &c) { return static_cast<double>(c.weight) < least; });
  }
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate &a, const Candidate &b) { return a.id < b.id; });
  uint64_t total = 0;
  for (auto &c : candidates_)
    total += c.weight;
  // The high half of a 128-bit product: uniform on [0, total) without division.
  auto wide = static_cast<unsigned __int128>(sampleBits(params.seed, input.sample, input.position));
  auto point = static_cast<uint64_t>((wide * total) >> 64);
  for (auto &c : candidates_) {
    if (point < c.weight)
      return c.id;
    point -= c.weight;
  }
  return candidates_.back().id; // not reached: point < total
}

} // namespace axiom::engine
