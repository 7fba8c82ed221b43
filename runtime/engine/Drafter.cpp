#include "runtime/engine/Drafter.h"

#include <algorithm>

namespace axiom::engine {
namespace {

uint64_t runKey(std::span<const int32_t> run) { // two runs that meet cost a wrong guess, no more
  uint64_t key = 0xcbf29ce484222325ull;
  for (int32_t token : run)
    key = (key ^ static_cast<uint32_t>(token)) * 0x9e3779b97f4a7c15ull, key ^= key >> 29;
  return key;
}

} // namespace

std::vector<int32_t> Drafter::draft(std::span<const int32_t> tokens, uint32_t most) {
  auto size = static_cast<uint32_t>(tokens.size());
  // The run that ends with the last token is looked up, not entered: it would find itself.
  for (seen_ = std::max(seen_, 1u); seen_ < size; ++seen_)
    for (uint32_t n = kShortest; n <= kLongest && n <= seen_; ++n)
      after_[n][runKey(tokens.subspan(seen_ - n, n))] = seen_;
  for (uint32_t n = kLongest; n >= kShortest; --n) {
    if (n > size)
      continue;
    auto found = after_[n].find(runKey(tokens.last(n)));
    if (found == after_[n].end())
      continue;
    auto rest = tokens.subspan(found->second);
    rest = rest.first(std::min<size_t>(rest.size(), most));
    return {rest.begin(), rest.end()};
  }
  return {};
}

void DraftControl::drafted(uint32_t tokens) {
  drafted_ = drafted_ * 0.95 + tokens;
  accepted_ *= 0.95;
}

void DraftControl::addStep(uint64_t microseconds, uint32_t outputs) {
  microseconds_ = microseconds_ * 0.95 + static_cast<double>(microseconds);
  outputs_ = outputs_ * 0.95 + outputs;
}

uint32_t DraftControl::length(const StepCost &cost) {
  if (most_ == 0 || drafted_ < 8 || outputs_ == 0 || !cost.known())
    return most_;
  // A draft's token costs what one more token costs a step, and brings, where it stands, what a
  // token costs now.
  double share = accepted_ / drafted_, brings = share * microseconds_ / outputs_;
  if (brings > cost.perToken()) {
    sinceProbe_ = 0;
    // Each further token stands only if all before it do.
    return std::clamp(static_cast<uint32_t>(1 + 2 * share * most_), 1u, most_);
  }
  if (++sinceProbe_ < kProbe)
    return 0;
  sinceProbe_ = 0;
  return std::min(most_, 2u);
}

} // namespace axiom::engine
