// Server-sent events and what a load generator has to know of the JSON in them: read in one pass
// without building anything, so that the generator costs next to no processor time.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_SERVE_FRAMES_H
#define AXIOM_TOOLS_AXIOM_BENCH_SERVE_FRAMES_H

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace axiom::bench {

/// Splits a stream into the data of its events, whatever pieces it comes in.
class EventReader {
public:
  /// `take` is given the data of each event that is whole; it is valid during the call.
  template <typename Take> void feed(std::string_view bytes, Take &&take) {
    buffer_.append(bytes);
    size_t begin = 0;
    for (size_t end; (end = buffer_.find('\n', std::max(begin, searched_))) != std::string::npos;) {
      std::string_view line(buffer_.data() + begin, end - begin);
      begin = end + 1;
      if (line.ends_with('\r'))
        line.remove_suffix(1);
      if (line.empty()) {
        if (hasData_)
          take(std::string_view(data_));
        data_.clear();
        hasData_ = false;
      } else if (line.starts_with("data:")) {
        line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
        if (hasData_)
          data_ += '\n';
        data_.append(line);
        hasData_ = true;
      }
    }
    buffer_.erase(0, begin);
    searched_ = buffer_.size();
  }
  /// Bytes of an event that has not ended.
  bool pending() const { return hasData_ || !buffer_.empty(); }
  void reset() { *this = EventReader(); }

private:
  std::string buffer_; ///< a line, as far as it has come
  std::string data_;
  size_t searched_ = 0; ///< of buffer_: there is no line end before
  bool hasData_ = false;
};

/// One event of a completion's stream, or the body of an answer.
struct Frame {
  bool valid = false;    ///< JSON of which nothing is missing; all else is false or unset if not
  bool done = false;     ///< "[DONE]"
  bool choice = false;   ///< `choices` is not empty
  bool text = false;     ///< a choice brings text, reasoning or a call
  bool finished = false; ///< a choice has a finish_reason
  bool error = false;
  std::string message; ///< of the error, with its escapes
  std::string id;      ///< of the first of a list's `data`: /v1/models
  std::optional<uint64_t> promptTokens, completionTokens, cachedTokens;
};

Frame scanFrame(std::string_view json);

} // namespace axiom::bench

#endif
