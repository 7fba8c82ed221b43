#include "compiler/mix/FormatMix.h"

#include <algorithm>
#include <tuple>

namespace axiom::mix {

namespace {

/// A tensor's step from one choice to a larger one.
struct Step {
  size_t tensor;
  uint32_t from, to;
  uint64_t bytes;
  double savedPerByte;
};

/// Indices of the choices worth taking, from small to large: each step saves less error per byte
/// than the one before it (the lower convex hull), and the last has the least error of all.
std::vector<uint32_t> hullOf(const TensorChoices &choices) {
  std::vector<uint32_t> order(choices.size());
  for (uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::tie(choices[a].bytes, choices[a].error, a) <
           std::tie(choices[b].bytes, choices[b].error, b);
  });
  auto slope = [&](uint32_t a, uint32_t b) {
    return (choices[a].error - choices[b].error) /
           static_cast<double>(choices[b].bytes - choices[a].bytes);
  };
  std::vector<uint32_t> hull;
  for (uint32_t next : order) {
    if (!hull.empty() && (choices[next].bytes == choices[hull.back()].bytes ||
                          choices[next].error >= choices[hull.back()].error))
      continue;
    while (hull.size() > 1 && slope(hull[hull.size() - 2], hull.back()) <= slope(hull.back(), next))
      hull.pop_back();
    hull.push_back(next);
  }
  return hull;
}

} // namespace

std::vector<uint32_t> chooseFormats(const std::vector<TensorChoices> &tensors, uint64_t budget) {
  std::vector<uint32_t> chosen;
  std::vector<Step> steps;
  uint64_t total = 0;
  for (size_t t = 0; t < tensors.size(); ++t) {
    std::vector<uint32_t> hull = hullOf(tensors[t]);
    chosen.push_back(hull[0]);
    total += tensors[t][hull[0]].bytes;
    for (size_t i = 1; i < hull.size(); ++i) {
      const FormatChoice &from = tensors[t][hull[i - 1]], &to = tensors[t][hull[i]];
      uint64_t bytes = to.bytes - from.bytes;
      steps.push_back(
          {t, hull[i - 1], hull[i], bytes, (from.error - to.error) / static_cast<double>(bytes)});
    }
  }
  // Along a hull the gain per byte falls, so a tensor's steps stay in their order.
  std::sort(steps.begin(), steps.end(), [](const Step &a, const Step &b) {
    return a.savedPerByte != b.savedPerByte
               ? a.savedPerByte > b.savedPerByte
               : std::tie(a.tensor, a.from) < std::tie(b.tensor, b.from);
  });
  for (const Step &step : steps) {
    // A step that does not fit is left out, with the tensor's later ones; smaller ones may fit.
    if (chosen[step.tensor] != step.from || total + step.bytes > budget)
      continue;
    chosen[step.tensor] = step.to;
    total += step.bytes;
  }
  return chosen;
}

} // namespace axiom::mix
