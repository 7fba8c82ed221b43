#include "runtime/engine/StopStrings.h"

#include <algorithm>

namespace axiom::engine {

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string &stop) { return stop.empty(); });
  std::sort(stops_.begin(), stops_.end(), [](auto &a, auto &b) { return a.size() > b.size(); });
}

std::string StopStrings::add(std::string_view piece, bool include) {
  if (stopped_)
    return {};
  size_t before = held_.size();
  std::string text = std::move(held_);
  held_.clear();
  text.append(piece);
  for (size_t end = before + 1; end <= text.size(); ++end)
    for (const std::string &stop : stops_) // longest first
      if (std::string_view(text).substr(0, end).ends_with(stop)) {
        stopped_ = true;
        found_ = stop;
        text.resize(include ? end : end - stop.size());
        return text;
      }
  // The longest end of the text that begins some stop string stays here.
  size_t keep = 0;
  for (const std::string &stop : stops_)
    for (size_t n = std::min(stop.size() - 1, text.size()); n > keep; --n)
      if (std::string_view(text).ends_with(std::string_view(stop).substr(0, n)))
        keep = n;
  held_ = text.substr(text.size() - keep);
  text.resize(text.size() - keep);
  return text;
}

std::string StopStrings::flush() {
  std::string text = std::move(held_);
  held_.clear();
  return text;
}

} // namespace axiom::engine
