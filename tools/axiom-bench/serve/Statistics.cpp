#include "tools/axiom-bench/serve/Statistics.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace axiom::bench {

double percentile(const std::vector<double> &sorted, double share) {
  if (sorted.empty())
    return 0;
  double place = share * static_cast<double>(sorted.size() - 1);
  auto below = static_cast<size_t>(place);
  size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
}

Distribution distribution(std::vector<double> &values) {
  Distribution d;
  d.count = values.size();
  if (values.empty())
    return d;
  std::sort(values.begin(), values.end());
  double n = static_cast<double>(values.size()), sum = 0, squares = 0;
  for (double value : values)
    sum += value;
  d.mean = sum / n;
  for (double value : values)
    squares += (value - d.mean) * (value - d.mean);
  d.deviation = std::sqrt(squares / n);
  d.median = d.p50 = percentile(values, 0.5);
  d.p90 = percentile(values, 0.9);
  d.p99 = percentile(values, 0.99);
  d.most = values.back();
  return d;
}

bool Goodput::good(const Record &record) const {
  return record.completed && record.ttft() * 1e3 <= ttft && record.tpot() * 1e3 <= tpot &&
         record.e2el() * 1e3 <= e2el;
}

Result<Goodput> parseGoodput(const std::vector<std::string> &words) {
  Goodput goodput;
  for (const std::string &word : words) {
    size_t colon = word.find(':');
    std::string name = word.substr(0, colon);
    double *bound = name == "ttft"   ? &goodput.ttft
                    : name == "tpot" ? &goodput.tpot
                    : name == "e2el" ? &goodput.e2el
                                     : nullptr;
    double value = 0;
    std::string_view text =
        colon == std::string::npos ? std::string_view() : std::string_view(word).substr(colon + 1);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (!bound || error != std::errc() || end != text.data() + text.size() || !(value >= 0))
      return Status(Code::InvalidArgument,
                    "--goodput '" + word +
                        "' is no bound: give ttft:MS, tpot:MS or e2el:MS, for example ttft:500");
    if (std::isfinite(*bound))
      return Status(Code::InvalidArgument, "--goodput has two bounds for " + name);
    *bound = value;
    goodput.given = true;
  }
  return goodput;
}

Summary summarize(const std::vector<Record> &records, double duration, const Goodput &goodput) {
  Summary s;
  s.duration = duration;
  std::vector<double> ttft, tpot, itl, e2el, rejection;
  for (const Record &r : records) {
    if (r.sent < 0)
      continue; // never sent: the run was stopped before
    if (r.status != 0 || !r.spoiled)
      ++s.statuses[r.status];
    if (r.rejected()) {
      ++s.rejected;
      ++s.failed;
      rejection.push_back(r.e2el() * 1e3);
      continue;
    }
    if (r.spoiled) {
      ++s.spoiled;
      continue;
    }
    if (!r.completed) {
      ++s.failed;
      ++s.errors[r.error];
      continue;
    }
    s.inputTokens += r.promptTokens;
    s.outputTokens += r.outputTokens;
    s.cachedTokens += r.cachedTokens;
    ++s.completed;
    if (r.behaviour == Behaviour::Slow) {
      ++s.slow; // its times are its own
      continue;
    }
    if (goodput.good(r)) {
      ++s.good;
      s.goodTokens += r.outputTokens;
    }
    ttft.push_back(r.ttft() * 1e3);
    if (r.outputTokens > 1)
      tpot.push_back(r.tpot() * 1e3);
    e2el.push_back(r.e2el() * 1e3);
    for (float gap : r.gaps)
      itl.push_back(static_cast<double>(gap) * 1e3);
  }
  s.ttft = distribution(ttft);
  s.tpot = distribution(tpot);
  s.itl = distribution(itl);
  s.e2el = distribution(e2el);
  s.rejection = distribution(rejection);
  return s;
}

} // namespace axiom::bench
