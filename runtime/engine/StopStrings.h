// Finds stop strings in text that arrives in pieces, and holds back what could still become one.
// The result does not depend on how the text is cut into pieces: the stop string that is complete
// first ends the text (of several that end there, the longest).
#ifndef AXIOM_RUNTIME_ENGINE_STOPSTRINGS_H
#define AXIOM_RUNTIME_ENGINE_STOPSTRINGS_H

#include <string>
#include <string_view>
#include <vector>

namespace axiom::engine {

class StopStrings {
public:
  /// Empty strings are ignored.
  explicit StopStrings(std::vector<std::string> stops);

  /// Takes the next piece and returns the text that is certain. After a match: the text up to the
  /// stop string (with it, if `include`), and stopped() is true; later pieces give nothing.
  std::string add(std::string_view piece, bool include = false);
  /// At the end: the text still held back.
  std::string flush();

  bool stopped() const { return stopped_; }
  /// The stop string that was found.
  const std::string &found() const { return found_; }

private:
  std::vector<std::string> stops_;
  std::string held_; ///< a proper prefix of some stop string, or empty
  std::string found_;
  bool stopped_ = false;
};

} // namespace axiom::engine

#endif
